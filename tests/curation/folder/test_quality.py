"""pytest tests/curation/folder/test_quality.py"""

from dataclasses import replace

from cxr_fastai.curation.folder.looks import FilmLook
from cxr_fastai.curation.folder.quality import QUALITY_COLUMNS, quality_rows
from cxr_fastai.manifest import COLUMNS, Record


def film(name, **own):
    plain = dict.fromkeys(COLUMNS, "")
    told = dict(
        path=f"{name}.png", pixel_sha256=name, source="s", original_path=f"films/{name}.jpg"
    )
    return Record(**{**plain, **told, **own})


NOTES = {"a": (), "b": ("tinted", "inverted"), "c": ()}
FILMS = [film(name) for name in "cba"]


def rows_of(looks, records=None):
    return quality_rows(records or {row.path: row for row in FILMS}, FILMS, NOTES, looks)


def test_a_film_without_a_note_that_lies_as_others_do_has_no_row():
    (row,) = rows_of({})
    assert set(row) == set(QUALITY_COLUMNS)
    assert (row["path"], row["notes"]) == ("b.png", "tinted|inverted")
    assert row["looks"] == row["odds"] == row["righted"] == ""


def test_a_film_that_lies_otherwise_has_its_look_and_its_odds_by_path():
    rows = rows_of({"c": FilmLook("turned_90", 3.46), "a": FilmLook("lateral", None)})
    assert [row["path"] for row in rows] == ["a.png", "b.png", "c.png"]
    assert [row["looks"] for row in rows] == ["lateral", "", "turned_90"]
    assert [row["odds"] for row in rows] == ["", "", "3.5"]


def test_a_righted_film_stands_under_the_path_that_is_written():
    written = replace(FILMS[0], path="z.png", righted="turned_90")
    records = {row.path: row for row in FILMS} | {"c.png": written}
    rows = rows_of({"c": FilmLook("turned_90", 3.0, ("turned_90",))}, records)
    assert [(row["path"], row["righted"]) for row in rows] == [("b.png", ""), ("z.png", "yes")]
    assert rows[1]["original_path"] == "films/c.jpg"
