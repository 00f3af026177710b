"""A source's csv tables: what is read of them, and what is wrong with some."""

import pytest
from toy_listing import TABLE, listing, table
from toy_sources import put, rule

from cxr_fastai.catalog import COLUMNS, Rule, Source
from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.sources.item import LISTING_DIFFERS
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tables import Row, read_table
from cxr_fastai.curation.sources.tree import Tree, folder_tree


def test_a_table_without_the_column_names_those_it_has(tmp_path):
    put(tmp_path / "one/images/a.png", 1)
    (tmp_path / "one/m.csv").write_text("id,label\na,x\n")
    with pytest.raises(IntegrityError, match="no column 'finding'.*it has id, label"):
        listing(tmp_path, rule(**TABLE, label_value="x"))


def test_a_table_in_another_encoding_is_named_with_the_row_to_mend(tmp_path):
    put(tmp_path / "one/images/a.png", 1)
    table(tmp_path, "a,Müller,Covid,PA,X-ray,,")
    with pytest.raises(
        IntegrityError, match="catalogue row 2, columns table and encoding.*not utf-8"
    ):
        listing(
            tmp_path,
            rule(**{**TABLE, "encoding": "utf-8"}, label_value="Covid", findings="covid_19"),
        )


def a_rule(**cells):
    blank = dict.fromkeys(COLUMNS, "")
    return Rule(row=2, **{**blank, "source": "one", "table_key": "{id}", **cells})


def read(folder, *rules, met=()):
    paths = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return read_table(folder_tree(folder), rules, paths, met)


def test_rows_are_kept_under_their_key_without_blanks_or_surplus_cells(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("deep/m.csv", "m.csv"):
        (tmp_path / name).write_text("id, label\na, x ,more,cells\n\na,y\n,z\nb\n")
    table = read(tmp_path, a_rule(table="**/m.csv"))
    assert table.path == "m.csv"
    assert table.rows == {
        "a": [Row(2, {"id": "a", "label": "x"}), Row(4, {"id": "a", "label": "y"})],
        "b": [Row(6, {"id": "b", "label": ""})],
    }
    assert [str(w) for w in table.warnings] == [
        "one: 1 row speaks of no file in m.csv: column 'id' is blank (row 5 the first)"
    ]


def test_of_several_tables_the_first_glob_is_read_and_the_choice_is_told(tmp_path):
    for name in ("entry.csv", "entry_v2.csv", "entry_v3.csv"):
        (tmp_path / name).write_text(f"id,label\na,{name}\n")
    table = read(tmp_path, a_rule(table="entry_v2*.csv ; entry*.csv"))
    assert table.path == "entry_v2.csv"
    (told,) = table.warnings
    assert "entry_v2.csv was read, not entry.csv, entry_v3.csv" in told.says
    assert told.kind == LISTING_DIFFERS


def test_a_copy_of_a_table_is_no_choice(tmp_path):
    (tmp_path / "copy").mkdir()
    for name in ("m.csv", "copy/m.csv"):
        (tmp_path / name).write_text("id,label\na,x\n")
    assert read(tmp_path, a_rule(table="**/m.csv")).warnings == ()


def test_a_column_that_differs_from_another_in_case_is_told(tmp_path):
    (tmp_path / "m.csv").write_text("id,Finding,finding\na,x,y\n")
    rule = a_rule(table="m.csv", label_from="column", label_key="finding")
    (told,) = read(tmp_path, rule).warnings
    assert "columns 'finding' and 'Finding': 'finding' is read" in told.says
    assert not read(tmp_path, a_rule(table="m.csv", label_key="finding")).warnings


def test_every_rule_of_a_table_has_its_column_looked_up(tmp_path):
    (tmp_path / "m.csv").write_text("id,a\nx,1\n")
    rules = [
        a_rule(table="m.csv", label_from="columns", label_key=key, label_value="1")
        for key in ("b", "a")
    ]
    with pytest.raises(IntegrityError, match="no column 'b'.*it has id, a"):
        read(tmp_path, *rules)


def test_files_of_the_same_bytes_are_one_for_a_key(tmp_path):
    (tmp_path / "m.csv").write_text("id,label\na.png,x\nb.png,y\n")
    for name, seed in (("1/a.png", 1), ("2/a.png", 1), ("1/b.png", 2), ("2/b.png", 3)):
        put(tmp_path / name, seed)
    met = ["1/a.png", "1/b.png", "2/a.png", "2/b.png"]
    table = read(tmp_path, a_rule(table="m.csv"), met=met)
    assert table.rows_of("1/a.png") == table.rows_of("2/a.png") != []
    assert not table.rows_of("1/b.png") and set(table.matched.unclear) == {"1/b.png", "2/b.png"}


def test_a_table_that_is_read_in_another_form_is_no_image_and_its_file_is_not_opened(tmp_path):
    put(tmp_path / "a.png", 1)
    tree = folder_tree(tmp_path)
    files = {**tree.files, "m.csv": str(tmp_path / "m.xlsx")}
    tree = Tree(tree.where, files, tables={"m.csv": b"id,finding\na,x\n"})
    cells = dict(table="m.csv", label_from="column", label_key="finding", label_value="x")
    source = Source("one", (a_rule(glob="**/*", findings="mass", **cells),))
    listed = list_source(source, tree)
    assert [item.path for item in listed.items] == ["a.png"] and listed.rejects == []
