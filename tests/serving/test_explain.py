"""Heats as films pass: names of pictures, what is never written over, and the command.

python -m pytest tests/serving/test_explain.py
"""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.cli import main
from cxr_fastai.core import UnknownName, UsageError
from cxr_fastai.serving.answers import answers_of
from cxr_fastai.serving.explain import (
    Explainer,
    check_explained,
    check_pictures,
    heat_line,
    picture_names,
)
from cxr_fastai.serving.heat import CAVEAT
from cxr_fastai.serving.predict import find_images, predict


def test_each_film_has_a_name_of_its_own_on_every_file_system():
    files = ["a/x.png", "b/x.jpg", "b/X.tif", "c/CON.png", "d/\u202e<>.png", "e/x-2.png"]
    names = picture_names(files)
    assert names[:3] == ["x.png", "x-2.png", "X-3.png"] and names[5] == "x-2-2.png"
    assert len({name.casefold() for name in names}) == len(files)
    assert all(name.endswith(".png") and "/" not in name for name in names)
    assert "CON.png" not in names and names == picture_names(files)


def explained(bundle, folder, out, **asked):
    files = find_images([folder])
    explainer = Explainer(folder=out, names=picture_names(files), **asked)
    answers = answers_of(bundle, [(file, str(file)) for file in files], look=explainer.look)
    return answers, explainer


def test_every_film_that_was_read_has_a_heat_and_a_picture(bundle, folder, tmp_path):
    answers, explainer = explained(bundle, folder, tmp_path / "out", keep=True)
    unread = [answer for answer in answers if answer.error]
    assert len(unread) == 1 and unread[0].heat is None
    read = [answer for answer in answers if not answer.error]
    assert all(answer.heat.of == answer.label for answer in read)
    written = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert written == ["a.png", "b.png"] and len(explainer.outside) == 2
    numbers = [number for number, answer in enumerate(answers) if not answer.error]
    assert sorted(explainer.pictures) == numbers
    caption, data = explainer.pictures[numbers[0]][0]
    assert data.startswith(b"\xff\xd8") and "does not show why" in caption


def test_answers_are_those_without_explanation(bundle, folder):
    plain = predict(bundle, folder)
    told = predict(bundle, folder, explain=True)
    assert told == plain  # heat and view are beside what is compared
    assert [answer.heat is None for answer in told] == [bool(answer.error) for answer in told]
    of_class = predict(bundle, find_images([folder])[0], explain="normal")
    assert of_class.heat.of == "normal"


def test_what_the_gate_refused_is_not_explained(bundle, folder):
    class Refused(Explainer):
        def look(self, film):
            answer = replace(film.answer, label=None, abstained=True, gate="lateral")
            return super().look(replace(film, answer=answer))

    files = find_images([folder])[:1]
    explainer = Refused()
    answer = answers_of(bundle, [(files[0], "a")], look=explainer.look)[0]
    assert answer.heat is None and explainer.outside == []


def test_what_abstained_is_explained_by_its_likeliest_class(bundle, folder):
    unsure = replace(bundle, meta={**bundle.meta, "thresholds": {"covid_19": 1.0, "normal": 1.0}})
    answer = predict(unsure, find_images([folder])[0], explain=True)
    assert answer.abstained and answer.heat.of == max(answer.probs, key=answer.probs.__getitem__)


def test_where_no_heat_can_be_had_is_told_before(bundle):
    with pytest.raises(UnknownName, match="Did you mean 'normal'"):
        check_explained([bundle], "norml")
    other = replace(bundle, runtime=replace(bundle.runtime, name="onnx"))
    exported = replace(other, path=Path("a.onnx"))
    with pytest.raises(UsageError, match=r"which a\.onnx does not hold: give the folder"):
        check_explained([exported])
    with pytest.raises(UsageError, match="an explanation needs the network in torch, and onnx"):
        check_explained([other])
    with pytest.raises(UnknownName):
        predict(bundle, np.eye(50), explain="norml")


def test_nothing_of_others_is_written_over(tmp_path):
    (tmp_path / "x.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="holds x.png, which is no heat"):
        check_pictures(tmp_path, ["x.png"], [], "--explain")
    (tmp_path / "link.png").symlink_to("nowhere")
    with pytest.raises(UsageError, match="holds link.png"):
        check_pictures(tmp_path, ["link.png"], [], "--explain")
    check_pictures(tmp_path / "new", ["x.png"], [], "--explain")


def test_its_own_pictures_are_written_over_but_not_while_they_are_read(bundle, folder, tmp_path):
    explained(bundle, folder, tmp_path)
    check_pictures(tmp_path, ["b.png"], [], "--explain")
    with pytest.raises(UsageError, match="holds b.png, which is one of the files to read"):
        check_pictures(tmp_path, ["b.png"], [tmp_path / "b.png"], "--explain")


def test_what_is_said_of_all_counts_films():
    assert heat_line([]) == ""
    words = heat_line([(0.2, 0.7), (0.6, 0.6), (None, None)])
    assert words.startswith(
        "heat: most of it outside the lung field on 1 of 2 films, 40.0 % on average "
        "(a heat equal everywhere 65.0 %)"
    )
    assert "no lung field, or no heat, on any film" in heat_line([(None, 0.4)])
    assert "on 1 no lung field or no heat was found" in words and words.endswith(CAVEAT)


# ---- the command


def test_the_command_writes_a_picture_a_film_and_says_where_the_heat_lies(
    made, folder, tmp_path, capsys
):
    out, table = tmp_path / "heats", tmp_path / "rows.csv"
    asked = ["predict", str(made), str(folder), "--explain", str(out), "--csv", str(table)]
    assert main([*asked, "--json"]) == 0
    told = capsys.readouterr()
    rows = json.loads(told.out)
    with open(table, newline="") as f:
        cells = list(csv.DictReader(f))
    for row, line in zip(rows, cells):
        if row["error"]:
            assert "heat_of" not in row and line["heat_of"] == ""
            continue
        assert row["heat_of"] == row["label"] == line["heat_of"]
        share = row["heat_outside"]
        assert line["heat_outside"] == ("" if share is None else f"{share:.6f}")
    assert f"wrote 2 pictures to {out}" in told.err and CAVEAT in told.err
    bytes_before = {file.name: file.read_bytes() for file in out.iterdir()}
    assert main(asked) == 0  # its own pictures are written over, with the same bytes
    assert {file.name: file.read_bytes() for file in out.iterdir()} == bytes_before


def test_the_command_asks_before_it_computes(made, folder, tmp_path, capsys):
    asked = ["predict", str(made), str(folder)]
    assert main([*asked, "--explain-class", "normal"]) == 2
    assert "--explain DIR" in capsys.readouterr().err
    assert main([*asked, "--explain", str(tmp_path / "o"), "--explain-class", "norml"]) == 2
    assert "Did you mean 'normal'" in capsys.readouterr().err
    # the folder of the films themselves: b.png is one of them
    assert main([*asked, "--explain", str(folder)]) == 2
    capsys.readouterr()
    alone = ["predict", str(made), str(folder / "b.png"), "--explain", str(folder)]
    assert main(alone) == 2
    assert "nothing is written over" in capsys.readouterr().err
    assert Image.open(folder / "b.png").size == (30, 40) and not (tmp_path / "o").exists()
    assert main([*asked, "--explain", str(folder / "notes.txt")]) == 5
    capsys.readouterr()
    assert main([*asked, "--explain", str(tmp_path / "o"), "--runtime", "onnx"]) == 2
    assert "--explain needs the network in torch" in capsys.readouterr().err


def test_a_page_holds_the_heats_to_be_shown_on_demand(made, folder, tmp_path):
    asked = ["predict", str(made), str(folder), "--explain", str(tmp_path / "o")]
    assert main([*asked, "--out", str(tmp_path / "page")]) == 0
    html = (tmp_path / "page" / "predictions.html").read_text()
    assert html.count('<details class="heat">') == 2 and "it does not show why" in html
