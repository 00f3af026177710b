"""Rows as csv, and what is never written over.

python -m pytest tests/serving/test_rows_csv.py
"""

import io
import os

import pytest
from toy_rows import failed, read_csv, row

from cxr_fastai.core import UsageError
from cxr_fastai.serving.rows_csv import check_own_csv, write_csv


def test_csv_has_one_column_a_class(tmp_path):
    good, bad = read_csv([row(), failed("b.png")], tmp_path)
    assert good == dict(
        path="a.png",
        label="normal",
        abstained="false",
        reason="",
        error="",
        prob_covid_19="0.250000",
        prob_normal="0.750000",
        notes="",
        decision="normal: because",
    )
    assert bad["error"] == "damaged PNG" and bad["label"] == bad["prob_normal"] == ""


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0.png", "+1.png", "-1.png", "@SUM(A1).png", "\tx.png"]
)
def test_csv_cells_that_a_spreadsheet_would_compute_are_neutralised(tmp_path, name):
    cells = read_csv([row(name), failed("x", "=1+1"), row("y", reason="@a")], tmp_path)
    assert (
        cells[0]["path"] == "'" + name
        and cells[1]["error"] == "'=1+1"
        and cells[2]["reason"] == "'@a"
    )


@pytest.mark.parametrize("name", ["a,b.png", 'say "x".png', "two\nlines.png", "Röntgen 胸.png"])
def test_csv_keeps_odd_names_whole(tmp_path, name):
    assert read_csv([row(name)], tmp_path)[0]["path"] == name


@pytest.mark.parametrize(
    "name, cell", [(os.fsdecode(b"a\xff.png"), r"a\udcff.png"), ("a\rb.png", "a\rb.png")]
)
def test_csv_keeps_what_could_break_its_reader(tmp_path, name, cell):
    assert [r["path"] for r in read_csv([row(name), row()], tmp_path)] == [cell, "a.png"]


def test_csv_goes_to_an_open_file_too():
    out = io.StringIO()
    write_csv([row()], out)
    assert (
        out.getvalue().splitlines()[1] == "a.png,normal,false,,,0.250000,0.750000,,normal: because"
    )


def test_decision_and_threshold_stand_at_the_end(tmp_path):
    words = "normal: risk 0.25 is below the threshold 0.80"
    write_csv([row(risk=0.25, threshold=0.8, decision=words), failed("b")], tmp_path / "a.csv")
    header, first, second = (tmp_path / "a.csv").read_text().splitlines()
    assert header.endswith(",risk,prob_covid_19,prob_normal,notes,threshold,decision")
    assert first.endswith(f",,0.8,{words}") and second.endswith(",,,")


# ---- what lies there already

OWN = "path,label,abstained,reason,error,prob_a,notes"  # as this library wrote it before


@pytest.mark.parametrize("text", ["", OWN + "\n", OWN + "\na.png,a,false,,,1.0,\n"])
def test_a_csv_of_ours_is_written_anew(tmp_path, text):
    (tmp_path / "out.csv").write_text(text)
    write_csv([row()], tmp_path / "out.csv")
    assert "because" in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize(
    "content",
    [
        b"patient,diagnosis\n1,tb\n",
        b"path,label\na.png,normal\n",
        b"path;label;abstained;reason;error;\n",
        b"\x89PNG\r\n\x1a\n\x00",
        b"\n",
    ],
)
def test_anything_else_is_kept_and_the_way_out_named(tmp_path, content):
    file = tmp_path / "notes.csv"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="nothing is written over.*Choose another csv") as e:
        write_csv([row()], file)
    assert file.read_bytes() == content and str(file) in str(e.value)
    with pytest.raises(UsageError, match="Choose another --csv"):
        check_own_csv(file, "--csv")


def test_where_nothing_lies_nothing_is_said(tmp_path):
    assert check_own_csv(tmp_path / "new.csv") is None
