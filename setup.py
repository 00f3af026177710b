"""Package metadata comes from settings.ini, its single source; tool settings live in pyproject.toml."""

from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

cfg = ConfigParser(interpolation=None)
cfg.read(Path(__file__).parent / "settings.ini", encoding="utf-8")
meta = cfg["DEFAULT"]


def lines(key):
    return [line.strip() for line in meta[key].splitlines() if line.strip()]


setup(
    name=meta["name"],
    version=meta["version"],
    description=meta["description"],
    long_description=Path("README.md").read_text(encoding="utf-8")
    if Path("README.md").exists()
    else "",
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
    },
    install_requires=lines("requirements"),
    extras_require={
        name: lines(f"{name}_requirements")
        for name in ("dev", "docs", "notebook", "ray", "timm", "distributed", "tensorboard", "mlflow")
    },
    entry_points={"console_scripts": lines("console_scripts")},
)
