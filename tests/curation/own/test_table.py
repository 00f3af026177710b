"""A csv of one's own: each row meets its image, each label its class, and what does not is counted by its own text."""

import json
import re

import pytest
from toy_sources import put

from cxr_fastai.core import StorageError, Task, UnknownName, UsageError
from cxr_fastai.csv_of_others import AS_UTF8
from cxr_fastai.curation.own.table import read_own_table
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.recipes import load_recipe

SIX = [("a", "Normal"), ("b", "Normal"), ("c", "TB"), ("d", "TB"), ("e", "Normal"), ("f", "TB")]


def images(tmp_path, *names):
    for k, name in enumerate(names):
        put(tmp_path / name, k)


def write(tmp_path, *rows, header="file,label", encoding="utf-8", end="\n"):
    text = end.join([header, *rows, ""])
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))


def read(tmp_path, file="file", label="label", **named):
    return read_own_table(tmp_path / "labels.csv", file, label, **named)


def six(tmp_path, *more, header="file,label", **saved):
    "Six images with their rows, and more rows."
    images(tmp_path, *(f"{stem}.png" for stem, _ in SIX))
    write(tmp_path, *(f"{stem}.png,{label}" for stem, label in SIX), *more, header=header, **saved)


def items(own):
    return {item.path: item for item in list_source(own.source, own.tree).items}


def labels(own):
    "path -> the label that a manifest would have, as the recipe writes it."
    found = {}
    stated = {finding for rule in own.source.rules for finding in rule.findings.split("|")}
    for path, one in items(own).items():
        found[path] = own.recipe.label(
            own.source.id, one.findings, stated, one.absent, one.unknown, one.uncertain
        )[0]
    return found


def rejects(own):
    return {r.path: (r.reason, r.message) for r in list_source(own.source, own.tree).rejects}


def said(own):
    "All that a user is told: lines and warnings."
    return "\n".join([*own.inferred["lines"], *(w.says for w in own.warnings)])


# ---- labels


def test_a_csv_and_its_images_are_a_source_and_a_recipe(tmp_path):
    six(tmp_path)
    own = read(tmp_path)
    assert labels(own) == {f"{stem}.png": label for stem, label in SIX}
    assert own.recipe.vocab == ["Normal", "TB"] and own.recipe.negative == "Normal"
    assert own.source.id == "labels" and rejects(own) == {} and own.warnings == []
    assert own.inferred["labels"] == {"Normal": 3, "TB": 3}
    assert any(line.startswith("patients: not told") for line in own.inferred["lines"])
    assert own.inferred["rows"] == own.inferred["images_labelled"] == 6


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_is_read_however_it_was_saved(tmp_path, encoding, separator, end):
    images(tmp_path, "ä.png", "b.png", "c.png", "d.png")
    rows = ["ä.png,Entzündung", "b.png,Normal", "", 'c.png,"Normal"', "d.png,Entzündung"]
    swapped = [row.replace(",", separator) for row in rows]
    write(tmp_path, *swapped, header=f"file{separator}label", encoding=encoding, end=end)
    own = read(tmp_path)
    assert sorted(labels(own).items()) == [
        ("b.png", "Normal"),
        ("c.png", "Normal"),
        ("d.png", "Entzündung"),
        ("ä.png", "Entzündung"),
    ]
    is_excel = encoding == "cp1252"
    assert ("was read in cp1252: its first text is 'ä.png'" in said(own)) == is_excel


@pytest.mark.parametrize("blank", ["", "NaN", "NA", "unknown", "-", "unbekannt"])
def test_a_row_without_a_label_is_counted_by_its_own_text_and_left_out(tmp_path, blank):
    six(tmp_path, f"g.png,{blank}", f"h.png, {blank} ")
    images(tmp_path, "g.png", "h.png")
    own = read(tmp_path)
    text = repr(blank) if blank else "blank"
    assert f"rows without a class: 2 {text}" in own.inferred["lines"]
    assert own.inferred["rows_left_out"] == {blank or "blank": 2}
    assert [rejects(own)[path][0] for path in ("g.png", "h.png")] == ["unknown_label"] * 2
    assert sorted(labels(own)) == [f"{stem}.png" for stem, _ in SIX]


def test_what_is_left_out_is_told_each_by_its_own_text(tmp_path):
    six(tmp_path, *(f"n{k}.png,odd" for k in range(4)), "m.png,", "o.png,NA", "p.png,")
    images(tmp_path, *(f"n{k}.png" for k in range(4)), "m.png", "o.png", "p.png")
    own = read(tmp_path, take_as={"odd": "-"})
    assert "rows without a class: 4 'odd', 1 'NA', 2 blank" in own.inferred["lines"]
    listed = list_source(own.source, own.tree)
    told = [w.says for w in listed.warnings]
    assert any("7 images left out" in says and "4 'odd', 2 blank, 1 'NA'" in says for says in told)
    by_text = [reject.text for reject in listed.rejects]
    assert sorted(by_text) == ["NA", "blank", "blank", "odd", "odd", "odd", "odd"]


def test_numbers_stay_as_they_are_and_1_is_1_0(tmp_path):
    images(tmp_path, "a.png", "b.png", "c.png", "d.png")
    write(tmp_path, "a.png,1", "b.png,1.0", "c.png,0", "d.png,0.0")
    own = read(tmp_path)
    assert labels(own) == {"a.png": "1", "b.png": "1", "c.png": "0", "d.png": "0"}
    assert own.inferred["labels"] == {"0": 2, "1": 2} and own.recipe.negative == ""


def test_near_equal_labels_are_told_and_joined_only_when_asked(tmp_path):
    six(tmp_path, "g.png,NORMAL", "h.png, Normal ")
    images(tmp_path, "g.png", "h.png")
    apart = read(tmp_path)
    assert "'NORMAL' (1 image), 'Normal' (4 images) may be one class" in said(apart)
    assert len(apart.recipe.vocab) == 3
    joined = read(tmp_path, same=["Normal=NORMAL"])
    assert labels(joined)["g.png"] == "Normal" and joined.recipe.vocab == ["Normal", "TB"]
    assert "may be one class" not in said(joined)
    assert "classes: Normal (of 'NORMAL', 'Normal'), TB (of 'TB')" in joined.inferred["lines"]
    assert joined.inferred["classes"] == {"Normal": ["NORMAL", "Normal"], "TB": ["TB"]}


def test_a_label_that_is_named_by_the_user_is_one_though_it_looks_blank(tmp_path):
    six(tmp_path, "g.png,none")
    images(tmp_path, "g.png")
    own = read(tmp_path, take_as={"none": "Normal"})
    assert labels(own)["g.png"] == "Normal" and own.inferred["rows_left_out"] == {}


def test_a_word_for_none_may_be_said_to_be_no_finding(tmp_path):
    images(tmp_path, "a.png", "b.png", "c.png")
    write(tmp_path, "a.png,Mass|Effusion", "b.png,Mass", "c.png,none")
    assert read(tmp_path).inferred["rows_left_out"] == {"none": 1}
    own = read(tmp_path, take_as={"none": "Normal"})
    assert labels(own) == {"a.png": "Effusion|Mass", "b.png": "Mass", "c.png": "none"}


def test_one_label_alone_is_refused(tmp_path):
    images(tmp_path, "a.png", "b.png")
    write(tmp_path, "a.png,TB", "b.png,TB")
    with pytest.raises(UsageError, match="one class alone, TB"):
        read(tmp_path)


def test_a_column_without_any_label_is_refused_with_what_it_holds(tmp_path):
    images(tmp_path, "a.png", "b.png")
    write(tmp_path, "a.png,NA", "b.png,")
    with pytest.raises(UsageError, match="no row has a label in column 'label': 1 'NA', 1 blank"):
        read(tmp_path)


def test_under_a_recipe_a_label_that_it_cannot_place_is_asked_for(tmp_path):
    six(tmp_path, "g.png,odd")
    images(tmp_path, "g.png")
    recipe = load_recipe("covid5")
    with pytest.raises(UsageError, match="'odd'.* left out by --as LABEL=-"):
        read(tmp_path, recipe=recipe)
    own = read(tmp_path, recipe=recipe, take_as={"odd": "-"})
    assert set(labels(own).values()) == {"normal", "tuberculosis"}
    assert own.inferred["rows_left_out"] == {"odd": 1}
    assert labels(read(tmp_path, recipe=recipe, take_as={"odd": "covid_19"}))["g.png"] == "covid_19"


# ---- several labels


def test_several_labels_in_a_cell_are_a_recipe_of_findings(tmp_path):
    images(tmp_path, *(f"{k}.png" for k in "abcde"))
    rows = [
        "a.png,Effusion|Mass",
        "b.png,Mass",
        "c.png,Effusion",
        "d.png,No Finding",
        "e.png,Mass|Hernia",
    ]
    write(tmp_path, *rows)
    own = read(tmp_path)
    assert own.recipe.task is Task.MULTI_LABEL
    assert own.recipe.vocab == ["Effusion", "Hernia", "Mass"]
    assert labels(own) == {
        "a.png": "Effusion|Mass",
        "b.png": "Mass",
        "c.png": "Effusion",
        "d.png": "none",
        "e.png": "Hernia|Mass",
    }
    assert "several in a cell, parted by a bar" in said(own)
    assert "'No Finding' is no class: it says that nothing was found" in said(own)
    assert own.inferred["no_finding_labels"] == ["No Finding"]
    assert own.inferred["label_separator"] == "|"
    assert "--label-separator '|'" in own.command


def test_a_label_with_a_comma_is_one_where_nothing_says_otherwise(tmp_path):
    six(tmp_path, 'g.png,"TB, active"')
    images(tmp_path, "g.png")
    with pytest.raises(UsageError, match="'active' stands in no other cell. Say --label-separator"):
        read(tmp_path)
    one = read(tmp_path, label_separator="none")
    assert labels(one)["g.png"] == "TB_ active" and one.recipe.task is Task.SINGLE_LABEL
    several = read(tmp_path, label_separator=",")
    assert labels(several)["g.png"] == "TB|active"


def test_of_one_label_an_image_the_normal_one_is_a_class_and_told_as_such(tmp_path):
    six(tmp_path)
    own = read(tmp_path)
    assert own.inferred["no_finding_labels"] == [] and "is no class" not in said(own)


def by_column(tmp_path, *rows, header="file,Mass,Effusion"):
    images(tmp_path, *(f"{row.split(',')[0]}" for row in rows))
    write(tmp_path, *rows, header=header)
    return read(tmp_path, label=header.removeprefix("file,"))


def test_a_column_a_finding_tells_present_absent_and_unknown(tmp_path):
    own = by_column(
        tmp_path,
        "a.png,1,0",
        "b.png,1.0,yes",
        "c.png,0,no",
        "d.png,,1",
        "e.png,-1,0",
        "f.png,0.7,0",
    )
    assert own.recipe.task is Task.MULTI_LABEL and own.recipe.vocab == ["Effusion", "Mass"]
    assert labels(own) == {
        "a.png": "Mass",
        "b.png": "Effusion|Mass",
        "c.png": "none",
        "d.png": "Effusion|?Mass",
        "e.png": "none|?Mass",
    }
    assert "rows without a class: 1 'Mass=0.7'" in own.inferred["lines"]
    assert rejects(own)["f.png"][0] == "unknown_label"


def test_columns_of_which_each_row_has_one_are_classes(tmp_path):
    own = by_column(
        tmp_path, "a.png,1,0", "b.png,0,1", "c.png,1,0", "d.png,0,1", header="file,TB,Normal"
    )
    assert own.recipe.task is Task.SINGLE_LABEL and own.recipe.negative == "Normal"
    assert labels(own) == {"a.png": "TB", "b.png": "Normal", "c.png": "TB", "d.png": "Normal"}
    assert "a column a class, one of them in each row" in said(own)


# ---- rows and files


@pytest.mark.parametrize(
    "key",
    [r"C:\films\g.PNG", "g", "films/g.png", "/home/me/films/G.png", "./g.png"],
)
def test_a_file_is_found_however_the_row_writes_it(tmp_path, key):
    six(tmp_path, f"{key},TB")
    images(tmp_path, "films/g.png")
    assert labels(read(tmp_path))["films/g.png"] == "TB"


def test_eaten_zeros_and_composed_accents_are_found(tmp_path):
    images(tmp_path, "0007.png", "e\u0301.png", "c.png", "d.JPG")
    write(tmp_path, "7,TB", "\u00e9.png,TB", "c.png,Normal", "d,Normal")
    assert sorted(labels(read(tmp_path))) == ["0007.png", "c.png", "d.JPG", "\u00e9.png"]


def test_a_file_without_an_ending_is_an_image_by_its_bytes(tmp_path):
    six(tmp_path, "scan01,TB")
    put(tmp_path / "scan01.png", 9).rename(tmp_path / "scan01")
    assert labels(read(tmp_path))["scan01"] == "TB"


def test_files_that_are_not_there_are_counted_with_the_nearest(tmp_path):
    six(tmp_path, "scan_18.png,TB", "gone.png,TB")
    images(tmp_path, "scan_17.png")
    own = read(tmp_path)
    assert "2 files of labels.csv not found: 'scan_18.png' the first" in said(own)
    assert "the nearest is scan_17.png" in said(own)
    assert own.inferred["files_not_found"] == 2
    assert rejects(own)["gone.png"][0] == "missing_file"


def test_images_without_a_row_are_counted(tmp_path):
    six(tmp_path)
    images(tmp_path, "x.png", "y.png")
    own = read(tmp_path)
    assert own.inferred["images_without_a_row"] == 2 and own.inferred["images"] == 8
    assert rejects(own)["x.png"] == ("no_row", "labels.csv has no row for it")
    assert f"{tmp_path}: 6 of 8 images have a label" in own.inferred["lines"]


@pytest.mark.parametrize("name", ["my*list;.CSV", ".labels.csv", "a ; b.csv", "Liste (1)", "ä.csv"])
def test_the_csv_may_lie_elsewhere_and_be_called_anything(tmp_path, name):
    images(tmp_path / "films", "a.png", "b.png")
    (tmp_path / name).write_text("file,label\na,TB\nb,Normal\n")
    own = read_own_table(tmp_path / name, "file", "label", folder=tmp_path / "films")
    assert labels(own) == {"a.png": "TB", "b.png": "Normal"}
    assert "--folder" in own.command and rejects(own) == {}


def test_the_same_row_twice_is_one(tmp_path):
    six(tmp_path, "a.png,Normal", "A.PNG,Normal", "./a,Normal")
    own = read(tmp_path)
    assert labels(own)["a.png"] == "Normal" and rejects(own) == {}


@pytest.mark.parametrize("other", ["a.png", "A.PNG", "./a", "a"])
def test_two_rows_that_contradict_each_other_are_refused_with_both(tmp_path, other):
    six(tmp_path, f"{other},TB")
    own = read(tmp_path)
    assert "a.png" not in labels(own)
    assert rejects(own)["a.png"] == (
        "ambiguous_row",
        "rows 2 and 8 of labels.csv call it Normal and TB",
    )


def test_a_row_without_a_label_beside_one_with_it_is_told_by_its_own_text(tmp_path):
    six(tmp_path, "a.png,NaN", "b.png,")
    told = rejects(read(tmp_path))
    assert told["a.png"] == ("ambiguous_row", "rows 2 and 8 of labels.csv call it NaN and Normal")
    assert told["b.png"][1].endswith("nothing") or "nothing and" in told["b.png"][1]


def test_two_rows_of_labels_that_are_joined_agree(tmp_path):
    six(tmp_path, "A.PNG,NORMAL", "c.png,tb")
    assert {"a.png", "c.png"}.isdisjoint(labels(read(tmp_path)))
    own = read(tmp_path, same=["Normal=NORMAL"], take_as={"tb": "TB"})
    assert labels(own) == {f"{stem}.png": label for stem, label in SIX}


def test_two_patients_of_one_file_are_both_kept(tmp_path):
    images(tmp_path, "a.png", "b.png")
    write(tmp_path, "a.png,TB,p1", "a.png,TB,p2", "b.png,Normal,p3", header="file,label,id")
    own = read(tmp_path, patient="id")
    assert items(own)["a.png"].patients == ("labels:p1", "labels:p2")


def test_a_row_of_more_cells_than_columns_is_left_out_and_told(tmp_path):
    six(tmp_path, "g.png,TB, active", "h.png,TB,")
    images(tmp_path, "g.png", "h.png")
    own = read(tmp_path)
    assert "1 row has more cells than columns (row 8 the first): left out" in said(own)
    assert "g.png" not in labels(own) and labels(own)["h.png"] == "TB"
    assert own.inferred["rows_left_out"] == {"(more cells than columns)": 1}


def test_rows_keep_their_numbers_across_blank_lines_and_line_breaks(tmp_path):
    images(tmp_path, "a.png", "b.png", "c.png")
    write(tmp_path, "", 'a.png,"TB\nactive"', ",,", "b.png,Normal", "", "a,Normal", "c.png,TB")
    assert (
        "rows 3 and 7 of labels.csv" in rejects(read(tmp_path, label_separator="none"))["a.png"][1]
    )


# ---- patients, age, sex, view


def test_patient_age_sex_and_view_are_in_one_form_and_what_is_not_understood_is_counted(tmp_path):
    images(tmp_path, "a.png", "b.png", "c.png", "d.png")
    write(
        tmp_path,
        "a.png,TB,7,065Y,female,PA",
        "b.png,TB,7.0,14 M,m,AP supine",
        "c.png,Normal,NA,130,1,Lateral",
        "d.png,Normal,07,1980-05-03,0,patient",
        header="file,label,id,age,sex,view",
    )
    own = read(tmp_path, patient="id", age="age", sex="sex", view="view")
    cells = {path: (it.patients, it.age, it.sex, it.view) for path, it in items(own).items()}
    assert cells == {
        "a.png": (("labels:7",), "65", "F", "PA"),
        "b.png": (("labels:7",), "1.17", "M", "AP"),
        "c.png": ((), "", "", "L"),
        "d.png": (("labels:07",), "", "", ""),
    }
    assert own.inferred["cells_not_understood"] == {
        "age": {"130": 1, "1980-05-03": 1},
        "sex": {"1": 1, "0": 1},
        "view": {"patient": 1},
    }
    told = said(own)
    assert "patients: 2 patients in 3 of 4 rows" in told
    assert "labels.csv: no patient in 1 of 4 rows" in told
    assert "1 pair of patients may be one and are taken as two: '7' and '07'" in told
    assert "sex: 2 cells stay blank that cannot be understood: 1 '0', 1 '1'" in told


def test_columns_that_templates_cannot_hold_or_that_a_listing_fills_are_read_too(tmp_path):
    images(tmp_path, "a.png", "b.png")
    write(tmp_path, "a.png,TB,p1", "b.png,Normal,p2", header="name,stem,{who}")
    own = read_own_table(tmp_path / "labels.csv", "name", "stem", patient="{who}")
    assert labels(own) == {"a.png": "TB", "b.png": "Normal"}
    assert items(own)["a.png"].patients == ("labels:p1",)


def test_one_column_may_tell_both_file_and_patient(tmp_path):
    images(tmp_path, "7.png", "8.png")
    write(tmp_path, "7.0,TB", "8.0,Normal")
    assert items(read(tmp_path, patient="file"))["7.png"].patients == ("labels:7",)


# ---- what is refused


@pytest.mark.parametrize(
    "named,match",
    [
        (
            dict(file="fil"),
            "unknown column of files 'fil' in labels.csv: expected one of file, label.*'file'",
        ),
        (dict(label="Label"), "unknown column of labels 'Label'.*Did you mean 'label'"),
        (dict(patient="{id}"), "unknown column of patients '{id}'.*file, label"),
        (dict(label="label,nothing"), "unknown column of labels 'nothing'"),
        (dict(label="file"), "cannot hold both"),
        (
            dict(file=""),
            "name the column of the files: it has file, label. Perhaps --file .* 'file'",
        ),
        (dict(label=""), "name the column of the labels: it has file, label"),
    ],
)
def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path, named, match):
    six(tmp_path)
    with pytest.raises(UsageError, match=match):
        read(tmp_path, **named)


def test_a_csv_without_column_names_is_told(tmp_path):
    six(tmp_path, header="z.png,Normal")
    with pytest.raises(UsageError, match="Its first line looks like a row"):
        read(tmp_path)


def test_a_column_that_names_no_image_is_refused_with_one_that_does(tmp_path):
    images(tmp_path, "a.png", "b.png")
    write(tmp_path, "1,a.png,TB", "2,b.png,Normal", header="id,image,label")
    with pytest.raises(
        UsageError, match="column 'id' names no image.*row 2 has '1'.*Column 'image' does"
    ):
        read(tmp_path, file="id")


def test_a_column_of_other_things_than_labels_is_refused(tmp_path):
    names = [f"{k}.png" for k in range(30)]
    images(tmp_path, *names)
    write(tmp_path, *(f"{name},{k + 20}" for k, name in enumerate(names)), header="file,age")
    with pytest.raises(UsageError, match="'age' holds 30 different texts in 30 rows"):
        read(tmp_path, label="age")


def test_a_workbook_that_is_called_csv_is_refused_with_the_way_to_one(tmp_path):
    six(tmp_path)
    (tmp_path / "labels.csv").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 99)
    with pytest.raises(
        UsageError, match="labels.csv: no csv but an Excel workbook .xls.: save it as csv"
    ):
        read(tmp_path)
    (tmp_path / "labels.csv").write_bytes("файл,label\n".encode("cp1251") + b"\x81\n")
    with pytest.raises(UsageError, match=re.escape(AS_UTF8)):
        read(tmp_path)


@pytest.mark.parametrize(
    "table,folder,match",
    [
        ("none.csv", None, "none.csv: there is no such csv"),
        (".", None, "is a folder: name a csv"),
        ("labels.csv", "nowhere", "nowhere: there is no such folder"),
        ("labels.csv", "empty", "no image in .*empty"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path, table, folder, match):
    six(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=match):
        read_own_table(tmp_path / table, "file", "label", folder=folder and tmp_path / folder)


def test_a_csv_that_may_not_be_read_is_a_storage_error(tmp_path, monkeypatch):
    six(tmp_path)
    monkeypatch.setattr("pathlib.Path.read_bytes", _refuse)
    with pytest.raises(StorageError, match="cannot read the csv .*labels.csv: Permission denied"):
        read(tmp_path)


def _refuse(path):
    raise PermissionError(13, "Permission denied")


def test_a_label_that_is_joined_and_not_there_is_named(tmp_path):
    six(tmp_path)
    with pytest.raises(UnknownName, match="'Nromal'.*Did you mean 'Normal'"):
        read(tmp_path, same=["Normal=Nromal"])


# ---- what is handed on


def test_what_was_inferred_is_strict_json_and_the_command_says_it_in_full(tmp_path):
    six(tmp_path, header="file,label", encoding="utf-8-sig")
    own = read(tmp_path, same=["Normal=Normal"], take_as={"TB": "tb"})
    assert json.loads(json.dumps(own.inferred, allow_nan=False)) == own.inferred
    assert own.inferred["separator"] == "comma" and own.inferred["encoding"] == "utf-8"
    assert own.inferred["columns"] == {"file": "file", "label": "label"}
    assert own.command == (
        f"cxr curate --table {tmp_path}/labels.csv --file file --label label "
        "--label-separator none --same Normal=Normal --as TB=tb"
    )
