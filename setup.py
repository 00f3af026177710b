"""Package metadata comes from settings.ini, its single source; tools are set in pyproject.toml."""

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

EXTRAS = (
    "dev",
    "docs",
    "notebook",
    "ray",
    "timm",
    "weights",
    "distributed",
    "tensorboard",
    "mlflow",
    "dicom",
    "onnx",
    "app",
    "serve",
    "hub",
    "wandb",
    "trackio",
)

settings = ConfigParser(interpolation=None)
settings.read(Path(__file__).parent / "settings.ini", encoding="utf-8")
meta = settings["DEFAULT"]
readme = Path("README.md")


def lines(key: str) -> list[str]:
    """Split a setting of several lines."""
    stripped = [line.strip() for line in meta[key].splitlines()]
    return [line for line in stripped if line]


setup(
    name=meta["name"],
    version=meta["version"],
    description=meta["description"],
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    author=meta["author"],
    keywords=meta["keywords"],
    license_expression=meta["license"],
    license_files=["LICENSE"],
    python_requires=f">={meta['min_python']}",
    packages=find_packages(include=["cxr_fastai*"]),
    package_data={
        "": ["*.html", "py.typed"],
        "cxr_fastai": ["data_manifest.csv", "recipes/*.toml"],
        "cxr_fastai.app": ["static/*.css", "static/*.js"],
        "cxr_fastai.lungs": ["*.safetensors", "NOTICE.md"],
    },
    install_requires=lines("requirements"),
    extras_require={name: lines(f"{name}_requirements") for name in EXTRAS},
    entry_points={"console_scripts": lines("console_scripts")},
)
