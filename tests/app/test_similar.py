"""python -m pytest tests/app/test_similar.py

The nearest training films: which, in which order, what is shown of them, copies.
"""

import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from toy import curated, curated_findings
from toy_looks import asked, pixels_of_uri

from cxr_fastai.app import similar as module
from cxr_fastai.app.heats import NO_TORCH
from cxr_fastai.app.similar import (
    IN_TRAINING,
    THE_FILM,
    UNANSWERED,
    distances_to,
    is_one_film,
    similar_of,
)
from cxr_fastai.bundle import export_onnx, load_bundle, save_bundle
from cxr_fastai.images import resize
from cxr_fastai.manifest import read_manifest
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import CLASSES, draw
from cxr_fastai.serving.ensemble import load_ensemble

VOCAB = ["tuberculosis", "covid_19", "normal"]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "similar-cache"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return curated(tmp_path_factory.mktemp("data") / "toy")


def bundle_of(folder, data, seed=0, vocab=VOCAB, **meta):
    manifest = read_manifest(data)
    torch.manual_seed(seed)
    known = dict(
        arch="cnn",
        vocab=vocab,
        display={"covid_19": "COVID-19"},
        size=32,
        mean=0.5,
        std=0.25,
        recipe={"name": "toy"},
        manifest_sha256=manifest.sha256,
        trained={"epochs": 1},
    )
    names = [row.pixel_sha256 for row in manifest.rows if row.split != "test"]
    net = build_network("cnn", len(vocab))
    return load_bundle(save_bundle(folder, net, {**known, **meta}, trained_on=names), "cpu")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, data):
    return bundle_of(tmp_path_factory.mktemp("run") / "bundle", data)


def found(model, similar, source, **options):
    _, film = asked(model, source, **options)
    told = similar.nearest(film, similar.describe(film))
    json.dumps(list(told.films), allow_nan=False)
    return told


def film_of(data, split, place=0):
    rows = [row for row in read_manifest(data).rows if row.split == split]
    return rows[place]


def test_the_nearest_come_first_and_are_what_embed_says(bundle, data):
    similar = similar_of(bundle, data, is_alone=True)
    film = data / film_of(data, "test").path
    told = found(bundle, similar, film)
    train = [row for row in read_manifest(data).rows if row.split == "train"]
    vectors = bundle.embed([data / row.path for row in train])
    one = bundle.embed([film])[0]
    cosines = vectors @ one / np.linalg.norm(vectors, axis=1) / np.linalg.norm(one)
    nearest = np.sort(1 - cosines)[:5]
    assert [film["distance"] for film in told.films] == pytest.approx(nearest, abs=2e-3)
    assert told.says.startswith(
        "The 5 nearest of 22 films of the folder toy that this model was trained on."
    )
    assert IN_TRAINING not in told.says


def test_each_has_its_picture_its_label_and_its_source(bundle, data):
    similar = similar_of(bundle, data, is_alone=True)
    row = next(r for r in read_manifest(data).rows if r.label == "covid_19" and r.split == "train")
    first = found(bundle, similar, data / row.path).films[0]
    assert (first["label"], first["display"], first["source"]) == ("covid_19", "COVID-19", "toy")
    shown = pixels_of_uri(first["film"]).astype(int)
    stored = np.asarray(Image.open(data / row.path)).astype(int)
    assert shown.shape == stored.shape and np.abs(shown - stored).mean() < 8  # a JPEG of noise
    assert first["why_hidden"] == ""


def test_the_film_itself_and_a_copy_of_it_are_named(bundle, data):
    similar = similar_of(bundle, data, is_alone=True)
    row = film_of(data, "train", 3)
    pixels = np.asarray(Image.open(data / row.path))
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=75)
    for copy in (data / row.path, jpeg.getvalue()):
        told = found(bundle, similar, copy)
        assert told.films[0]["is_copy"] and told.films[0]["says"] == THE_FILM
        assert told.films[0]["distance"] < 0.01
        assert not any(film["is_copy"] for film in told.films[1:]) and IN_TRAINING in told.says


def test_no_two_drawn_films_are_taken_for_one_and_copies_are():
    films = [draw(CLASSES[number % len(CLASSES)], number, 128) for number in range(24)]
    small = [resize(film, 64) for film in films]
    for i, one in enumerate(small):
        assert not any(is_one_film(one, other) for other in small[i + 1 :])
        half = Image.fromarray(films[i]).resize((64, 64), Image.Resampling.BOX)
        assert is_one_film(one, np.asarray(half))


def test_what_the_server_may_not_show_it_only_tells(bundle, data):
    told = found(
        bundle, similar_of(bundle, data, is_alone=False), data / film_of(data, "test").path
    )
    for film in told.films:
        assert film["film"] == "" and "in no catalogue" in film["why_hidden"]
        assert film["label"] and film["distance"] >= 0


def test_a_copy_is_named_also_where_it_is_hidden(bundle, data):
    similar = similar_of(bundle, data, is_alone=False)
    told = found(bundle, similar, data / film_of(data, "train").path)
    assert told.films[0]["is_copy"] and told.films[0]["film"] == ""


def test_a_film_that_is_gone_is_told_and_not_shown(tmp_path, data):
    copy = shutil.copytree(data, tmp_path / "toy")
    own = bundle_of(tmp_path / "b", copy)
    similar = similar_of(own, copy, is_alone=True)
    row = film_of(copy, "train")
    source = (copy / row.path).read_bytes()
    (copy / row.path).unlink()
    first = found(own, similar, source).films[0]
    assert first["film"] == "" and "changed, or is gone" in first["why_hidden"]
    assert first["label"] == row.label and str(tmp_path) not in json.dumps(first)


def test_no_path_of_the_folder_is_told(bundle, data):
    told = found(bundle, similar_of(bundle, data, True), data / film_of(data, "test").path)
    for film in told.films:
        words = json.dumps({key: value for key, value in film.items() if key != "film"})
        assert str(data) not in words and ".png" not in words
    assert str(data.parent) not in told.says


def test_a_film_that_was_not_answered_has_none(bundle, data):
    similar = similar_of(bundle, data, is_alone=True)
    told = found(bundle, similar, b"<html>")
    assert told.films == () and told.says == UNANSWERED


def test_a_film_without_a_finite_description_has_none(bundle, data):
    similar = similar_of(bundle, data, is_alone=True)
    _, film = asked(bundle, data / film_of(data, "test").path)
    spoilt = replace(film, inputs=(np.full_like(film.inputs[0], np.nan),))
    assert similar.describe(spoilt) is None
    assert similar.nearest(spoilt, None).says == UNANSWERED


def test_several_bundles_find_together(tmp_path, bundle, data):
    model = load_ensemble([bundle, bundle_of(tmp_path / "b", data, seed=1)])
    row = film_of(data, "train", 2)
    told = found(model, similar_of(model, data, is_alone=True), data / row.path)
    assert told.films[0]["is_copy"] and told.films[0]["distance"] < 1e-3


ALONE = """
import sys
for name in ("torch", "torchvision", "fastai", "pandas", "scipy", "sklearn", "matplotlib", "cv2"):
    sys.modules[name] = None  # as where it is not installed
from cxr_fastai.app.heats import Heats
from cxr_fastai.app.similar import similar_of
from cxr_fastai.bundle import load_bundle
bundle = load_bundle(sys.argv[1], runtime="onnx")
print(len(similar_of(bundle, sys.argv[2], is_alone=True).index.rows), Heats(bundle).why_not)
"""


def test_where_onnx_alone_is_installed_films_are_found_and_heats_say_what_is_missing(
    tmp_path, data
):
    export_onnx(bundle_of(tmp_path / "b", data))
    asked_for = [sys.executable, "-c", ALONE, tmp_path / "b", data]
    done = subprocess.run(asked_for, capture_output=True, text=True)
    assert done.stdout.strip() == f"22 {NO_TORCH}", done.stderr


def test_several_findings_are_told_by_name(tmp_path):
    data = curated_findings(tmp_path / "findings")
    own = bundle_of(tmp_path / "b", data, vocab=["effusion", "hernia", "mass"], task="multi_label")
    similar = similar_of(own, data, is_alone=True)
    rows = [row for row in read_manifest(data).rows if row.split == "train"]
    shown = {"effusion|mass": "effusion, mass", "none": "none of the findings"}
    shown["mass|?hernia"] = "mass"
    for label, words in shown.items():
        row = next(row for row in rows if row.label == label)
        films = found(own, similar, data / row.path).films
        assert {"label": label, "display": words}.items() <= films[0].items()


def test_distances_are_those_of_whole_numbers_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = distances_to(vectors.astype(np.float16), vectors[3].astype(np.float32))
    monkeypatch.setattr(module, "ROWS_AT_A_TIME", 7)
    parts = distances_to(vectors.astype(np.float16), vectors[3].astype(np.float32))
    assert np.allclose(parts, whole, atol=1e-6)
    assert np.allclose(whole, 1 - vectors @ vectors[3], atol=2e-3) and whole.argmin() == 3


def test_fewer_films_than_are_asked_for_are_all_there_are(tmp_path):
    data = curated(tmp_path / "toy", {"normal": (1, 1, 1), "tuberculosis": (1, 1, 1)})
    own = bundle_of(tmp_path / "b", data)
    told = found(own, similar_of(own, data, True), data / film_of(data, "test").path)
    assert len(told.films) == 2 and told.says.startswith("The 2 nearest of 2 films")
