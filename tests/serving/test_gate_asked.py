"""pytest tests/serving/test_gate_asked.py

The gate on the road of prediction: files in, rows out, refused or righted, by one bundle or several.
"""

import io
import json

import numpy as np
import pytest
import torch
from gate_films import small_gate
from PIL import Image
from toy_rows import META, VOCAB

from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.cli import main
from cxr_fastai.core import UsageError
from cxr_fastai.gate import Gate
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import draw
from cxr_fastai.serving.ensemble import load_ensemble
from cxr_fastai.serving.predict import predict, predict_paths
from cxr_fastai.serving.rows import format_rows, gate_line, worklist
from cxr_fastai.serving.rows_csv import write_csv


def saved(folder, seed, gate: Gate | None):
    torch.manual_seed(seed)
    return save_bundle(folder, build_network("cnn", len(VOCAB)), {**META, "arch": "cnn"}, gate=gate)


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("gated") / "bundle", 0, small_gate())


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("bare") / "bundle", 1, None)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    "A film, the same turned and inverted, noise, and a file that is none."
    folder = tmp_path_factory.mktemp("films")
    film = draw("normal", 9200, 128)
    noise = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)
    pictures = {
        "a_film": film,
        "b_turned": np.rot90(film),
        "c_inverted": 255 - film,
        "d_noise": noise,
    }
    for name, pixels in pictures.items():
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{name}.png")
    (folder / "e_broken.png").write_bytes(b"<html>")
    return folder


def kinds(rows):
    return [row.get("gate", "") for row in rows]


def files(folder):
    return sorted(folder.iterdir())


def test_answers_are_as_many_as_files_and_refusals_have_no_probabilities(gated, films):
    rows = predict_paths(load_bundle(gated, "cpu"), files(films))
    assert kinds(rows) == ["", "turned_90", "inverted", "not_a_chest_film", ""]
    assert [bool(row["probs"]) for row in rows] == [True, False, False, False, False]
    assert [row["abstained"] for row in rows] == [False, True, True, True, False]
    assert gate_line(rows) == (
        "the gate refused 3 of 5 files: turned_90 1, inverted 1, not_a_chest_film 1"
    )
    assert "looks inverted" in format_rows(rows)


def test_righted_films_have_the_answer_of_the_film_and_say_so(gated, films):
    rows = predict_paths(load_bundle(gated, "cpu"), files(films), right=True)
    assert kinds(rows) == ["", "", "", "not_a_chest_film", ""]
    assert rows[0]["probs"] == rows[1]["probs"] == rows[2]["probs"]
    assert [row.get("righted") for row in rows[:3]] == [None, ["turned_90"], ["inverted"]]
    assert "righted first: it looked inverted" in rows[2]["decision"]
    assert "righted 2 films before answering: turned_90 1, inverted 1" in gate_line(rows)


def test_without_the_gate_all_that_can_be_read_is_answered(gated, films):
    rows = predict_paths(load_bundle(gated, "cpu"), files(films), gate=False)
    assert [bool(row["probs"]) for row in rows] == [True] * 4 + [False]
    assert gate_line(rows) == ""


def test_a_worklist_has_refusals_behind_errors_and_before_answers(gated, films):
    rows = predict_paths(load_bundle(gated, "cpu"), files(films))
    with_risk = [{**row, "risk": 0.5} if row["probs"] else row for row in rows]
    listed = worklist(with_risk)
    assert [bool(row["error"]) for row in listed] == [True] + [False] * 4
    assert [bool(row.get("gate")) for row in listed] == [False, True, True, True, False]


def test_the_csv_has_the_kinds_where_there_are_some(gated, films):
    rows = predict_paths(load_bundle(gated, "cpu"), files(films), right=True)
    told = io.StringIO()
    write_csv(rows, told)
    lines = told.getvalue().splitlines()
    assert lines[0].endswith("decision,gate,righted")
    assert lines[2].endswith(",,turned_90")
    assert lines[4].endswith(",not_a_chest_film,")
    plain = io.StringIO()
    write_csv(rows[:1], plain)
    assert "gate" not in plain.getvalue().splitlines()[0]


def test_each_gate_of_several_bundles_is_asked(gated, bare, films):
    both = load_ensemble([gated, bare], device="cpu")
    told = predict(both, films)
    assert [answer.gate for answer in told] == ["", "turned_90", "inverted", "not_a_chest_film", ""]
    righted = predict(both, films / "c_inverted.png", right=True)
    assert righted.righted == ("inverted",) and righted.probs == told[0].probs
    shown = [each.show().axes[0].images[0].get_array() for each in (righted, told[2], told[0])]
    assert np.array_equal(shown[0], 255 - shown[1]) and np.array_equal(shown[0], shown[2])
    assert not isinstance(righted.view.source, np.ndarray), "a folder's pixels would stay in memory"


def test_one_film_is_refused_as_in_a_list(gated, films):
    one = predict(gated, films / "d_noise.png")
    assert one.gate == "not_a_chest_film" and one.source.endswith("d_noise.png")
    assert one.decision in one._repr_html_()


def test_righting_without_a_gate_is_a_usage_error(bare, films):
    with pytest.raises(UsageError, match="has no gate"):
        predict(bare, films, right=True)


def test_the_command_refuses_rights_and_says_what_has_no_gate(gated, bare, films, capsys):
    assert main(["predict", str(gated), str(films), "--right", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [row.get("righted") for row in json.loads(out)][2] == ["inverted"]
    assert "the gate refused 1 of 5 files: not_a_chest_film 1" in err
    assert "no gate" not in err
    assert main(["predict", str(bare), str(films / "a_film.png"), "--json"]) == 0
    assert "has no gate" in capsys.readouterr().err
    assert main(["predict", str(bare), str(films / "a_film.png"), "--no-gate", "--json"]) == 0
    assert "has no gate" not in capsys.readouterr().err
    assert main(["predict", str(gated), str(films), "--no-gate", "--right"]) == 2
    assert "leave out --no-gate" in capsys.readouterr().err
