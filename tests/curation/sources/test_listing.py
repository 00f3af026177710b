"""pytest tests/curation/test_listing.py"""

from collections import Counter

import numpy as np
import pytest
from toy_sources import put, rule, write_catalog

from cxr_fastai.catalog import load_catalog
from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.sources.item import fill, sex_of, view_of, years
from cxr_fastai.curation.sources.file_names import glob_regex, is_junk
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import folder_tree


def listing(tmp_path, *rows):
    c = load_catalog(write_catalog(tmp_path / "c.csv", *rows))
    source = next(iter(c.values()))
    return list_source(source, folder_tree(tmp_path / source.id))


def labels(l):
    return {it.path: it.findings for it in l.items}


def reasons(l):
    return Counter((r.stage, r.reason) for r in l.rejects)


@pytest.mark.parametrize(
    "glob,path,met",
    [
        ("a/*.png", "a/x.png", True),
        ("a/*.png", "a/b/x.png", False),
        ("**/x/*.png", "x/y.png", True),
        ("**/x/*.png", "a/b/x/y.png", True),
        ("a/*/*.png", "a/a/b/x.png", False),
        ("a?.png", "ab.png", True),
        ("a?.png", "a/.png", False),
        ("*.png", "x.PNG", False),
        ("[a].png", "a.png", False),
    ],
)
def test_globs_stay_within_a_folder_but_for_two_stars(glob, path, met):
    assert bool(glob_regex(glob).fullmatch(path)) == met


@pytest.mark.parametrize(
    "path,junk",
    [
        ("__MACOSX/a/x.png", True),
        ("a/._x.png", True),
        ("a/.DS_Store", True),
        ("Thumbs.db", True),
        ("a/x.png", False),
        ("a/MACOSX.png", False),
    ],
)
def test_what_archives_leave_is_junk(path, junk):
    assert is_junk(path) == junk


def test_folder_labels_junk_and_a_nested_second_copy(tmp_path):
    for p in ("sick/a.png", "well/b.png", "__MACOSX/sick/._a.png", "one/sick/a.png", "odd/c.png"):
        put(tmp_path / "one" / p, 1)
    (tmp_path / "one/notes.txt").write_text("not an image: of no interest")
    l = listing(
        tmp_path,
        rule(label_value="sick", findings="tuberculosis"),
        rule(first=False, label_value="well", findings="no_finding"),
    )
    assert labels(l) == {"sick/a.png": ("tuberculosis",), "well/b.png": ("no_finding",)}
    assert reasons(l) == {
        ("list", "junk"): 1,
        ("list", "outside_globs"): 1,
        ("label", "unknown_label"): 1,
    }
    assert "'odd'" in next(r.message for r in l.rejects if r.reason == "unknown_label")
    assert any("1 images left out" in w and "'odd'" in w for w in l.warnings)


def test_name_labels_patients_and_the_official_test_set(tmp_path):
    for p in (
        "train/person1_virus_5.png",
        "train/person1_bacteria_6.png",
        "test/person2_virus_7.png",
    ):
        put(tmp_path / "one" / p, 1)
    virus = rule(
        label_from="name",
        label_value="virus",
        findings="viral_pneumonia",
        patient="k:{label}:{pid}",
        name_regex=r"person(?P<pid>\d+)_(?P<label>virus|bacteria)",
        split="path:^(?P<test>test)/",
    )
    l = listing(
        tmp_path, virus, rule(first=False, label_value="bacteria", findings="bacterial_pneumonia")
    )
    assert {it.path: (it.findings, it.patients, it.official) for it in l.items} == {
        "train/person1_virus_5.png": (("viral_pneumonia",), ("k:virus:1",), ""),
        "train/person1_bacteria_6.png": (("bacterial_pneumonia",), ("k:bacteria:1",), ""),
        "test/person2_virus_7.png": (("viral_pneumonia",), ("k:virus:2",), "test"),
    }


TABLE = dict(
    glob="images/*.png",
    label_from="column",
    label_key="finding",
    table="m.csv",
    table_key="{id}",
    encoding="latin-1",
    patient="h:{patient}",
    age="{age}",
    sex="{sex}",
    view="{view}",
    view_keep="PA|AP|blank",
    modality="{modality}",
    modality_keep="X-ray",
)


def table(tmp_path, *rows):
    head = "id,patient,finding,view,modality,age,sex"
    (tmp_path / "one").mkdir(exist_ok=True)
    (tmp_path / "one/m.csv").write_bytes("\n".join([head, *rows, ""]).encode("latin-1"))


def test_a_latin_1_table_gives_labels_patient_age_sex_and_filters(tmp_path):
    for s in "abcdef":
        put(tmp_path / f"one/images/{s}.png", 1)
    table(
        tmp_path,
        "a,Müller,Covid,PA,X-ray,065Y,male",
        "b,2,Mass|Edema,AP,X-ray,50+,F",
        "c,3,Covid,L,X-ray,,",
        "d,4,Covid,Axial,CT,,",
        "e,5,,,X-ray,,",
        "gone,6,Covid,PA,X-ray,,",
    )
    l = listing(
        tmp_path,
        rule(**TABLE, label_value="Covid", findings="covid_19"),
        rule(first=False, label_value="Mass", findings="mass"),
        rule(first=False, label_value="Edema", findings="edema"),
        rule(first=False, label_value="blank", notes="unknown"),
    )
    assert labels(l) == {
        "images/a.png": ("covid_19",),
        "images/b.png": ("edema", "mass"),
        "images/e.png": (),
    }
    assert (l.items[0].patients, l.items[0].age, l.items[0].sex) == (("h:Müller",), "65", "M")
    assert reasons(l) == {
        ("filter", "view"): 1,
        ("filter", "modality"): 1,
        ("table", "no_row"): 1,
        ("table", "missing_file"): 1,
    }


def test_rows_that_repeat_a_file_link_its_patients_or_are_refused_when_they_disagree(tmp_path):
    for s in "ab":
        put(tmp_path / f"one/images/{s}.png", 1)
    table(
        tmp_path,
        "a,1,Covid,PA,X-ray,,",
        "a,2,Covid,PA,X-ray,,",
        "b,3,Covid,PA,X-ray,,",
        "b,3,Normal,PA,X-ray,,",
    )
    l = listing(
        tmp_path,
        rule(**TABLE, label_value="Covid", findings="covid_19"),
        rule(first=False, label_value="Normal", findings="no_finding"),
    )
    assert [it.patients for it in l.items] == [("h:1", "h:2")]
    assert reasons(l) == {("table", "ambiguous_row"): 1}


def test_a_label_of_which_one_part_is_unknown_is_not_guessed(tmp_path):
    put(tmp_path / "one/images/a.png", 1)
    table(tmp_path, "a,1,Mass|Novelty,PA,X-ray,,")
    l = listing(tmp_path, rule(**TABLE, label_value="Mass", findings="mass"))
    assert not l.items and reasons(l) == {("label", "unknown_label"): 1}


def test_counts_that_differ_are_a_warning_with_both_numbers(tmp_path):
    put(tmp_path / "one/sick/a.png", 1)
    l = listing(
        tmp_path,
        rule(
            label_value="sick",
            findings="tuberculosis",
            expected="7",
            expected_total="9",
            unconfirmed="expected",
        ),
    )
    assert l.warnings == [
        "one: found, of what the catalogue expects: images 1 of 9, 'sick' 1 of 7 (unconfirmed)"
    ]


@pytest.mark.parametrize(
    "rows,said",
    [
        ([rule(glob="nothing/*.png", label_value="a")], ["nothing/*.png", "row 2", "sick/a.png"]),
        (
            [rule(label_value="sick"), rule(first=False, glob="gone/*.png", label_value="a")],
            ["gone/*.png", "row 3"],
        ),
        ([rule(label_value="sick", table="m.csv", table_key="{id}")], ["no table 'm.csv'"]),
        ([rule(label_value="sick", split="list:test.txt")], ["no test.txt"]),
        ([rule(label_from="array", label_value="0")], ["npz"]),
    ],
)
def test_files_that_are_not_what_the_rows_describe_are_an_error(tmp_path, rows, said):
    put(tmp_path / "one/sick/a.png", 1)
    with pytest.raises(IntegrityError) as e:
        listing(tmp_path, *rows)
    for part in said:
        assert part in str(e.value)


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


def test_arrays_keep_their_own_splits(tmp_path):
    (tmp_path / "one").mkdir()
    np.savez(
        tmp_path / "one/a.npz",
        train_images=np.zeros((2, 28, 28), np.uint8),
        train_labels=np.array([[0], [1]]),
        val_images=np.ones((1, 28, 28), np.uint8),
        val_labels=np.array([[3]]),
    )
    l = listing(
        tmp_path,
        rule(
            glob="a.npz", label_from="array", split="array", label_value="0", findings="no_finding"
        ),
        rule(first=False, label_value="1", findings="pneumonia"),
    )
    assert [(it.path, it.findings, it.official, it.array) for it in l.items] == [
        ("a.npz#train/0", ("no_finding",), "train", ("train_images", 0)),
        ("a.npz#train/1", ("pneumonia",), "train", ("train_images", 1)),
    ]
    assert [(r.path, r.reason) for r in l.rejects] == [("a.npz#val/0", "unknown_label")]


def test_an_official_list_names_the_test_images(tmp_path):
    for s in ("1.png", "2.png"):
        put(tmp_path / "one/sick" / s, 1)
    (tmp_path / "one/test_list.txt").write_text("2.png\n")
    l = listing(tmp_path, rule(label_value="sick", findings="mass", split="list:test_list.txt"))
    assert {it.path: it.official for it in l.items} == {"sick/1.png": "", "sick/2.png": "test"}


def listed(tmp_path, split, **files):
    "The listing of 1.png to 4.png beside list files: name -> lines."
    for s in "1234":
        put(tmp_path / f"one/sick/{s}.png", int(s))
    for name, lines in files.items():
        (tmp_path / f"one/{name}.txt").write_text("\n".join(lines), "utf-8")
    return listing(tmp_path, rule(label_value="sick", findings="mass", split=split))


def in_test(l):
    return [it.path for it in l.items if it.official == "test"]


@pytest.mark.parametrize("split", ["list?:test.txt", "list?:test.txt|rest.txt"])
def test_a_list_that_may_be_absent_counts_where_it_lies_and_is_not_missed_where_not(
    tmp_path, split
):
    l = listed(tmp_path, split)
    assert in_test(l) == [] and {it.official for it in l.items} == {""} and l.warnings == []
    assert in_test(listed(tmp_path, split, test=["2.png"])) == ["sick/2.png"]


def test_the_shallowest_list_is_read(tmp_path):
    (tmp_path / "one/deep").mkdir(parents=True)
    (tmp_path / "one/deep/test.txt").write_text("1.png")
    assert in_test(listed(tmp_path, "list:test.txt", test=["2.png"])) == ["sick/2.png"]


def test_images_in_neither_list_or_in_both_are_told_and_the_test_list_decides(tmp_path):
    l = listed(
        tmp_path,
        "list:test.txt|rest.txt",
        test=["1.png", "2.png", "gone.png"],
        rest=["2.png", "3.png"],
    )
    assert in_test(l) == ["sick/1.png", "sick/2.png"]
    assert l.warnings == [
        "one: 1 images are in neither test.txt nor rest.txt: their split is drawn (4.png the first)",
        "one: 1 images are in both test.txt and rest.txt: they are tested on (2.png the first)",
    ]


def test_lists_that_share_the_images_between_them_are_no_matter(tmp_path):
    assert (
        listed(
            tmp_path, "list:test.txt|rest.txt", test=["1.png"], rest=["2.png", "3.png", "4.png"]
        ).warnings
        == []
    )


def test_a_list_that_names_no_image_is_told(tmp_path):
    assert listed(tmp_path, "list:test.txt", test=["9.png"]).warnings == [
        "one: test.txt names none of its 4 images"
    ]


def test_a_list_in_another_encoding_is_an_error(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/test.txt").write_bytes("Müller.png".encode("latin-1"))
    with pytest.raises(IntegrityError, match="test.txt in .*: not utf-8 at byte 1"):
        listed(tmp_path, "list:test.txt")


@pytest.mark.parametrize(
    "said,want",
    [
        ("060Y", "60"),
        ("001D", "0"),
        ("018M", "1.5"),
        ("411Y", ""),
        ("50+", "50"),
        ("65", "65"),
        ("", ""),
        ("n/a", ""),
    ],
)
def test_ages_in_years(said, want):
    assert years(said) == want


@pytest.mark.parametrize(
    "said,want", [("AP erect", "AP"), ("pa", "PA"), ("LL", "L"), ("lordotic", "lordotic"), ("", "")]
)
def test_views_in_one_form(said, want):
    assert view_of(said) == want


def test_sex_and_templates():
    assert [sex_of(s) for s in ("male", "F", "O", "")] == ["M", "F", "", ""]
    assert fill("nih:{Patient ID}", {"Patient ID": " 7 "}) == "nih:7"
    assert fill("nih:{pid}", {"pid": ""}) == "" and fill("AP", {}) == "AP"
