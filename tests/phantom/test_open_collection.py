"""The open collection: its table and its files disagree only where planted.

python -m pytest tests/phantom/test_open_collection.py
"""

import numpy as np
import pytest
from toy_phantoms import (
    pixels,
    rows,
)


def test_tables_and_files_disagree_only_where_planted(planted, open_file):
    said = rows(open_file("phantom_covid/metadata.csv"), "latin-1")
    table = {f"phantom_covid/images/{r['filename']}": r for r in said}
    there = {f"phantom_covid/images/{p.name}" for p in open_file("phantom_covid/images").iterdir()}
    assert sorted(set(table) - there) == planted.missing and len(planted.missing) == 2
    assert sorted(there - set(table)) == planted.unlisted and len(planted.unlisted) == 1
    assert {n for n, r in table.items() if r["modality"] == "CT" or r["view"] == "L"} == set(
        planted.filtered
    )
    assert {r["finding"] for r in table.values()} == {"COVID-19", "No Finding", ""}


def test_the_open_collections_table_is_latin_1_and_no_utf_8(open_file):
    with pytest.raises(UnicodeDecodeError):
        rows(open_file("phantom_covid/metadata.csv"))
    assert any(
        "Zürich" in r["notes"] for r in rows(open_file("phantom_covid/metadata.csv"), "latin-1")
    )


def test_other_views_look_like_no_frontal_film(planted, open_file):
    assert len(planted.filtered) == 6
    corners = [pixels(open_file(name))[:4, :4].mean() for name in planted.filtered]
    assert len({pixels(open_file(name)).tobytes() for name in planted.filtered}) == 6
    assert np.mean(corners) < 80
