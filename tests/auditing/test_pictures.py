"""pytest tests/auditing/test_pictures.py: what the four pictures are drawn from"""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from toy_audits import drawn_folder, marker

from cxr_fastai.auditing.pictures import (
    Rung,
    dumbbell_marks,
    ladder_marks,
    source_matrix,
    weight_maps,
)
from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes.films import measure_films
from cxr_fastai.probes.shortcuts import fitting_rows, targets_of
from cxr_fastai.probes.sources import SourceWithinClass, Unseen
from cxr_fastai.probes.targets import Told
from cxr_fastai.probes.verdict import Verdict

CANNOT = Verdict.CANNOT_TELL


def unseen(source, value, interval=None):
    between = None if value is None else (interval or [value - 0.05, value + 0.05])
    return Unseen(source, ["ill"], [], {}, 0.9, [0.8, 0.95], value, between, 30, 90, CANNOT)


def test_rungs_stand_at_their_place_between_the_scale_s_begin_and_one():
    marks = ladder_marks([Rung("chance", 0.5, None), Rung("model", 0.86, [0.79, 0.93], True)])
    low, high = marks["rows"]
    assert low["at"] == "28.6" and low["reach"] == {} and high["at"] == "80.0"
    assert high["reach"] == {"left": "70.0", "width": "20.0"} and high["is_model"]
    assert [tick["name"] for tick in marks["ticks"]] == ["0.3", "0.5", "1.0"]


def test_a_scale_reaches_down_to_what_lies_below_it():
    marks = dumbbell_marks({"cheap": [unseen("a", 0.17), unseen("b", None)]})
    (group,) = marks["groups"]
    (row,) = group["rows"]  # what was not asked is not drawn
    assert marks["ticks"][0]["name"] == "0.1" and float(row["unseen"]) < float(row["seen"])
    assert row["line"]["left"] == row["unseen"] and row["unseen_number"] == "0.170"
    assert dumbbell_marks({"cheap": [unseen("b", None)]})["groups"] == []


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    data = read_manifest(
        drawn_folder(tmp_path_factory.mktemp("d") / "d", draw=marker, disease=False)
    )
    rows = fitting_rows(data)
    return weight_maps(measure_films(data.root, rows), targets_of(data, rows))


def test_a_map_shows_the_corner_that_tells_the_class(maps):
    (one,) = maps  # of two classes that exclude each other the first
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(one.uri.split(",")[1]))), float)
    blueness = pixels[..., 2] - pixels[..., 0]
    assert (
        one.label == "ill"
        and blueness[:24, 168:].mean() == blueness[:192, :].reshape(8, 24, 8, 24).mean((1, 3)).max()
    )
    assert one.on_edge > 0.44


def test_a_cell_is_told_cannot_be_told_or_is_the_only_source():
    told = Told(0.9, [0.8, 0.95], 30, 90, {"a": 0.9}, [])
    lower = Told(0.7, [0.6, 0.8], 30, 90, {"a": 0.7}, [])
    found = [SourceWithinClass("x", ["a", "b"], {"border": lower, "gray": told}, Verdict.FAIL)]
    matrix = source_matrix({"x": {"a": 40, "b": 30, "c": 3}, "y": {"c": 50}}, found)
    assert matrix["sources"] == ["a", "b", "c"]
    first, second = matrix["rows"]
    assert [cell["kind"] for cell in first["cells"]] == ["told", "told", "cannot"]
    assert [cell["auroc"] for cell in first["cells"]] == [0.9, 0.9, None]
    assert [cell["kind"] for cell in second["cells"]] == ["none", "none", "only"]
