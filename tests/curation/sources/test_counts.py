"""Counts that differ from the catalogue's."""

from toy_listing import listing
from toy_sources import put, rule

from cxr_fastai.curation.sources.counts import label_counts
from cxr_fastai.curation.sources.item import LISTING_DIFFERS, reject_file


def test_counts_that_differ_are_a_warning_with_both_numbers(tmp_path):
    put(tmp_path / "one/sick/a.png", 1)
    listed = listing(
        tmp_path,
        rule(
            label_value="sick",
            findings="tuberculosis",
            expected="7",
            expected_total="9",
            unconfirmed="expected",
        ),
    )
    (warning,) = listed.warnings
    assert (warning.kind, warning.numbers) == (LISTING_DIFFERS, {"source": "one"})
    assert warning.says == (
        "one: found, of what the catalogue expects: images 1 of 9, 'sick' 1 of 7 (unconfirmed)"
    )


def test_labels_that_no_rule_has_are_named_the_commonest_first():
    texts = ["tb", "Normal", "blank", "Normal", "", "a", "b", "c", "d"]
    rejects = [reject_file("one", "x.png", "label", "r", "m", text=text) for text in texts]
    assert label_counts(rejects) == "2 'Normal', 1 'a', 1 'b', 1 blank, 1 'c', 2 other labels"
    assert label_counts(rejects[4:5]) == ""


def test_of_columns_a_column_and_its_cell_are_counted(tmp_path):
    put(tmp_path / "one/a.png", 1)
    (tmp_path / "one/m.csv").write_text("file,Edema\na.png,1.0\n")
    cells = dict(glob="*.png", table="m.csv", table_key="{file}", label_from="columns")
    columns = dict(label_key="Edema", label_value="1", findings="edema", expected="2")
    (told,) = listing(tmp_path, rule(**cells, **columns)).warnings
    assert str(told).endswith("'Edema=1' 1 of 2")
