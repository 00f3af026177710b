"""A source's csv tables: what is read of them, and what is wrong with some."""

import pytest
from toy_listing import TABLE, listing, table
from toy_sources import put, rule

from cxr_fastai.catalog import COLUMNS, Rule
from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.sources.tables import key_in, read_table
from cxr_fastai.curation.sources.tree import folder_tree


def test_a_table_without_the_column_names_those_it_has(tmp_path):
    put(tmp_path / "one/images/a.png", 1)
    (tmp_path / "one/m.csv").write_text("id,label\na,x\n")
    with pytest.raises(IntegrityError, match="no column 'finding'.*it has id, label"):
        listing(tmp_path, rule(**TABLE, label_value="x"))


def test_a_table_in_another_encoding_is_named_with_the_row_to_mend(tmp_path):
    put(tmp_path / "one/images/a.png", 1)
    table(tmp_path, "a,Müller,Covid,PA,X-ray,,")
    with pytest.raises(IntegrityError, match="catalogue row 2, column encoding.*not utf-8"):
        listing(
            tmp_path,
            rule(**{**TABLE, "encoding": "utf-8"}, label_value="Covid", findings="covid_19"),
        )


def test_rows_are_kept_under_their_key_without_blanks_or_surplus_cells(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/m.csv").write_text("id,label\nwrong,x\n")
    (tmp_path / "m.csv").write_text("id,label\na, x ,more,cells\na,y\n,z\nb\n")
    cells = dict.fromkeys(COLUMNS, "")
    cells.update(source="one", table="**/m.csv", table_key="{id}")
    table = read_table(folder_tree(tmp_path), Rule(row=2, **cells), ["deep/m.csv", "m.csv"])
    assert table == {
        "a": [{"id": "a", "label": "x"}, {"id": "a", "label": "y"}],
        "b": [{"id": "b", "label": ""}],
    }


@pytest.mark.parametrize(
    "keys, found",
    [(["x.png", "x"], "x.png"), (["x"], "x"), (["a/x.png"], "a/x.png"), (["y"], None)],
)
def test_a_file_is_looked_up_by_name_then_stem_then_path(keys, found):
    assert key_in({key: [] for key in keys}, "a/x.png") == found
