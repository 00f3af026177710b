"""pytest tests/serving/test_written.py

What `cxr predict --out` writes: rows that agree, nothing stale, nothing of others touched.
"""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from toy_rows import failed, row

from cxr_fastai.core import Prediction, UsageError
from cxr_fastai.serving import page, written
from cxr_fastai.serving.answers import Film
from cxr_fastai.serving.cards import Names
from cxr_fastai.serving.written import (
    CSV,
    JSON_LINES,
    Thumbnails,
    check_out,
    json_lines,
    write_answers,
)

ROWS = [row("b.png", probs=(0.25, 0.75)), row("a\udcff.png", "covid_19", (0.9, 0.1)), failed("c")]


def read(folder):
    with open(folder / CSV, newline="", encoding="utf-8") as f:
        cells = list(csv.DictReader(f))
    lines = (folder / JSON_LINES).read_text(encoding="utf-8").splitlines()
    return cells, [json.loads(line) for line in lines]


def test_csv_and_json_lines_hold_a_row_each_in_one_order(bundle, tmp_path):
    file = write_answers(tmp_path / "out", ROWS, bundle)
    assert file == tmp_path / "out" / "predictions.html" and file.is_file()
    cells, lines = read(tmp_path / "out")
    assert [each["path"] for each in cells] == [each["path"] for each in lines]
    assert [each["path"] for each in lines] == ["b.png", r"a\udcff.png", "c"]
    assert lines[0] == ROWS[0] and lines[2]["error"] == "damaged PNG"
    write_answers(tmp_path / "out", ROWS, bundle, listed=ROWS[::-1])
    cells, lines = read(tmp_path / "out")
    assert [each["path"] for each in cells] == ["c", r"a\udcff.png", "b.png"]
    assert [each["path"] for each in lines] == ["c", r"a\udcff.png", "b.png"]


def test_json_lines_are_strict_and_one_a_row():
    odd = "line\nbreak\u2028\x85.png"
    text = json_lines([row(odd), row("\udcff")])
    assert len(text.splitlines()) == 2 and text.isascii()
    assert json.loads(text.splitlines()[0])["path"] == odd


def test_the_same_rows_give_the_same_bytes(bundle, tmp_path):
    for name in ("one", "two"):
        write_answers(tmp_path / name, ROWS, bundle)
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_no_page_of_an_earlier_run_is_left_and_no_file_of_others_touched(
    bundle, tmp_path, monkeypatch
):
    monkeypatch.setattr(page, "FILMS_A_PAGE", 1)
    write_answers(tmp_path, ROWS, bundle)
    assert sorted(file.name for file in tmp_path.glob("*.html")) == [
        "predictions-2.html",
        "predictions-3.html",
        "predictions.html",
    ]
    (tmp_path / "predictions-9.html").write_text("<p>of somebody else")
    (tmp_path / "predictions-old.html").write_bytes((tmp_path / "predictions-2.html").read_bytes())
    write_answers(tmp_path, ROWS[:2], bundle)
    assert sorted(file.name for file in tmp_path.glob("*.html")) == [
        "predictions-2.html",
        "predictions-9.html",
        "predictions-old.html",
        "predictions.html",
    ]
    assert "c</p>" not in (tmp_path / "predictions-2.html").read_text()


def test_a_file_of_others_or_one_that_is_read_is_not_written_over(tmp_path):
    check_out(tmp_path / "new", "--out")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / CSV).write_text("path,source,group,label\n")
    with pytest.raises(UsageError, match="predictions.csv.*did not write"):
        check_out(tmp_path / "report", "--out")
    (tmp_path / "films").mkdir()
    film = tmp_path / "films" / JSON_LINES
    film.write_bytes(b"an image by another name")
    with pytest.raises(UsageError, match="predictions.jsonl"):
        check_out(tmp_path / "films", "--out", [film])


def film_of(number, label="normal", probs=(0.25, 0.75), **more):
    answer = Prediction(label, dict(zip(("covid_19", "normal"), probs)), **more)
    pixels = np.full((200, 100), number % 256, np.uint8)
    return Film(number, answer, pixels, (), ())


NAMES = Names({"covid_19": "COVID-19", "normal": "Normal"}, negative="normal")


def test_a_thumbnail_is_kept_of_each_film():
    kept = Thumbnails(NAMES)
    for number in (0, 2):
        kept.look(film_of(number))
    assert list(kept.kept) == [0, 2]
    uri, width, height = kept.kept[0]
    assert uri.startswith("data:image/jpeg;base64,") and (width, height) == (64, 128)


def test_of_very_many_films_those_that_come_first_in_reading_order_are_kept(monkeypatch):
    monkeypatch.setattr(written, "MAX_SHOWN", 5)
    kept = Thumbnails(NAMES)
    risks = [37 * number % 100 / 100 for number in range(100)]  # each once, in no order
    for number, risk in enumerate(risks):
        kept.look(film_of(number, probs=(risk, 1 - risk)))
        assert len(kept.kept) <= 10
    highest = {number for number, risk in enumerate(risks) if risk > 0.945}
    assert len(highest) == 5 and highest <= set(kept.kept)


def test_the_page_shows_the_risk_of_not_being_normal_where_the_bundle_decides_nothing(
    bundle, tmp_path
):
    findings = {"covid_19": ["covid_19"], "normal": ["no_finding"]}
    meta = {**bundle.meta, "recipe": {"name": "toy", "classes": findings}}
    html = write_answers(tmp_path, ROWS, replace(bundle, meta=meta)).read_text()
    assert "risk 0.90" in html and html.index("a\\udcff.png") < html.index("b.png")
    assert "then those of the highest risk" in html
    plain = write_answers(tmp_path, ROWS, bundle).read_text()
    assert "class by class" in plain and "risk 0" not in plain
