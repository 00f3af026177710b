"""pytest tests/fuzz/test_own_table.py

A csv of a user's own, whatever its cells hold and whatever saved it: read as it was, or refused in one line.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
import spoiled as draws
from fuzz_settings import fuzz
from hypothesis import given
from hypothesis import strategies as st
from toy_sources import put

from cxr_fastai.core import CxrError
from cxr_fastai.csv_of_others import SEPARATORS, read_csv_of_others, tidy
from cxr_fastai.curation.own.table import read_own_table
from cxr_fastai.curation.own.table_labels import labels_of
from cxr_fastai.curation.sources.listing import list_source

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")
CELLS = st.text(st.sampled_from("a7 ,;\t|\"\n\r'éß/\\-"), max_size=6)
COLUMNS = ("image", "finding", "who", "years")


def saved(rows, separator, end, quoting, encoding) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
    return out.getvalue().encode(encoding, "replace")


SAVED = st.tuples(
    st.sampled_from(tuple(SEPARATORS)),
    st.sampled_from(("\n", "\r\n")),
    st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
    st.sampled_from(ENCODINGS),
)


@fuzz(200)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), SAVED)
def test_cells_come_back_as_they_were_saved(rows, how):
    if any("\r" in cell for row in rows for cell in row):
        how = (*how[:2], csv.QUOTE_ALL, how[3])  # Python's own writer forgets to quote it
    written = [("image", "finding", "who"), *rows]
    table = read_csv_of_others(saved(written, *how), "t.csv")
    said = [tuple(map(tidy, row)) for row in rows]
    assert [tuple(row.cells.values()) for row in table.rows] == [row for row in said if any(row)]


@fuzz(200)
@given(st.data())
def test_spoiled_bytes_are_read_or_refused(data):
    rows = [COLUMNS, ("a.png", "TB", "ä", "1"), ("b.png", "Normal", '"', "2")]
    whole = saved(rows, *data.draw(SAVED))
    try:
        table = read_csv_of_others(data.draw(draws.bent_bytes(whole)), "t.csv")
    except CxrError as e:
        assert str(e).startswith("t.csv") and "\n" not in str(e)
    else:
        assert all(set(row.cells) == set(table.columns) for row in table.rows)


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for k, name in enumerate(("a.png", "sub/b.PNG", "sub/007.png", "ä.png", "c", "x/a.png")):
        path = put(folder / f"{name.partition('.')[0]}.png", k)
        path.rename(folder / name)
    return folder


KEYS = st.sampled_from(
    (
        "a.png",
        "A",
        "sub\\b",
        r"C:\x\sub\b.png",
        "7",
        "007.png",
        "ä.png",
        "c",
        "x/a.png",
        "./a.png",
        "gone",
        "NA",
        "",
    )
)
LABELS = st.sampled_from(
    ("TB", "Normal", "NORMAL", "TB|Normal", "a;b", "a", "b", "1", "1.0", "NA", "", "blank")
)
ODD = draws.cells.filter(lambda cell: "\0" not in cell)
OTHERS = ODD | st.sampled_from(("7", "7.0", "065Y", "F", "PA"))


@fuzz(120)
@given(st.data())
def test_every_row_and_image_is_accounted_for(films, data):
    usual = st.tuples(KEYS, LABELS, OTHERS, OTHERS)
    odd = st.tuples(KEYS | ODD, LABELS | ODD, OTHERS, OTHERS)
    rows = [COLUMNS, *data.draw(st.lists(usual, min_size=1, max_size=9))]
    rows += data.draw(st.lists(odd, max_size=1))
    label = data.draw(st.sampled_from(("finding", "finding,years")))
    separator = data.draw(st.sampled_from(("", "none", "|", ";")))
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "labels.csv"
        table.write_bytes(saved(rows, ",", "\n", csv.QUOTE_ALL, "utf-8-sig"))
        try:
            own = read_own_table(
                table,
                "image",
                label,
                "who",
                "years",
                "who",
                "who",
                films,
                label_separator=separator,
            )
        except CxrError as e:
            assert str(e) and "\n" not in str(e)
            return
        listed = list_source(own.source, own.tree)
    check(own, listed)
    if label == "finding":
        check_labels(own, listed, rows[1:])


def check(own, listed):
    "Each image is an item or a reject, and what was told are the numbers of this."
    json.dumps(own.inferred, allow_nan=False).encode()
    paths = {path for path in own.tree.files if path not in own.tree.tables}
    told = [item.path for item in listed.items]
    refused = [r.path for r in listed.rejects if r.reason != "missing_file"]
    assert sorted([*told, *refused]) == sorted(paths) and len(paths) == 6
    assert own.inferred["images_labelled"] == len(told)
    for item in listed.items:
        label, why = own.recipe.label(
            own.source.id, item.findings, absent=item.absent, unknown=item.unknown
        )
        assert label or why


def check_labels(own, listed, rows):
    "A label is what each row that has the very path of the file says."
    separator = own.inferred["label_separator"]
    for item in listed.items:
        own_rows = [row for row in rows if tidy(row[0]) == item.path]
        told = {frozenset(labels_of(tidy(row[1]), separator)) for row in own_rows}
        assert told <= {frozenset(item.source_label.split("|"))}
