"""python -m pytest tests/app/test_similar_index.py

Which films are found, what is kept of them, and when it is not trusted.
"""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from recording_progress import RecordingProgress
from toy import curated

from cxr_fastai.app import similar_index
from cxr_fastai.app.similar_index import described, index_of
from cxr_fastai.bundle import export_onnx, load_bundle, save_bundle
from cxr_fastai.core import IntegrityError, NotCurated, UsageError, cache_dir
from cxr_fastai.images import write_png
from cxr_fastai.manifest import read_manifest
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.ensemble import load_ensemble

VOCAB = ["tuberculosis", "covid_19", "normal"]
META = dict(
    arch="cnn",
    vocab=VOCAB,
    display={},
    size=32,
    mean=0.5,
    std=0.25,
    recipe={"name": "toy"},
    trained={"epochs": 1},
)


class Bars(RecordingProgress):
    "Remembers what each bar was of."

    def __init__(self):
        super().__init__()
        self.bars = []

    def bar(self, items, total, what):
        self.bars.append(what)
        yield from items


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return curated(tmp_path_factory.mktemp("data") / "toy")


def bundle_of(folder, data, seed=0, trained_on=None):
    "A bundle that was trained on these names; None: on all films of train and valid."
    manifest = read_manifest(data)
    rows = [row for row in manifest.rows if row.split != "test"]
    names = [row.pixel_sha256 for row in rows] if trained_on is None else trained_on
    torch.manual_seed(seed)
    net = build_network("cnn", len(VOCAB))
    meta = {**META, "manifest_sha256": manifest.sha256}
    return load_bundle(save_bundle(folder, net, meta, trained_on=names), "cpu")


def kept():
    return sorted((cache_dir() / "similar").glob("*"))


def test_the_training_films_are_found_and_no_others(tmp_path, data):
    index = index_of(bundle_of(tmp_path / "b", data), data)
    train = [row for row in read_manifest(data).rows if row.split == "train"]
    assert list(index.rows) == train and index.vectors.shape[0] == len(train) == 22
    assert index.vectors.dtype == np.float16
    assert np.allclose(np.linalg.norm(index.vectors.astype(float), axis=1), 1, atol=1e-3)
    assert index.whose == "of the folder toy that this model was trained on"


MANY = {"tuberculosis": (6, 12, 1), "normal": (6, 12, 1)}


def test_what_near_films_share_is_asked_of_validation(tmp_path):
    many = curated(tmp_path / "toy", MANY)
    agreement = index_of(bundle_of(tmp_path / "b", many), many).agreement
    assert agreement.films == 24 and agreement.label_of_any == 0.5
    assert agreement.label > 0.9  # of stripes so unlike
    assert agreement.source == agreement.source_of_any == 1


def test_too_few_films_tell_nothing(tmp_path, data):
    assert index_of(bundle_of(tmp_path / "b", data), data).agreement is None


def names_of(data, *splits):
    return [row.pixel_sha256 for row in read_manifest(data).rows if row.split in splits]


def test_of_a_fold_the_films_of_validation_may_have_been_learned(tmp_path):
    many = curated(tmp_path / "toy", MANY)
    some = names_of(many, "train")[1:] + names_of(many, "valid")
    index = index_of(bundle_of(tmp_path / "b", many, trained_on=some), many)
    assert len(index.rows) == 11 and index.agreement is None


def test_of_another_folder_those_it_never_saw_are_asked(tmp_path):
    many = curated(tmp_path / "toy", MANY)
    other = bundle_of(tmp_path / "b", many, trained_on=names_of(many, "valid")[:2] + ["f" * 64])
    assert index_of(other, many).agreement.films == 22


def test_films_stand_in_the_order_of_their_rows(tmp_path, data):
    bundle = bundle_of(tmp_path / "b", data)
    index = index_of(bundle, data)
    one = bundle.embed([data / index.rows[7].path])[0]
    assert np.allclose(index.vectors[7], one / np.linalg.norm(one), atol=2e-3)


def test_of_another_folder_it_says_so(tmp_path, data):
    index = index_of(bundle_of(tmp_path / "b", data, trained_on=["f" * 64]), data)
    assert index.whose == "of the folder toy, which this model was not trained on"
    assert len(index.rows) == 22


def test_of_a_folder_that_was_trained_on_in_part_these_films_alone(tmp_path, data):
    some = [row for row in read_manifest(data).rows if row.split == "train"][:5]
    names = [row.pixel_sha256 for row in some]
    index = index_of(bundle_of(tmp_path / "b", data, trained_on=names), data)
    assert list(index.rows) == some
    assert (
        index.whose
        == "of the folder toy that this model was trained on (of 22 films of its split train)"
    )


def test_another_film_of_a_patient_is_not_taken_for_one_that_was_trained_on(tmp_path, data):
    manifest = read_manifest(data)
    rows = [replace(row, patient="toy:1") for row in manifest.rows]
    bundle = bundle_of(tmp_path / "b", data, trained_on=["toy:1"])
    assert all(bundle.saw([vars(row) for row in rows]))
    assert "was not trained on" in index_of(bundle, replace(manifest, rows=rows)).whose


def test_a_bundle_that_does_not_tell_is_not_trusted(tmp_path, data):
    index = index_of(bundle_of(tmp_path / "b", data, trained_on=[]), data)
    assert "does not tell" in index.whose and len(index.rows) == 22


def test_the_second_start_reads_no_film(tmp_path, data):
    copy = shutil.copytree(data, tmp_path / "toy")
    bundle = bundle_of(tmp_path / "b", copy)
    first, said = index_of(bundle, copy), Bars()
    for image in copy.glob("*/*.png"):
        image.unlink()
    again = index_of(bundle, copy, said)
    assert np.array_equal(again.vectors, first.vectors) and len(kept()) == 1
    assert not said.bars


def test_the_first_start_shows_how_far_it_is(tmp_path, data):
    said = Bars()
    index_of(bundle_of(tmp_path / "b", data), data, said)
    assert said.bars == ["describing 29 films of training and validation"]


def test_another_network_or_runtime_is_kept_apart(tmp_path, data):
    bundle = bundle_of(tmp_path / "b", data)
    export_onnx(bundle)
    by_torch = index_of(bundle, data)
    by_onnx = index_of(load_bundle(tmp_path / "b", runtime="onnx"), data)
    other = index_of(bundle_of(tmp_path / "c", data, seed=1), data)
    assert len(kept()) == 3
    assert np.allclose(by_torch.vectors, by_onnx.vectors, atol=2e-3)
    assert not np.allclose(by_torch.vectors, other.vectors, atol=2e-2)


def test_an_exported_network_alone_knows_its_manifest(tmp_path, data):
    alone = tmp_path / "alone.onnx"
    export_onnx(bundle_of(tmp_path / "b", data), alone)
    assert (
        index_of(load_bundle(alone), data).whose
        == "of the folder toy that this model was trained on"
    )
    copy = curated(tmp_path / "other", {"normal": (3, 1, 1), "tuberculosis": (3, 1, 1)})
    assert "does not tell" in index_of(load_bundle(alone), copy).whose


def test_several_bundles_are_one_beside_the_other(tmp_path, data):
    a, b = bundle_of(tmp_path / "a", data, 0), bundle_of(tmp_path / "b", data, 1)
    both = index_of(load_ensemble([a, b]), data).vectors.astype(float)
    mean = 0
    for own in (a, b):
        vectors = index_of(own, data).vectors.astype(float)
        mean = mean + vectors @ vectors.T / 2
    assert np.allclose(both @ both.T, mean, atol=5e-3)


@pytest.mark.parametrize("spoilt", [b"", b"PK\x03\x04", "half", "longer", "other", "pickle"])
def test_what_was_spoilt_in_the_cache_is_made_anew(tmp_path, data, spoilt):
    bundle = bundle_of(tmp_path / "b", data)
    vectors = index_of(bundle, data).vectors
    (file,) = kept()
    good = np.load(file)["vectors"]
    if isinstance(spoilt, bytes):
        file.write_bytes(spoilt)
    elif spoilt == "half":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif spoilt == "pickle":
        np.savez(file, vectors=np.array([{"a": 1}] * 29, dtype=object))
    else:
        changed = good * 3 if spoilt == "longer" else good[:-1]
        np.savez(file, vectors=changed)
    assert np.array_equal(index_of(bundle, data).vectors, vectors)
    assert np.array_equal(np.load(file)["vectors"], good) and len(good) == 29


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, data, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "file"))
    assert len(index_of(bundle_of(tmp_path / "b", data), data).vectors) == 22


def test_a_film_that_was_changed_is_named(tmp_path, data):
    copy = shutil.copytree(data, tmp_path / "toy")
    row = next(row for row in read_manifest(copy).rows if row.split == "train")
    write_png(np.zeros((48, 48), np.uint8) + np.arange(48, dtype=np.uint8), copy / row.path)
    with pytest.raises(IntegrityError, match=row.path):
        index_of(bundle_of(tmp_path / "b", copy), copy)
    assert not kept()


def test_a_folder_without_training_films_is_refused(tmp_path, data):
    empty = curated(tmp_path / "toy", {"normal": (0, 1, 1), "tuberculosis": (0, 1, 1)})
    with pytest.raises(UsageError, match="no film in split train"):
        index_of(bundle_of(tmp_path / "b", data), empty)
    with pytest.raises(NotCurated):
        index_of(bundle_of(tmp_path / "b", data), tmp_path)


def test_embeddings_that_are_no_numbers_are_refused(tmp_path, data):
    bundle = bundle_of(tmp_path / "b", data)
    with pytest.raises(IntegrityError, match="not finite"):
        described([bundle], [np.full((1, 1, 32, 32), np.nan, np.float32)])


def test_a_vector_of_zeros_is_none_of_the_length_one(tmp_path):
    assert np.array_equal(similar_index._unit(np.zeros((1, 3))), np.zeros((1, 3)))
