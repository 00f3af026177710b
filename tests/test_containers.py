"""pytest tests/test_containers.py

The image and the devcontainer: by rules, since no container engine runs where tests do; what serving imports, in a
process that has nothing else; and (slow) the steps of the Dockerfile run one by one."""

import configparser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from urllib.request import Request, urlopen

import dockerfile
import pytest
import served_alone
import torch
from gate_films import small_gate
from packaging.requirements import Requirement
from toy_rows import META, VOCAB

from cxr_fastai.bundle import export_onnx, load_bundle, save_bundle
from cxr_fastai.models.networks import build_network

ROOT = Path(__file__).parent.parent
IMAGE = (ROOT / "Dockerfile").read_text()
IGNORE = (ROOT / ".dockerignore").read_text()
LEFT_OUT = {
    "torch",
    "torchvision",
    "fastai",
    "pandas",
    "sklearn",
    "scipy",
    "matplotlib",
    "cv2",
    "faiss",
}


def serve_requirements() -> list[str]:
    cfg = configparser.ConfigParser(interpolation=None)
    cfg.read(ROOT / "settings.ini")
    return cfg["DEFAULT"]["serve_requirements"].split()


# ---- rules


@pytest.mark.parametrize(
    "path, serves", [("Dockerfile", True), (".devcontainer/Dockerfile", False)]
)
def test_a_dockerfile_has_no_fault(path, serves):
    assert dockerfile.faults((ROOT / path).read_text(), serves) == []


GOOD = "FROM python:3.11.14-slim\nUSER 7:7\n"


@pytest.mark.parametrize(
    "text, fault",
    [
        ("FROM python:latest\nUSER 7:7\n", "no whole version"),
        ("FROM python:3.11\nUSER 7:7\n", "no whole version"),
        ("FROM python\nUSER 7:7\n", "no whole version"),
        ("ARG B=python:3\nFROM ${B}\nUSER 7:7\n", "no whole version"),
        ("FROM python:3.11.14@sha256:..\nUSER 7:7\n", "no digest"),
        (GOOD + "ADD a b\n", "ADD"),
        (GOOD + "RUN apt-get install --yes git\n", "lists of apt"),
        (GOOD + "RUN curl x\n", "curl"),
        (GOOD + "RUN a | b\n", "pipe"),
        (GOOD + "WORKDIR src\n", "not absolute"),
        (GOOD + "ENV API_TOKEN=x\n", "secret"),
        (GOOD + "CMD cxr app\n", "shell"),
        (GOOD + "HEALTHCHECK CMD python x\n", "shell"),
        (GOOD, "no HEALTHCHECK"),
        ("FROM python:3.11.14\n", "USER"),
        (GOOD + "USER root\n", "USER"),
        (GOOD + "USER 0:0\n", "USER"),
        (GOOD + "FROM python:3.11.14\n", "USER"),
    ],
)
def test_the_rules_find_what_they_are_for(text, fault):
    assert any(fault in found for found in dockerfile.faults(text, serves=True))


def test_what_is_copied_exists_and_goes_to_the_build():
    paths = dockerfile.copied(IMAGE)
    assert "cxr_fastai" in paths and "constraints.txt" in paths
    for path in paths:
        assert (ROOT / path).exists() and dockerfile.goes_to_the_build(IGNORE, path), path
    assert dockerfile.goes_to_the_build(IGNORE, "cxr_fastai/app/static/style.css")


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "data/six/a.png",
        "runs/x/bundle/bundle.json",
        "demo/x",
        "tests/toy.py",
    ]
    + [
        "token",
        ".env",
        "mlflow.db",
        "nbs/a.ipynb",
        "docs/index.md",
        "cxr_fastai/__pycache__/core.pyc",
    ]
    + ["cxr_fastai/app/.env", "cxr_fastai/core.pyc", "build/lib/x.py"],
)
def test_nothing_else_goes_to_the_build(path):
    assert not dockerfile.goes_to_the_build(IGNORE, path)


def test_the_health_check_asks_the_port_that_the_server_listens_at():
    told = dockerfile.read(IMAGE)
    (entry,) = dockerfile.of(told, "ENTRYPOINT")
    command = json.loads(entry.text)
    port = command[command.index("--port") + 1]
    (health,) = dockerfile.of(told, "HEALTHCHECK")
    assert f"127.0.0.1:{port}/health" in health.text
    assert dockerfile.of(told, "EXPOSE")[0].text == port


def test_the_run_line_of_the_docs_locks_the_container_up():
    page = (ROOT / "docs/deploy.md").read_text()
    (line,) = re.findall(r"docker run .*?[^\\]\n", page, flags=re.S)[:1]
    for flag in (
        "--read-only",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--memory",
        "--pids-limit",
        "--publish 127.0.0.1:",
        ":/bundle:ro",
        ":/run/secrets/token:ro",
    ):
        assert flag in line, flag
    assert "--privileged" not in page and "docker.sock" not in page


def test_the_devcontainer_is_no_root_and_builds_what_is_there():
    told = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert (ROOT / ".devcontainer" / told["build"]["dockerfile"]).is_file()
    user = re.search(r"useradd .* (\w+)$", (ROOT / ".devcontainer/Dockerfile").read_text(), re.M)[1]
    assert told["remoteUser"] == user != "root" and "--cap-drop=ALL" in told["runArgs"]
    target = told["postCreateCommand"].split()[1]
    assert "READY := $(VENV)/.ready" in (ROOT / "Makefile").read_text() and target == ".venv/.ready"


# ---- what serving imports


def closure(requirements: list[str]) -> list[metadata.Distribution]:
    "The distributions that pip would bring for these, as they are installed here."
    found, todo = {}, list(requirements)
    while todo:
        wanted = Requirement(todo.pop())
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        name = wanted.name.lower()
        if name not in found or wanted.extras:
            found[name] = metadata.distribution(name)
            todo += found[name].requires or []
            for extra in wanted.extras:
                todo += of_extra(found[name], extra)
    return list(found.values())


def of_extra(distribution, extra: str) -> list[str]:
    found = []
    for need in map(Requirement, distribution.requires or []):
        if need.marker and need.marker.evaluate({"extra": extra}):
            need.marker = None
            found.append(str(need))
    return found


def folder_of(distributions, folder: Path) -> Path:
    "Links to what these distributions installed: a site-packages that has nothing else."
    folder.mkdir()
    for each in distributions:
        tops = {file.parts[0] for file in each.files if file.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(each.locate_file(top)))
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    "A bundle of a small network with its gate, in ONNX."
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("exported") / "bundle"
    save_bundle(
        folder, build_network("cnn", len(VOCAB)), {**META, "arch": "cnn"}, gate=small_gate()
    )
    export_onnx(load_bundle(folder, "cpu"))
    return folder


def test_serving_with_onnx_imports_what_settings_ini_lists_and_no_more(exported, tmp_path):
    packages = folder_of(closure(serve_requirements()), tmp_path / "site")
    paths = [packages, ROOT, ROOT / "tests"]
    env = {**os.environ, "PYTHONPATH": ":".join(map(str, paths)), "CXR_CACHE": str(tmp_path / "c")}
    (tmp_path / "films").mkdir()
    (tmp_path / "films/a.png").write_bytes(served_alone.png())
    (tmp_path / "films/b.dcm").write_bytes(served_alone.dicom())
    python = sys._base_executable  # not the environment's: decoders are started by the same
    command = [python, "-S", str(ROOT / "tests/served_alone.py"), str(exported), "films"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-3000:]
    seen = set(json.loads(done.stdout.splitlines()[-1]))
    assert {"onnxruntime", "fasthtml", "PIL"} <= seen and not seen & LEFT_OUT


# ---- the steps, one by one, in a folder instead of in an image


class Steps:
    "Runs what a stage says, below a folder that stands for the root of the file system."

    def __init__(self, root: Path):
        self.root = root
        self.cwd = root
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(root)}
        kept = [name for name in os.environ if name.startswith(("PIP_", "SSL_", "UV_"))]
        self.env |= {name: os.environ[name] for name in kept}  # where this machine's packages lie

    def moved(self, text: str) -> str:
        return re.sub(r"(?<![\w.])/(src|opt/cxr)\b", f"{self.root}/\\1", text)

    def do(self, step: dockerfile.Instruction) -> None:
        if step.name == "ENV":
            self.env |= dict(word.split("=", 1) for word in map(self.moved, step.words))
        elif step.name == "WORKDIR":
            self.cwd = Path(self.moved(step.text))
            self.cwd.mkdir(parents=True, exist_ok=True)
        elif step.name == "COPY":
            self.copy([word for word in step.words if not word.startswith("--")])
        elif step.name == "RUN":
            done = subprocess.run(
                ["sh", "-c", self.moved(step.text)], cwd=self.cwd, env=self.env, capture_output=True
            )
            assert done.returncode == 0, (done.stdout + done.stderr).decode()[-3000:]

    def copy(self, words: list[str]) -> None:
        for name in words[:-1]:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".*")
                shutil.copytree(ROOT / name, self.cwd / words[-1], ignore=ignored)
            else:
                shutil.copy(ROOT / name, self.cwd)


def everybody_may_read(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 for folder in path.resolve().parents)


def base_python() -> Path:
    "The Python that stands for the base image's: one that another user can start, where there is one."
    own = Path(sys._base_executable)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [own, *[Path(folder, version) for folder in ("/usr/local/bin", "/usr/bin")]]
    readable = [path for path in found if path.exists() and everybody_may_read(path)]
    return readable[0] if readable else own


@pytest.fixture(scope="module")
def image():
    "A folder with opt/cxr, as the image has it; not in pytest's, which no other user may enter."
    root = Path(tempfile.mkdtemp(prefix="cxr-image-"))
    root.chmod(0o755)
    steps = Steps(root)
    programmes = {"python": base_python(), "pip": f"{sys.executable} -m pip"}
    (root / "base").mkdir()
    for name, runs in programmes.items():
        (root / "base" / name).write_text(f'#!/bin/sh\nexec {runs} "$@"\n')
        (root / "base" / name).chmod(0o755)
    steps.env["PATH"] = f"{root / 'base'}:{steps.env['PATH']}"
    try:
        for step in dockerfile.read(IMAGE):
            if step.stage == 0:
                steps.do(step)
        yield root
    finally:
        shutil.rmtree(root)


def size_of(folder: Path) -> int:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(path.stat().st_size for path in files)


def command_of(image: Path, bundle: Path, token: Path, port: int) -> list[str]:
    told = dockerfile.read(IMAGE)
    words = []
    for name in ("ENTRYPOINT", "CMD"):
        words += json.loads(dockerfile.of(told, name, 1)[0].text)
    put = {"cxr": str(image / "opt/cxr/bin/cxr"), "/bundle": str(bundle), "8000": str(port)}
    put["/run/secrets/token"] = str(token)
    as_user = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs"]
    can_change = os.getuid() == 0 and shutil.which("setpriv") and everybody_may_read(base_python())
    return [*(as_user if can_change else []), *[put.get(word, word) for word in words]]


@pytest.mark.slow
def test_the_image_is_small_and_has_nothing_of_training(image):
    packages = image / "opt/cxr"
    names = {path.name for path in next(packages.glob("lib/python3*/site-packages")).iterdir()}
    assert not names & (LEFT_OUT | {"pip", "setuptools", "tests"}) and "cxr_fastai" in names
    assert size_of(packages) < 500e6  # beside some 130 MB of the base


@pytest.mark.slow
def test_the_image_answers_as_no_root_is_checked_and_stops_at_once(image, exported):
    bundle = shutil.copytree(exported, image / "bundle")
    token = image / "token"
    token.write_text("a-token-of-a-test-0123456789abcdef\n")
    token.chmod(0o400)
    if os.getuid() == 0:
        os.chown(token, 10001, 10001)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {"PATH": f"{image}/opt/cxr/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    before = {path: path.stat().st_mtime_ns for path in (image / "opt").rglob("*")}
    command = command_of(image, bundle, token, port)
    server = subprocess.Popen(command, env=env, cwd="/", stderr=subprocess.PIPE)
    try:
        (health,) = dockerfile.of(dockerfile.read(IMAGE), "HEALTHCHECK")
        check = json.loads(health.text.partition("CMD ")[2].replace(":8000/", f":{port}/"))
        check[0] = str(image / "opt/cxr/bin/python")
        for _ in range(600):
            if subprocess.run(check, env=env, capture_output=True).returncode == 0:
                break
            assert server.poll() is None, server.stderr.read().decode()
            time.sleep(0.1)
        url = f"http://127.0.0.1:{port}/"
        served_alone.wait_until_ready(url)
        assert served_alone.answer(url + "predict", served_alone.png()) == 0  # without the token
        uid = Path(f"/proc/{server.pid}/status").read_bytes() if command[0] == "setpriv" else b""
        headers = {"Authorization": "Bearer a-token-of-a-test-0123456789abcdef"}
        for film in (served_alone.png(), served_alone.dicom()):
            asked = Request(url + "predict", film, {**headers, "Content-Type": "image/png"})
            (row,) = json.load(urlopen(asked))
            assert not row["error"] and "probs" in row
    finally:
        server.send_signal(signal.SIGTERM)
    assert server.wait(10) == 0
    if command[0] == "setpriv":
        assert b"10001" in uid
    assert {path: path.stat().st_mtime_ns for path in (image / "opt").rglob("*")} == before
