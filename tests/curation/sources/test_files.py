"""Files that are an image each, and tables that other programs wrote."""

import unicodedata
from dataclasses import replace

import pytest
from toy_listing import labels, listing, reasons
from toy_sources import put, rule, write_catalog

from cxr_fastai.catalog import load_catalog
from cxr_fastai.core import CatalogError, IntegrityError
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import folder_tree

BY_COLUMN = dict(
    glob="**/*.png",
    label_from="column",
    label_key="finding",
    label_value="normal",
    findings="no_finding",
    table="m.csv",
    table_key="{file}",
)


def source_of(tmp_path, *rows):
    "The first source of a catalogue of these rows."
    return next(iter(load_catalog(write_catalog(tmp_path / "c.csv", *rows)).values()))


SICK = dict(first=False, label_value="sick", findings="pneumonia")


def listed(tmp_path, names, rows, header="file,finding", **cells):
    for seed, name in enumerate(names):
        put(tmp_path / "one" / name, seed)
    (tmp_path / "one/m.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return listing(tmp_path, rule(**{**BY_COLUMN, **cells}), rule(**SICK))


def test_a_row_that_fits_several_files_labels_none(tmp_path):
    found = listed(tmp_path, ["p0/v.png", "p1/v.png", "w.png"], ["v.png,sick", "w.png,normal"])
    assert labels(found) == {"w.png": ("no_finding",)}
    assert reasons(found) == {("table", "ambiguous_file"): 2}
    assert all("p0/v.png" in r.message and "p1/v.png" in r.message for r in found.rejects)
    assert any("2 images left out" in str(w) and "'v.png'" in str(w) for w in found.warnings)


def test_rows_of_windows_speak_of_the_files_here(tmp_path):
    rows = [r"C:\data\images\0.png,normal", r"C:\data\images\1.png,sick"]
    found = listed(tmp_path, ["images/0.png", "images/1.png"], rows)
    assert labels(found) == {"images/0.png": ("no_finding",), "images/1.png": ("pneumonia",)}
    assert not found.rejects


def test_a_table_of_which_no_row_speaks_of_a_file_is_an_error_that_names_both(tmp_path):
    with pytest.raises(IntegrityError) as e:
        listed(tmp_path, ["images/0.png"], [r"C:\other\patient_a.png,normal"])
    said = str(e.value)
    assert "a file is images/0.png" in said and "patient_a.png" in said and "row 2" in said
    assert "column table_key (catalogue row 2)" in said


def test_where_no_row_fits_the_key_that_comes_nearest_is_shown(tmp_path):
    with pytest.raises(IntegrityError, match="row 3 is 'b/0.png', and the nearest is a/0.png. Me"):
        listed(tmp_path, ["a/0.png"], ["nothing like it,sick", "b/0.png,sick"])


def test_a_missing_row_and_a_missing_file_name_what_is_nearest(tmp_path):
    names = ["a/0.png", "a/scan_1.png"]
    found = listed(tmp_path, names, ["0.png,sick", "scan_2.png,sick", "x.png,sick"])
    told = {(r.reason, r.path): r.message for r in found.rejects}
    assert told == {
        ("no_row", "a/scan_1.png"): "m.csv has no row for it: the nearest is 'scan_2.png'",
        ("missing_file", "scan_2.png"): "m.csv has a row for it, but there is no such file: "
        "the nearest is a/scan_1.png",
        ("missing_file", "x.png"): "m.csv has a row for it, but there is no such file",
    }


def test_strangers_without_a_name_stay_apart_and_a_number_is_one_patient(tmp_path):
    names = [f"{n}.png" for n in range(8)]
    patients = ["nan", "NA", "unknown", "-", "7", "7.0", "07", "none"]
    rows = [f"{n}.png,sick,{patient}" for n, patient in enumerate(patients)]
    found = listed(tmp_path, names, rows, "file,finding,pid", patient="one:{pid}")
    assert [item.patients for item in found.items] == [
        (), (), (), (), ("one:7",), ("one:7",), ("one:07",), (),
    ]  # fmt: skip


def test_age_sex_and_view_of_a_blank_word_are_blank(tmp_path):
    cells = dict(age="{age}", sex="{sex}", view="{view}", view_keep="PA|blank")
    rows = ["a.png,sick,nan,missing,N/A", "b.png,sick,7.0,M,PA", "c.png,sick,7,M,lateral"]
    found = listed(
        tmp_path, ["a.png", "b.png", "c.png"], rows, "file,finding,age,sex,view", **cells
    )
    assert [(i.age, i.sex, i.view) for i in found.items] == [("", "", ""), ("7", "M", "PA")]
    assert reasons(found) == {("filter", "view"): 1}


@pytest.mark.parametrize("value", ["none", "unknown", "NA"])
def test_a_blank_word_that_a_rule_names_is_a_label(tmp_path, value):
    found = listed(tmp_path, ["a.png"], [f"a.png,{value}"], label_value=value)
    assert labels(found) == {"a.png": ("no_finding",)}


def test_labels_that_no_rule_has_are_counted_with_their_text(tmp_path):
    texts = ["Normal", "Normal", "tb", "", "nan", "normal"]
    rows = [f"{n}.png,{text}" for n, text in enumerate(texts)]
    found = listed(tmp_path, [f"{n}.png" for n in range(6)], rows)
    assert reasons(found) == {("label", "unknown_label"): 5}
    told = [str(w) for w in found.warnings]
    assert told == ["one: 5 images left out: no rule for 2 'Normal', 1 blank, 1 'nan', 1 'tb'"]
    assert "(row 2 of m.csv); it has 'normal'" in found.rejects[0].message


def test_a_number_label_is_that_of_the_rules(tmp_path):
    found = listed(tmp_path, ["a.png"], ["a.png,1.0"], label_value="1")
    assert [item.source_label for item in found.items] == ["1"]


def test_rows_that_call_a_file_two_things_are_refused_with_their_numbers(tmp_path):
    rows = ["a.png,sick", "b.png,normal", "a.png,normal", "b.png, normal"]
    found = listed(tmp_path, ["a.png", "b.png"], rows)
    assert labels(found) == {"b.png": ("no_finding",)}
    (reject,) = found.rejects
    assert reject.message == "rows 2 and 4 of m.csv call it normal and sick"


def test_accents_of_macos_are_those_of_the_catalogue(tmp_path):
    apart = unicodedata.normalize("NFD", "aiguë")
    put(tmp_path / "one" / apart / "a.png", 1)
    found = listing(tmp_path, rule(label_value="aigu\u00eb", findings="pneumonia"))
    (item,) = found.items
    assert item.path == "aigu\u00eb/a.png" and apart in item.file


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_in_a_table_are_those_of_files_and_rules(tmp_path, form):
    name = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "é.png")
    row = unicodedata.normalize(form, "é.png,élevé,né")
    found = listed(
        tmp_path,
        [name],
        [row],
        unicodedata.normalize(form, "file,finding,qualité"),
        label_value=unicodedata.normalize(form, "élevé"),
        patient=unicodedata.normalize("NFD", "p:{qualité}"),
    )
    assert [item.patients for item in found.items] == [(unicodedata.normalize("NFC", "p:né"),)]


@pytest.mark.parametrize("column", ["patient", "radiograph", "view", "modality", "age", "sex"])
def test_a_template_that_nothing_fills_is_an_error_that_lists_what_there_is(tmp_path, column):
    with pytest.raises(CatalogError) as e:
        listed(tmp_path, ["a.png"], ["a.png,normal,7"], "file,finding,pid", **{column: "one:{pdi}"})
    said = str(e.value)
    assert f"unknown field '{{pdi}}' in column {column} (catalogue row 2" in said
    assert "file, finding, pid, name, stem" in said and "\n" not in said


def test_a_template_may_name_columns_groups_and_what_the_tree_knows(tmp_path):
    cells = dict(patient="{pid}:{site}:{known}", name_regex=r"(?P<site>s\d)", age="{stem}")
    put(tmp_path / "one/s1_a.png", 1)
    (tmp_path / "one/m.csv").write_text("file,finding,pid\ns1_a.png,normal,7\n")
    source = source_of(tmp_path, rule(**{**BY_COLUMN, **cells}))
    tree = replace(folder_tree(tmp_path / "one"), fields={"s1_a.png": {"known": "x"}})
    (item,) = list_source(source, tree).items
    assert item.patients == ("7:s1:x",)


def test_a_label_may_stand_in_what_the_tree_knows(tmp_path):
    put(tmp_path / "one/a.png", 1)
    cells = dict(glob="**/*.png", label_from="name", name_regex="(?P<label>x)?", label_value="sick")
    source = source_of(tmp_path, rule(**cells, findings="own:sick film"))
    tree = replace(folder_tree(tmp_path / "one"), fields={"a.png": {"label": "sick"}})
    assert [item.findings for item in list_source(source, tree).items] == [("own:sick film",)]


def test_a_table_of_semicolons_says_how_to_save_it(tmp_path):
    with pytest.raises(IntegrityError, match="no column 'file'.*Separate the cells by commas"):
        listed(tmp_path, ["a.png"], ["a.png;normal"], "file;finding")
