"""python -m pytest tests/app/test_told.py"""

import csv
import io

import pytest
import torch
from gate_films import small_gate
from toy_looks import asked
from toy_rows import META, VOCAB

from cxr_fastai.app.told import csv_header, told_of
from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.images import write_png
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import draw
from cxr_fastai.serving.ensemble import load_ensemble
from cxr_fastai.serving.predict import predict_paths
from cxr_fastai.serving.rows_csv import columns_of


def saved(folder, seed=0, gate=None, **meta):
    torch.manual_seed(seed)
    net = build_network("cnn", len(VOCAB))
    return load_bundle(save_bundle(folder, net, {**META, "arch": "cnn", **meta}, gate=gate), "cpu")


def read(told, rows):
    "The csv that the page puts together, read back."
    text = told.csv_header + "".join(told.csv_line(row) for row in rows)
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("gated"), gate=small_gate())


def test_the_header_is_the_same_whatever_a_film_is_answered(gated):
    told = told_of(gated)
    film = draw("normal", 9200, 128)
    rows = [
        asked(gated, film, "film.png")[0],
        asked(gated, film[::-1], "=1+1.png")[0],
        asked(gated, b"<html>", "b.png")[0],
    ]
    lines = read(told, rows)
    assert [line["path"] for line in lines] == ["film.png", "'=1+1.png", "b.png"]
    assert lines[0]["gate"] == "" and lines[1]["gate"] and lines[2]["error"]
    assert lines[0]["prob_normal"] and lines[1]["prob_normal"] == lines[2]["prob_normal"] == ""
    assert told.csv_header == csv_header(gated) and told.csv_header.endswith(
        "decision,gate,righted\n"
    )


def test_a_name_of_two_lines_is_one_row(toy_bundle):
    bundle = load_bundle(toy_bundle, "cpu")
    told = told_of(bundle)
    rows = [
        asked(bundle, draw("normal", n, 64), name)[0] for n, name in enumerate(["a\nb", 'c,"d'])
    ]
    assert [line["path"] for line in read(told, rows)] == ["a\nb", 'c,"d']


MULTI = dict(task="multi_label")
DECIDES = dict(decision={"negative": "normal", "threshold": 0.4, "asked_sensitivity": 0.9})


@pytest.mark.parametrize(
    "meta",
    [{}, DECIDES, MULTI, {"thresholds": {"normal": 0.3}}, {**MULTI, "thresholds": {"normal": 0.3}}],
)
def test_the_columns_are_those_of_predict(tmp_path, meta):
    bundle = saved(tmp_path / "b", **meta)
    film = tmp_path / "a.png"
    write_png(draw("normal", 1, 64), film)
    assert list(told_of(bundle).columns) == columns_of(predict_paths(bundle, [film]))


def test_the_columns_of_an_ensemble_are_those_of_predict(tmp_path):
    model = load_ensemble([saved(tmp_path / "a", 0), saved(tmp_path / "b", 1)])
    row, _ = asked(model, draw("normal", 1, 64))
    assert list(told_of(model).columns) == columns_of([row])
    assert {"low_normal", "high_normal"} <= set(told_of(model).columns)


def test_what_is_said_of_all_films_knows_the_class_that_means_nothing(tmp_path):
    recipe = {"name": "toy", "classes": {"covid_19": ["covid_19"], "normal": ["no_finding"]}}
    bundle = saved(tmp_path / "b", recipe=recipe)
    told = told_of(bundle)
    assert told.names.negative == "normal" and "risk" in told.columns
