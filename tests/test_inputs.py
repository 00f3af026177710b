"""pytest tests/test_inputs.py

What is no file is refused before it is opened: a pipe would be waited for, for ever."""

import os
import shutil
import signal

import pytest
import toy
from toy_bundles import picture, png
from toy_sources import put, rule, write_catalog

from cxr_fastai.bundle.store import save_bundle
from cxr_fastai.cli import main
from cxr_fastai.core import StorageError, UsageError
from cxr_fastai.curation.fetch.kaggle import _kaggle_json
from cxr_fastai.curation.folder.lock import MARKER
from cxr_fastai.inputs import is_whole_number, readable_path
from cxr_fastai.manifest import check_manifest
from cxr_fastai.training.checkpoint import CHECKPOINT

MOST_SECONDS = 60  # a test that waits for ever ends


@pytest.fixture(autouse=True)
def no_wait_for_ever(tmp_path, monkeypatch):
    def end(number, frame):
        raise AssertionError("it waits for ever")

    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(MOST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def piped(place):
    "A pipe in place of what lies there."
    if place.exists():
        place.unlink()
    os.mkfifo(place)
    return place


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    "A bundle of the toy recipe, and a folder that it can be asked about."
    import torch
    from toy_bundles import META

    from cxr_fastai.models.networks import build_network

    root = tmp_path_factory.mktemp("toys")
    torch.manual_seed(0)
    meta = {**META, "vocab": list(toy.CLASSES)}
    save_bundle(root / "bundle", build_network(META["arch"], 3), meta, ["one", "two"])
    toy.curated(root / "data")
    return root


@pytest.fixture
def place(bundle, tmp_path, monkeypatch):
    "A working folder: bundle, data, a catalogue c.csv and its source, a recipe, an image."
    for name in ("bundle", "data"):
        shutil.copytree(bundle / name, tmp_path / name)
    put(tmp_path / "one" / "a" / "0.png", 1)
    write_catalog(tmp_path / "c.csv", rule("one", label_value="a", findings="no_finding"))
    (tmp_path / "image.png").write_bytes(png(picture()))
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


CURATE = ("curate", "--manifest", "c.csv", "--out", "out")
CASES = {  # what is a pipe: the command that would open it
    "c.csv": CURATE,
    "r.toml": ("curate", "--recipe", "r.toml", "--out", "out"),
    "mirror": ("curate", "--mirror", "mirror", "--out", "out"),
    f"out/{MARKER}": CURATE,
    "x.csv": ("sources", "--manifest", "x.csv"),
    "data/manifest.csv": ("eda", "data"),
    "data/curation.json": ("eda", "data"),
    "bundle/bundle.json": ("predict", "bundle", "image.png"),
    "bundle/model.safetensors": ("predict", "bundle", "image.png"),
    "bundle/trained_on.txt": ("evaluate", "bundle", "data"),
    "w.pth": ("train", "data", "--weights", "w.pth", "--out", "new"),
    "w.safetensors": ("train", "data", "--weights", "w.safetensors", "--out", "new"),
    f"run/{CHECKPOINT}": ("train", "data", "--out", "run", "--resume"),
    "pipe.png": ("dedupe", "pipe.png"),
}


@pytest.mark.parametrize("name", CASES)
def test_no_verb_waits_for_a_pipe(place, name, capsys):
    (place / name).parent.mkdir(exist_ok=True)
    piped(place / name)
    code = main([*CASES[name]])
    told = [line for line in capsys.readouterr().err.split("\n") if line.startswith("cxr ")]
    assert code == 2 and len(told) == 1
    assert name in told[0]
    assert "a pipe, socket or device, not a file" in told[0] or "no weights file" in told[0]


def test_a_device_is_refused_and_files_folders_and_nothing_pass(tmp_path):
    with pytest.raises(UsageError, match="^recipe /dev/null: a pipe, socket or device"):
        readable_path("/dev/null", "recipe")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    for path in (tmp_path, tmp_path / "file", tmp_path / "link", tmp_path / "gone"):
        assert readable_path(path) == path


@pytest.mark.parametrize("text", ["0", "007", "9" * 15])
def test_a_whole_number_can_be_read(text):
    assert is_whole_number(text) and int(text) >= 0


@pytest.mark.parametrize("text", ["", "-1", "1.0", "²", "٣", "9" * 5000])
def test_what_python_takes_for_digits_is_not_always_one(text):
    assert not is_whole_number(text)


def test_a_link_to_a_pipe_is_one(tmp_path):
    piped(tmp_path / "pipe")
    (tmp_path / "link.csv").symlink_to("pipe")
    with pytest.raises(UsageError, match="link.csv: a pipe"):
        readable_path(tmp_path / "link.csv", "catalogue")


def test_a_folder_with_pipes_between_its_images_is_read_without_them(place, capsys):
    (place / "films").mkdir()
    for seed in (1, 2):
        (place / "films" / f"{seed}.png").write_bytes(png(picture(seed)))
    piped(place / "films" / "pipe.png")
    assert main(["dedupe", "films"]) == 0
    assert main(["predict", "bundle", "films"]) == 0
    out = capsys.readouterr().out
    assert "films/pipe.png" in out and "a pipe or device, not a file" in out


def test_a_manifest_that_is_a_pipe_is_a_fault_of_its_folder(place):
    piped(place / "data" / "manifest.csv")
    (line,) = check_manifest(place / "data")
    assert "manifest.csv: a pipe, socket or device" in line


def test_a_sign_in_that_is_a_pipe_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    piped(tmp_path / "kaggle.json")
    with pytest.raises((UsageError, StorageError), match="kaggle.json: a pipe"):
        _kaggle_json()


@pytest.mark.parametrize("address", ["https://e.org/a.png", "s3://bucket/a.png"])
def test_a_url_is_told_to_be_one(place, capsys, address):
    for words in (["predict", "run/bundle"], ["prototype"], ["curate", "--out", "o", "--folder"]):
        assert main([*words, address]) == 2
        said = capsys.readouterr().err
        assert f"{address}: a URL is not read. Download it first" in said


def test_a_file_that_is_called_like_a_url_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "https:").mkdir()
    (tmp_path / "https:" / "a.png").write_bytes(b"x")
    assert readable_path("https://a.png").is_file()
    with pytest.raises(UsageError, match="bundle https://b.png: a URL is not read"):
        readable_path("https:/b.png", "bundle")
