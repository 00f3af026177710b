"""pytest tests/verbs/test_hostile_predictions.py

`cxr predict` on every hostile image, DICOM, name and bundle: none is answered, none is a traceback.
"""

import csv
import hashlib
import json
import os
import shutil

import numpy as np
import pytest
import torch
from hostile import ODD_NAMES, hostile_files
from html_page import ACTIVE_TAGS, Page
from PIL import Image
from toy_bundles import meta_of, put, replace_weights, restate
from toy_rows import META, VOCAB

from cxr_fastai import cli
from cxr_fastai.bundle import export_onnx, load_bundle, save_bundle
from cxr_fastai.gate import fit_gate, thumbnail
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import draw


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run") / "bundle"
    return save_bundle(folder, build_network("cnn", len(VOCAB)), {**META, "arch": "cnn"})


@pytest.fixture
def copied(bundle, tmp_path):
    "A copy to be spoiled."
    return shutil.copytree(bundle, tmp_path / "spoiled")


def film(file, seed=0):
    "A film that is answered."
    pixels = np.random.default_rng(seed).integers(0, 255, (80, 70), np.uint8)
    with open(file, "wb") as f:
        Image.fromarray(pixels).save(f, "PNG")


def rows_of(folder):
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


# ---- files


def test_no_hostile_file_is_answered_and_the_sound_one_among_them_is(bundle, tmp_path, capfd):
    films = tmp_path / "films"
    films.mkdir()
    files = hostile_files()
    for number, (_, _, data) in enumerate(files):
        (films / f"{number:03}.{('png', 'dcm')[number % 2]}").write_bytes(data)
    film(films / "sound.png")
    code = cli.main(["predict", str(bundle), str(films), "--out", str(tmp_path / "out")])
    said = capfd.readouterr()
    assert code == 0 and "Traceback" not in said.err
    assert f"{len(files):,} of {len(files) + 1:,} files could not be read" in said.err
    rows = rows_of(tmp_path / "out")
    assert len(rows) == len(files) + 1 > 200
    *bad, sound = rows
    assert sound["label"] in VOCAB and not sound["error"]
    for (reason, what, _), row in zip(files, bad):
        assert row["error"] and row["label"] is None and row["probs"] == {}, (reason, what)
        assert row["risk"] is None and not row["abstained"] and row["decision"] == ""
        assert "SECRET" not in row["error"] and row["error"].isprintable()
    with open(tmp_path / "out" / "predictions.csv", newline="", encoding="utf-8") as f:
        assert sum(bool(each["error"]) for each in csv.DictReader(f)) == len(files)
    html = (tmp_path / "out" / "predictions.html").read_text(encoding="utf-8")
    assert html.count("<img") == 1 and html.count('<p class="answer">not read</p>') == len(files)


def test_nothing_but_hostile_files_is_exit_4(bundle, tmp_path, capfd):
    (tmp_path / "a.png").write_bytes(b"<html><title>Sign in</title>")
    (tmp_path / "b.dcm").write_bytes(bytes(128) + b"DICM")
    code = cli.main(["predict", str(bundle), str(tmp_path), "--out", str(tmp_path / "out")])
    assert code == 4 and len(rows_of(tmp_path / "out")) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("cxr predict: 2 of 2 files could not be read")


# ---- names


def test_no_name_is_believed_by_page_csv_json_or_terminal(bundle, tmp_path, monkeypatch, capfd):
    deep = tmp_path
    monkeypatch.chdir(tmp_path)
    for _ in range(15):
        deep = deep / ("d" * 240)
        deep.mkdir()
        monkeypatch.chdir(deep)  # no path of this length can be made in one step
    film("end.png")
    monkeypatch.chdir(tmp_path)
    films = tmp_path / "films"
    films.mkdir()
    for seed, name in enumerate(ODD_NAMES):
        film(films / name, seed)
        (films / f"not {name}"[:200]).with_suffix(".png").write_bytes(b"<html>")
    paths = ["films", "d" * 240]
    assert cli.main(["predict", str(bundle), *paths, "--out", "out"]) == 0
    assert cli.main(["predict", str(bundle), *paths, "--json"]) == 0
    assert cli.main(["predict", str(bundle), *paths, "--csv", "all.csv"]) == 0
    assert cli.main(["predict", str(bundle), *paths]) == 0
    said = capfd.readouterr()
    for text in (said.out, said.err):
        assert "Traceback" not in text
        assert "\x1b" not in text and "\u202e" not in said.err and "\x07" not in text
    html = (tmp_path / "out" / "predictions.html").read_text(encoding="utf-8")
    page = Page(html)
    assert not ACTIVE_TAGS & set(page.tags) and page.tags["img"] == len(ODD_NAMES) + 1
    for name in ("<script", "<img src=x", "\x1b", "\u202e", "\n.png", "\u2028"):
        assert name not in html, name
    assert "{{ 7 * 7 }}" in html, "a name is no template"
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 2 * len(ODD_NAMES) + 1
    assert max(len(row["path"]) for row in rows) > 3500
    with open(tmp_path / "all.csv", newline="", encoding="utf-8") as f:
        cells = list(csv.DictReader(f))
    assert len(cells) == len(rows)
    assert {row["path"] for row in rows} == {each["path"] for each in cells}


# ---- bundles


def cut(folder):
    data = (folder / "model.safetensors").read_bytes()
    put(folder / "model.safetensors", data[: len(data) // 2])


def cut_and_signed(folder):
    replace_weights(folder, (folder / "model.safetensors").read_bytes()[:-8])


def tampered(folder):
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    put(folder / "model.safetensors", bytes(data))


def pickled(folder):
    replace_weights(folder, b"\x80\x04cposix\nsystem\n(S'touch owned'\ntR.")


def of_nan(folder):
    data = (folder / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    whole = data[:start] + np.full((len(data) - start) // 4, np.nan, np.float32).tobytes()
    replace_weights(folder, whole)


def lacks(key):
    def spoil(folder):
        meta = meta_of(folder)
        del meta[key]
        put(folder / "bundle.json", meta)

    return spoil


def says(**changes):
    def spoil(folder):
        restate(folder, **changes)

    return spoil


def holds(data, file="bundle.json"):
    def spoil(folder):
        put(folder / file, data)

    return spoil


def is_a(make, file="model.safetensors"):
    def spoil(folder):
        (folder / file).unlink()
        make(folder / file)

    return spoil


BUNDLES = {
    "weights cut": cut,
    "weights cut, with their true hash": cut_and_signed,
    "a bit turned": tampered,
    "a pickle for weights": pickled,
    "weights of NaN": of_nan,
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "one class more than the network": says(vocab=[*VOCAB, "third"]),
    "one class less than the network": says(vocab=VOCAB[:1]),
    "no class": says(vocab=[]),
    "a class twice": says(vocab=[VOCAB[0]] * 2),
    "another network": says(arch="resnet18"),
    "a network that nobody knows": says(arch="../../etc/passwd"),
    "more channels": says(in_channels=3),
    "a newer version": says(format_version=99),
    "no version": says(format_version=None),
    "a version of words": says(format_version="1; DROP TABLE"),
    "a huge input": says(size=10**9),
    "an input of nothing": says(size=0),
    "a temperature of nothing": says(temperature=0),
    "a temperature that is no number": says(temperature="hot"),
    "a threshold above 1": says(thresholds={VOCAB[0]: 7}),
    "a threshold of another class": says(thresholds={"other": 0.5}),
    "a decision of another class": says(decision={"negative": "other", "threshold": 0.5}),
    "a network that never learned": says(trained={"epochs": 0}),
    "no classes said": lacks("vocab"),
    "no hash said": lacks("weights_sha256"),
    "JSON cut": holds(b'{"format_version": 3,'),
    "JSON of nothing": holds(b""),
    "JSON that is a list": holds(b"[]"),
    "JSON that is deep": holds(b"[" * 100_000),
    "JSON of NaN": holds(b'{"size": NaN}'),
    "JSON that is a picture": holds(b"\x89PNG\r\n\x1a\n" + bytes(99)),
    "HTML for JSON": holds(b"<html>sign in</html>"),
    "a folder for weights": is_a(os.mkdir),
    "a pipe for weights": is_a(os.mkfifo),
    "a circle for weights": is_a(lambda file: file.symlink_to(file)),
    "a pipe for bundle.json": is_a(os.mkfifo, "bundle.json"),
    "a device for bundle.json": is_a(lambda file: file.symlink_to("/dev/zero"), "bundle.json"),
}


def refused(words, capfd):
    "The one line with which a command is refused, and its exit code."
    code = cli.main(["predict", *map(str, words)])
    said = capfd.readouterr()
    lines = said.err.splitlines()
    assert said.out == "" and "Traceback" not in said.err
    assert lines and lines[-1].startswith("cxr predict: "), said.err
    assert sum(line.startswith("cxr predict: ") for line in lines) == 1
    return code, lines[-1]


@pytest.mark.parametrize("what", BUNDLES)
def test_a_hostile_bundle_is_refused_in_one_line_alone_and_beside_a_sound_one(
    what, bundle, copied, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    film("a.png")
    BUNDLES[what](copied)
    for given in (copied, f"{bundle},{copied}"):
        code, line = refused([given, "a.png", "--out", "out"], capfd)
        assert code in (2, 4, 5) and not (tmp_path / "out").exists(), line
    assert not (tmp_path / "owned").exists(), "no pickle ran"


# ---- bundles for another runtime


@pytest.fixture(scope="module")
def exported(bundle, tmp_path_factory):
    "A bundle with model.onnx in it."
    folder = shutil.copytree(bundle, tmp_path_factory.mktemp("exported") / "bundle")
    export_onnx(load_bundle(folder, "cpu"))
    return folder


def signed(data):
    "Another model.onnx, with its true hash."

    def spoil(folder):
        put(folder / "model.onnx", data)
        sha256 = hashlib.sha256(data).hexdigest()
        restate(folder, onnx={**meta_of(folder)["onnx"], "sha256": sha256})

    return spoil


def onnx_cut(folder):
    data = (folder / "model.onnx").read_bytes()
    put(folder / "model.onnx", data[: len(data) // 2])


def onnx_bent(folder):
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    put(folder / "model.onnx", bytes(data))


GRAPHS = {
    "cut": onnx_cut,
    "a bit turned": onnx_bent,
    "gone": lambda folder: (folder / "model.onnx").unlink(),
    "never exported": lacks("onnx"),
    "of nothing": signed(b""),
    "a pickle": signed(b"\x80\x04cposix\nsystem\n(S'touch owned'\ntR."),
    "HTML": signed(b"<html>sign in</html>"),
    "noise": signed(bytes(range(256)) * 40),
    "a pipe": is_a(os.mkfifo, "model.onnx"),
    "a folder": is_a(os.mkdir, "model.onnx"),
    "of one class less": says(vocab=VOCAB[:1], display={}),
    "of another calibration": says(temperature=2.0),
    "of another size": says(size=64),
    "of a newer library": says(format_version=99),
    "its record is no record": says(onnx="yes"),
}


@pytest.mark.parametrize("what", GRAPHS)
def test_a_hostile_graph_is_refused_in_one_line(what, exported, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    film("a.png")
    folder = shutil.copytree(exported, tmp_path / "spoiled")
    GRAPHS[what](folder)
    code, line = refused([folder, "a.png", "--runtime", "onnx", "--out", "out"], capfd)
    assert code in (2, 4, 5) and not (tmp_path / "out").exists(), line
    assert not (tmp_path / "owned").exists(), "no pickle ran"


def test_a_sound_graph_answers_as_torch_does(exported, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    film("a.png")
    answers = []
    for runtime in ("torch", "onnx"):
        assert cli.main(["predict", str(exported), "a.png", "--json", "--runtime", runtime]) == 0
        answers.append(json.loads(capfd.readouterr().out)[0]["probs"])
    assert answers[1] == pytest.approx(answers[0], abs=1e-4)


# ---- pictures that are no film


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    "A bundle with a gate, which knows drawn films."
    torch.manual_seed(0)
    small = np.stack([thumbnail(draw("normal", seed, size=96)) for seed in range(48)])
    gate = fit_gate(small, [str(i) for i in range(48)], ["drawn"] * 48)
    folder = tmp_path_factory.mktemp("gated") / "bundle"
    meta = {**META, "arch": "cnn"}
    return save_bundle(folder, build_network("cnn", len(VOCAB)), meta, gate=gate)


def test_no_picture_that_is_no_upright_film_is_answered(gated, tmp_path, capfd):
    chest = draw("normal", 500, size=96)
    levels = np.random.default_rng(0).integers(0, 256, (96, 96)).astype(np.uint8)
    pictures = {
        "noise": levels,
        "inverted": 255 - chest,
        "turned_90": np.rot90(chest),
        "turned_180": np.rot90(chest, 2),
        "turned_270": np.rot90(chest, 3),
        "checks": (np.indices((96, 96)).sum(0) // 8 % 2 * 255).astype(np.uint8),
        "ramp": np.tile(np.linspace(0, 255, 96).astype(np.uint8), (96, 1)),
    }
    films = tmp_path / "films"
    films.mkdir()
    for name, pixels in pictures.items():
        Image.fromarray(np.ascontiguousarray(pixels)).save(films / f"{name}.png")
    Image.fromarray(chest).save(films / "a chest.png")
    assert cli.main(["predict", str(gated), str(films), "--out", str(tmp_path / "out")]) == 0
    chest_row, *rows = rows_of(tmp_path / "out")
    assert chest_row["label"] in VOCAB
    for row in rows:
        assert row["label"] is None and row["abstained"] and row["probs"] == {}, row["path"]
        assert row["gate"] and row["reason"] and row["risk"] is None
    html = (tmp_path / "out" / "predictions.html").read_text()
    assert html.count('<p class="answer">no answer</p>') == len(pictures)
    assert html.index("a chest.png") > html.index("noise.png") and html.count("<img") == 8
    assert "No gate was asked" not in html


@pytest.mark.parametrize("name", ["model.pkl", "learner.pkl"])
def test_a_pickle_is_no_bundle(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    film("a.png")
    (tmp_path / name).write_bytes(b"\x80\x04cposix\nsystem\n(S'touch owned'\ntR.")
    code, line = refused([name, "a.png"], capfd)
    assert code == 2 and "pickle" in line and not (tmp_path / "owned").exists()
