"""Which images a source holds, by folders, names and tables."""

import pytest
from toy_listing import TABLE, labels, listing, reasons, table
from toy_sources import put, rule

from cxr_fastai.core import IntegrityError


def test_folder_labels_junk_and_a_nested_second_copy(tmp_path):
    for p in ("sick/a.png", "well/b.png", "__MACOSX/sick/._a.png", "one/sick/a.png", "odd/c.png"):
        put(tmp_path / "one" / p, 1)
    (tmp_path / "one/notes.txt").write_text("not an image: of no interest")
    listed = listing(
        tmp_path,
        rule(label_value="sick", findings="tuberculosis"),
        rule(first=False, label_value="well", findings="no_finding"),
    )
    assert labels(listed) == {"sick/a.png": ("tuberculosis",), "well/b.png": ("no_finding",)}
    assert reasons(listed) == {
        ("list", "junk"): 1,
        ("list", "outside_globs"): 1,
        ("label", "unknown_label"): 1,
    }
    assert "'odd'" in next(r.message for r in listed.rejects if r.reason == "unknown_label")
    assert any("1 image left out" in w.says and "'odd'" in w.says for w in listed.warnings)


def test_hidden_images_and_those_in_a_systems_folder_are_told_and_never_listed(tmp_path):
    hidden = [".ipynb_checkpoints/a.png", "sick/.b.png", "@eaDir/c.png", "$RECYCLE.BIN/d.png"]
    for name in ("sick/a.png", *hidden):
        put(tmp_path / "one" / name, 1)
    (tmp_path / "one/.git").mkdir()
    (tmp_path / "one/.git/HEAD").write_text("no image: not told")
    (tmp_path / "one/.git/lost").symlink_to("nothing")
    listed = listing(tmp_path, rule(label_value="sick", findings="tuberculosis"))
    assert list(labels(listed)) == ["sick/a.png"]
    assert reasons(listed) == {("list", "junk"): 4}
    assert {reject.path for reject in listed.rejects} == set(hidden)


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
    listed = listing(
        tmp_path, virus, rule(first=False, label_value="bacteria", findings="bacterial_pneumonia")
    )
    assert {it.path: (it.findings, it.patients, it.official) for it in listed.items} == {
        "train/person1_virus_5.png": (("viral_pneumonia",), ("k:virus:1",), ""),
        "train/person1_bacteria_6.png": (("bacterial_pneumonia",), ("k:bacteria:1",), ""),
        "test/person2_virus_7.png": (("viral_pneumonia",), ("k:virus:2",), "test"),
    }


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
    listed = listing(
        tmp_path,
        rule(**TABLE, label_value="Covid", findings="covid_19"),
        rule(first=False, label_value="Mass", findings="mass"),
        rule(first=False, label_value="Edema", findings="edema"),
        rule(first=False, label_value="blank", notes="unknown"),
    )
    assert labels(listed) == {
        "images/a.png": ("covid_19",),
        "images/b.png": ("edema", "mass"),
        "images/e.png": (),
    }
    assert (listed.items[0].patients, listed.items[0].age, listed.items[0].sex) == (
        ("h:Müller",),
        "65",
        "M",
    )
    assert reasons(listed) == {
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
    listed = listing(
        tmp_path,
        rule(**TABLE, label_value="Covid", findings="covid_19"),
        rule(first=False, label_value="Normal", findings="no_finding"),
    )
    assert [it.patients for it in listed.items] == [("h:1", "h:2")]
    assert reasons(listed) == {("table", "ambiguous_row"): 1}


def test_a_label_of_which_one_part_is_unknown_is_not_guessed(tmp_path):
    put(tmp_path / "one/images/a.png", 1)
    table(tmp_path, "a,1,Mass|Novelty,PA,X-ray,,")
    listed = listing(tmp_path, rule(**TABLE, label_value="Mass", findings="mass"))
    assert not listed.items and reasons(listed) == {("label", "unknown_label"): 1}


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


def test_images_that_no_glob_meets_are_counted_and_named_unless_the_catalogue_counts_them(tmp_path):
    for name in ("sick/a.png", "sick/b.PNG", "sick/c.jpg", "x/y/d.png", "sick/e.txt", "f.png"):
        put(tmp_path / "one" / name, 1, format="png")
    found = listing(tmp_path, rule(label_value="sick", findings="mass"))
    (told,) = [w.says for w in found.warnings if "no glob" in w.says]
    assert told == (
        "one: 4 images are left out, which no glob of the catalogue meets: f.png, sick/b.PNG, "
        "sick/c.jpg and 1 more"
    )
    found = listing(tmp_path, rule(label_value="sick", findings="mass", expected_total="1"))
    assert not found.warnings


def test_links_that_are_passed_over_are_counted_with_the_way_to_take_them(tmp_path):
    put(tmp_path / "one/sick/a.png", 1)
    put(tmp_path / "away/b.png", 2)
    (tmp_path / "one/sick/b.png").symlink_to(tmp_path / "away/b.png")
    (tmp_path / "one/sick/c.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "one/more").symlink_to(tmp_path / "away")
    says = [w.says for w in listing(tmp_path, rule(label_value="sick", findings="mass")).warnings]
    assert len(says) == 3 and all(word in "".join(says) for word in ("cp -rL", "--folder", "annex"))
    assert says[0].startswith("one: 1 link out of the source was not followed (sick/b.png)")


def test_a_source_of_links_alone_says_so_in_its_error(tmp_path):
    put(tmp_path / "away/b.png", 2)
    (tmp_path / "one/sick").mkdir(parents=True)
    for i in range(2):
        (tmp_path / f"one/sick/{i}.png").symlink_to(tmp_path / "away/b.png")
    with pytest.raises(IntegrityError, match="no file at all; 2 links out of the source were not"):
        listing(tmp_path, rule(label_value="sick", findings="mass"))
