"""pytest tests/auditing/test_model_asked.py: P11 and P12 of models that look where they are told"""

import numpy as np
import pytest
from toy_audits import by_halves, drawn_folder

from cxr_fastai.auditing.model_asked import FloorGain, ModelSide, ask_model
from cxr_fastai.manifest import read_manifest
from cxr_fastai.manifest_pixels import pixels_of
from cxr_fastai.probes.films import measure_films
from cxr_fastai.probes.shortcuts import fitting_rows, targets_of
from cxr_fastai.probes.verdict import Verdict

FAIL, WARN, PASS, CANNOT = Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.CANNOT_TELL
GAIN = FloorGain(
    "8x8 gray squares", 0.9, [0.85, 0.95], 0.7, [0.6, 0.8], 0.2, [0.1, 0.3], {}, 80, 80
)


def corner(pixels):
    return float(pixels[1:5, 56:62].mean())


def lungs(pixels):
    return float(pixels[24:40, 24:40].mean())


def marker_of_ill(pixels, ill, source):
    pixels[1:5, 56:62] = 220 if ill else 60
    return pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("audit") / "data"
    how = dict(draw=marker_of_ill, source_of=by_halves)
    data = read_manifest(drawn_folder(root, n=240, test=120, **how))
    return data


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def model_that_looks_at(folder, look, threshold, floor=GAIN):
    rows = [row for row in folder.rows if row.split == "test"]

    def answer(change, chosen):
        risk = np.array([look(change(pixels_of(folder.root, rows[i]))) for i in chosen])
        return {"ill": risk, "well": -risk}, np.where(risk > threshold, "ill", "well")

    scores, answers = answer(lambda pixels: pixels, np.arange(len(rows)))
    sources = np.array([row.source == "north" for row in rows], float)
    return ModelSide(
        name="toy",
        rows=rows,
        targets=targets_of(folder, rows),
        scores=scores,
        answers=answers,
        embeddings=np.stack([sources, np.zeros(len(rows))], 1),
        ask=answer,
        floor=floor,
    )


def asked(folder, model):
    rows = fitting_rows(folder)
    films = measure_films(folder.root, rows)
    test = measure_films(folder.root, model.rows)
    return {line.id: line for line in ask_model(model, films, targets_of(folder, rows), test)}


def test_a_model_that_reads_the_corner_fails_on_the_border_alone_and_changes_its_answers(folder):
    got = asked(folder, model_that_looks_at(folder, corner, 140))
    assert got["P12"].verdict is FAIL and got["P12"].number == 1
    assert got["P12"].numbers["centre"] == 0.5  # all are even gray there
    assert got["P12b"].verdict is WARN and got["P12b"].number > 0.4
    assert "with corners blanked" in got["P12b"].says and got["P12b"].do


def test_a_model_that_reads_the_lungs_does_not(folder):
    got = asked(folder, model_that_looks_at(folder, lungs, 117))
    assert got["P12"].verdict is not FAIL and got["P12"].numbers["centre"] > 0.9
    shares = got["P12b"].numbers["shares"]
    assert shares["corners blanked"] == shares["a marker pasted"] == 0


def test_what_its_last_layer_knows_of_the_source_is_told_by_class(folder):
    line = asked(folder, model_that_looks_at(folder, lungs, 117))["P12c"]
    assert line.verdict is None and line.number == 1 and "Within a class" in line.says


def test_gray_levels_are_taken_from_its_score(folder):
    line = asked(folder, model_that_looks_at(folder, lungs, 117))["P6m"]
    own = line.numbers
    assert line.number == pytest.approx(own["model"] - own["gray_levels"] + 0.5)
    assert (line.verdict is WARN) is (line.number < 0.75)


@pytest.mark.parametrize(
    "gain,interval,groups,verdict,said",
    [
        (0.2, [0.1, 0.3], 80, PASS, "above 8x8"),
        (0.04, [0.01, 0.08], 80, WARN, "less than 0.05"),
        (0.04, [-0.01, 0.08], 80, FAIL, "not shown to beat"),
        (-0.1, [-0.2, -0.05], 80, FAIL, "not shown to beat"),
        (0.2, None, 80, CANNOT, "too few"),
        (0.2, [0.1, 0.3], 19, CANNOT, "too few"),
    ],
)
def test_the_gain_over_the_pixel_floor_is_judged(folder, gain, interval, groups, verdict, said):
    floor = FloorGain(
        "8x8 gray squares", 0.9, None, 0.9 - gain, None, gain, interval, {}, 80, groups
    )
    line = asked(folder, model_that_looks_at(folder, lungs, 117, floor))["P11"]
    assert line.verdict is verdict and said in line.says and bool(line.do) is (verdict is not PASS)


def test_without_a_floor_the_reason_is_told(folder):
    line = asked(folder, model_that_looks_at(folder, lungs, 117, "there are no train films"))["P11"]
    assert line.verdict is CANNOT and line.number is None and "no train films" in line.says
