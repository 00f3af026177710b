"""pytest tests/training/test_gating.py"""

from dataclasses import replace

import numpy as np
import pytest

from cxr_fastai import images
from cxr_fastai.gate import SIDE
from cxr_fastai.manifest import read_manifest
from cxr_fastai.training.data import ReadRadiograph
from cxr_fastai.training.gating import _frontal, _least_side, _thumbnails, fit_folder_gate


@pytest.fixture(scope="module", autouse=True)
def module_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


def reader(manifest, size=128, crop=0.0) -> ReadRadiograph:
    paths = [str(manifest.root / row.path) for row in manifest.rows]
    pixels = np.stack([images.resize(images.decode(path), size, crop) for path in paths])
    return ReadRadiograph(size, {path: i for i, path in enumerate(paths)}, pixels, crop)


def test_a_gate_is_fitted_on_train_and_measured_on_valid(folder):
    manifest = read_manifest(folder)
    gate, known = fit_folder_gate(reader(manifest), manifest)
    splits = [row.split for row in manifest.rows]
    assert known["films"] == splits.count("train")
    assert sum(row["n"] for row in known["valid"]["alarms"]) == splits.count("valid")
    assert known["promise"] == gate.promise
    assert known["not_learned"] == ["lateral", "ct"]
    assert known["valid"]["caught"] == []


def test_what_its_source_calls_a_lateral_is_no_good_film(folder):
    rows = read_manifest(folder).rows
    lateral = replace(rows[0], view="L")
    assert _frontal([lateral, *rows[1:]]) == list(rows[1:])
    assert _frontal([lateral]) == [lateral]


def test_thumbnails_come_from_the_cache_of_training_where_it_is_large_enough(folder):
    manifest = read_manifest(folder)
    read = reader(manifest)
    found = _thumbnails(read, manifest, manifest.rows)
    assert np.array_equal(found[0], images.resize(read.pixels[0], SIDE))


@pytest.mark.parametrize("how", [{"size": 32}, {"size": 128, "crop": 0.1}])
def test_thumbnails_come_from_the_files_where_the_cache_is_small_or_cropped(folder, how):
    manifest = read_manifest(folder)
    found = _thumbnails(reader(manifest, **how), manifest, manifest.rows)
    direct = images.resize(images.decode(manifest.root / manifest.rows[0].path), SIDE)
    assert np.array_equal(found[0], direct)


def test_the_shortest_side_of_train_is_not_too_small(folder):
    rows = read_manifest(folder).rows
    assert _least_side(rows) == min(SIDE, *(min(int(r.width), int(r.height)) for r in rows))
    tiny = [replace(rows[0], width="28", height="28"), *rows[1:]]
    assert _least_side(tiny) == 28
    assert _least_side([replace(rows[0], width="", height="")]) == SIDE
