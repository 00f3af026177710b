"""Whether a source would be read: asked before anything is curated."""

import pytest
from toy_sources import put, rule, write_catalog

from cxr_fastai.catalog import load_catalog
from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.sources.readable import check_readable
from cxr_fastai.curation.sources.tree import Tree, folder_tree

TABLE = dict(label_from="column", label_key="label", table="*.csv", table_key="{name}")


def source(tmp_path, **cells):
    row = rule(label_value="sick", findings="tuberculosis", **cells)
    return load_catalog(write_catalog(tmp_path / "c.csv", row))["one"]


def test_files_that_a_rule_labels_are_readable(tmp_path):
    put(tmp_path / "one/sick/a.png", 1)
    assert check_readable(source(tmp_path), folder_tree(tmp_path / "one")) is None


@pytest.mark.parametrize(
    "cells, name, words",
    [
        ({}, "a.png", "no file that meets '*/*.png'"),
        ({}, ".ipynb_checkpoints/a.png", "no file that meets '*/*.png'"),
        (TABLE, "x/a.png", "no table '*.csv'"),
        ({"split": "list:test.txt"}, "sick/a.png", "no list of test images '**/test.txt'"),
        ({}, "odd/a.png", "no image in"),
    ],
)
def test_what_curation_would_refuse_is_refused(tmp_path, cells, name, words):
    put(tmp_path / "one" / name, 1)
    with pytest.raises(IntegrityError) as e:
        check_readable(source(tmp_path, **cells), folder_tree(tmp_path / "one"))
    assert words in str(e.value)


def test_a_table_without_its_columns_is_refused(tmp_path):
    put(tmp_path / "one/x/a.png", 1)
    (tmp_path / "one/t.csv").write_text("other\n1\n")
    with pytest.raises(IntegrityError, match="no column"):
        check_readable(source(tmp_path, **TABLE), folder_tree(tmp_path / "one"))


def test_of_what_is_packed_the_names_are_asked(tmp_path):
    tree = Tree("a.zip", {"sick/a.png": str(tmp_path / "not there")})
    assert check_readable(source(tmp_path), tree) is None
    with pytest.raises(IntegrityError, match="no file that meets"):
        check_readable(source(tmp_path), Tree("a.zip", {"a.png": str(tmp_path / "not there")}))
