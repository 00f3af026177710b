"""pytest tests/test_catalog.py"""

import pytest
from toy_sources import rule, write_catalog

from cxr_fastai.catalog import LIST_SPLIT, choose, depths, load_catalog
from cxr_fastai.core import FINDINGS, CatalogError, UnknownName
from cxr_fastai.recipes import load_recipe

NAMED = [
    "kermany_kaggle",
    "kermany_mendeley",
    "figure1",
    "covid_radiography",
    "nabeelsajid",
    "kmader",
    "shenzhen",
    "montgomery",
    "belarus",
    "tb_database",
    "nih_sample",
    "nih_full",
    "nih_tfrecords",
    "ieee8023",
    "actualmed",
    "hannover",
    "pneumoniamnist",
]


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


@pytest.mark.parametrize("name", NAMED)
def test_every_source_of_the_reference_systems_is_there_with_licence_and_citation(catalog, name):
    s = catalog[name]
    assert s.licence and s.citation and s.url and s.handle and s.glob
    assert any(r.findings for r in s.rules)


@pytest.mark.parametrize("name", ["nih_sample", "nih_full", "nih_tfrecords"])
def test_nih_no_finding_goes_to_normal_and_all_fourteen_findings_to_other(catalog, name):
    six = load_recipe("six_class")
    got = {r.label_value: six.label(name, (r.findings,))[0] for r in catalog[name].rules}
    assert got.pop("No Finding") == "normal"
    assert len(got) == 14 and set(got.values()) == {"other_findings"}


@pytest.mark.parametrize(
    "name,label,recipe,expected",
    [
        ("kermany_kaggle", "bacteria", "six_class", "bacterial_pneumonia"),
        ("kermany_kaggle", "virus", "six_class", "viral_pneumonia"),
        ("kermany_kaggle", "virus", "pneumonia", "pneumonia"),
        ("kermany_kaggle", "NORMAL", "pneumonia", "normal"),
        ("pneumoniamnist", "1", "pneumonia", "pneumonia"),
        ("pneumoniamnist", "1", "six_class", ""),
        ("pneumoniamnist", "0", "six_class", "normal"),
        ("figure1", "COVID-19", "six_class", "covid_19"),
        ("figure1", "blank", "six_class", ""),
        ("figure1", "Pneumonia", "six_class", ""),
        ("kmader", "1", "six_class", "tuberculosis"),
        ("shenzhen", "0", "six_class", "normal"),
        ("belarus", "tuberculosis", "six_class", "tuberculosis"),
        ("shenzhen", "0", "tb", "normal"),
        ("montgomery", "1", "tb", "tuberculosis"),
        ("tb_database", "Tuberculosis", "six_class", "tuberculosis"),
        ("tb_database", "Normal", "tb", "normal"),
        ("covid_radiography", "COVID", "six_class", "covid_19"),
        ("covid_radiography", "Lung_Opacity", "six_class", "other_findings"),
        ("covid_radiography", "Viral Pneumonia", "six_class", ""),
        ("covid_radiography", "Viral Pneumonia", "covid5", "pneumonia"),
        ("ieee8023", "COVID-19, ARDS", "six_class", "covid_19"),
    ],
)
def test_label_map(catalog, name, label, recipe, expected):
    r = next(r for r in catalog[name].rules if r.label_value == label)
    assert (
        load_recipe(recipe).label(name, tuple(r.findings.split("|")) if r.findings else ())[0]
        == expected
    )


def test_expected_counts_of_rules_add_up_to_the_source(catalog):
    for name in (
        "kermany_kaggle",
        "kermany_mendeley",
        "pneumoniamnist",
        "figure1",
        "actualmed",
        "covid_radiography",
        "shenzhen",
        "tb_database",
    ):
        of_labels = {r.label_value: int(r.expected) for r in catalog[name].rules if r.expected}
        assert sum(of_labels.values()) == int(catalog[name].expected_total), name
        assert of_labels.keys() == {r.label_value for r in catalog[name].rules}, name


def test_what_the_facts_leave_open_is_marked(catalog):
    for name in (
        "kermany_mendeley3",
        "covid_radiography",
        "nabeelsajid",
        "kmader",
        "belarus",
        "tb_database",
        "nih_tfrecords",
        "nih_full",
    ):
        assert any(r.unconfirmed for r in catalog[name].rules), name


def test_sources_of_doubtful_origin_are_off_and_never_tested_on(catalog):
    for name in ("nabeelsajid", "belarus", "tb_database"):
        assert catalog[name].on == "no" and catalog[name].split == "train"


def test_who_looks_like_one_patient_is_one_and_marked_as_unconfirmed(catalog):
    for name in ("shenzhen", "montgomery", "kmader"):
        unsure = [r for r in catalog[name].rules if "patient" in r.unconfirmed.split("|")]
        assert len(unsure) == {"shenzhen": 1, "montgomery": 6, "kmader": 7}[name]
        assert all("look like one patient" in r.notes and "{" not in r.patient for r in unsure)


def test_the_tb_database_names_no_patient_and_is_no_namesake_of_the_radiography_database(catalog):
    assert not any(r.patient or r.radiograph for r in catalog["tb_database"].rules)
    assert "Nobody names patients" in catalog["tb_database"].notes


@pytest.mark.parametrize(
    "name,may_lack", [("nih_full", False), ("nih_sample", True), ("nih_tfrecords", True)]
)
def test_the_official_test_patients_of_nih_hold_in_every_form_of_it(catalog, name, may_lack):
    (split,) = {r.split for r in catalog[name].rules}
    assert LIST_SPLIT.fullmatch(split).groups() == (
        "?" * may_lack,
        "test_list.txt",
        "train_val_list.txt",
    )


def test_originals_stand_above_their_copies(catalog):
    d = depths(catalog)
    pairs = [
        ("kermany_mendeley", "kermany_kaggle"),
        ("nih_full", "nih_sample"),
        ("hannover", "ieee8023"),
        ("shenzhen", "kmader"),
        ("montgomery", "tb_database"),
        ("belarus", "tb_database"),
        ("rsna", "tb_database"),
        ("rsna", "covid_radiography"),
        ("covid_radiography", "nabeelsajid"),
    ]
    for up, copy in pairs:
        assert d[up] < d[copy]


def test_a_blank_cell_takes_the_first_row_and_a_dash_is_none(tmp_path):
    first = rule(label_value="a", findings="no_finding", patient="x:{stem}", notes="mine")
    c = load_catalog(
        write_catalog(
            tmp_path / "c.csv",
            first,
            rule(first=False, label_value="b"),
            rule(first=False, label_value="c", patient="-"),
        )
    )
    a, b, d = c["one"].rules
    assert b.patient == a.patient and b.glob == a.glob and d.patient == ""
    assert b.findings == b.notes == ""


@pytest.mark.parametrize(
    "cells,said",
    [
        (
            dict(findings="tubercolosis"),
            ["row 2", "findings", "'tubercolosis'", "tuberculosis", "Did you mean"],
        ),
        (dict(on="maybe"), ["row 2", "on", "'maybe'", "yes, no"]),
        (dict(transport="ftp"), ["row 2", "transport", "'ftp'", "kaggle, github, http, local"]),
        (dict(label_from="colour"), ["label_from", "'colour'", "folder, name, column"]),
        (dict(name_regex="(", label_from="name"), ["name_regex", "'('", "regular expression"]),
        (dict(name_regex="x", label_from="name"), ["name_regex", "no group named label"]),
        (dict(expected="many"), ["expected", "'many'", "whole number"]),
        (dict(glob=""), ["glob", "empty"]),
        (dict(handle="../up", transport="kaggle"), ["handle", "'../up'", "owner/name"]),
        (dict(handle="..", transport="http"), ["handle", "'..'"]),
        (dict(label_from="column", label_key="f", table="", table_key="x"), ["table", "empty"]),
        (dict(table="m.csv"), ["table_key", "empty"]),
        (dict(split="sometimes"), ["split", "'sometimes'", "path:REGEX"]),
        (dict(split="list:"), ["split", "'list:'", "list:FILE, list?:FILE"]),
        (dict(split="list:a.txt|"), ["split", "'list:a.txt|'", "list:FILE|FILE"]),
        (dict(split="list?:a.txt|b.txt|c.txt"), ["split", "list:FILE|FILE"]),
        (dict(derived_from="nobody"), ["derived_from", "'nobody'", "one"]),
        (dict(derived_from="one"), ["derived_from", "itself"]),
        (dict(unconfirmed="colour"), ["unconfirmed", "'colour'"]),
        (dict(source="One Two"), ["source", "'One Two'"]),
        (
            dict(transport="http", download="file:///etc/passwd"),
            ["download", "'file:///etc/passwd'", "http or https"],
        ),
        (dict(transport="http", download="ftp://host/a.zip"), ["download", "'ftp://host/a.zip'"]),
        (
            dict(transport="kaggle", handle="a/b", download="https://host/a.zip"),
            ["download", "by its handle"],
        ),
        (
            dict(transport="http", download="https://h/a.zip", pin="12ab"),
            ["pin", "'12ab'", "64 hex digits"],
        ),
        (
            dict(transport="http", download="https://h/a.zip ; https://h/b.zip", pin="0" * 64),
            ["pin", "1 of them for 2"],
        ),
    ],
)
def test_a_wrong_cell_is_named_with_row_column_value_and_what_is_allowed(tmp_path, cells, said):
    file = write_catalog(tmp_path / "c.csv", {**rule(label_value="a"), **cells})
    with pytest.raises(CatalogError) as e:
        load_catalog(file)
    for part in ["c.csv, row 2", *said]:
        assert part in str(e.value)
    assert "\n" not in str(e.value)


def test_rows_of_one_source_may_not_disagree_about_the_source(tmp_path):
    file = write_catalog(
        tmp_path / "c.csv", rule(label_value="a"), rule(first=False, label_value="b", licence="MIT")
    )
    with pytest.raises(
        CatalogError, match="row 3, column licence: 'MIT' differs from row 2's 'CC0'"
    ):
        load_catalog(file)


def test_a_circle_of_copies_is_refused(tmp_path):
    c = load_catalog(
        write_catalog(
            tmp_path / "c.csv", rule("one", derived_from="two"), rule("two", derived_from="one")
        )
    )
    with pytest.raises(CatalogError, match="circle"):
        depths(c)
    rows = rule("one", derived_from="*|two"), rule("two", derived_from="one")
    c = load_catalog(write_catalog(tmp_path / "c.csv", *rows))
    with pytest.raises(CatalogError, match="circle"):
        depths(c)


def test_an_unknown_column_is_named(tmp_path):
    (tmp_path / "c.csv").write_text("source,lable\n")
    with pytest.raises(CatalogError, match="'lable'.*label_"):
        load_catalog(tmp_path / "c.csv")


def test_a_source_answers_with_its_first_row_and_with_nothing_else(catalog):
    source = catalog["kermany_kaggle"]
    for name in ("on", "transport", "handle", "title", "licence", "citation", "url", "age_group"):
        assert getattr(source, name) == getattr(source.rules[0], name)
    assert source.source == source.id
    assert not hasattr(source, "label_value") and not hasattr(source, "colour")


def test_a_source_names_its_globs_once_and_its_upstream_apart(tmp_path):
    rows = (
        rule("one", glob="a/*.png ; b/*.png", label_value="x", derived_from="*|two"),
        rule("one", first=False, glob="b/*.png ; c/*.png", label_value="y"),
        rule("two"),
    )
    one = load_catalog(write_catalog(tmp_path / "c.csv", *rows))["one"]
    assert one.globs == ["a/*.png", "b/*.png", "c/*.png"]
    assert one.derived == ("*", "two")
    as_json = one.to_dict()
    assert as_json["derived_from"] == ["*", "two"] and as_json["source"] == "one"
    assert [r["label_value"] for r in as_json["rules"]] == ["x", "y"]
    assert [r["row"] for r in as_json["rules"]] == [2, 3]


def test_a_row_of_too_many_cells_and_a_file_that_is_not_there_are_told(tmp_path):
    (tmp_path / "c.csv").write_text("source,on\none,yes,more\n")
    with pytest.raises(CatalogError, match="c.csv, row 2: more cells than columns"):
        load_catalog(tmp_path / "c.csv")
    with pytest.raises(CatalogError, match="cannot read the catalogue .*Give --manifest"):
        load_catalog(tmp_path / "none.csv")
    (tmp_path / "c.csv").write_text("on\nyes\n")
    with pytest.raises(CatalogError, match="c.csv, row 1: no column source"):
        load_catalog(tmp_path / "c.csv")
    (tmp_path / "c.csv").write_text("source\n")
    with pytest.raises(CatalogError, match="c.csv: no rows"):
        load_catalog(tmp_path / "c.csv")


def test_choosing_sources(catalog):
    assert [s.id for s in choose(catalog, ["figure1", "kermany_kaggle"])] == [
        "kermany_kaggle",
        "figure1",
    ]
    assert [s.id for s in choose(catalog, (), ["kermany_kaggle"])] == ["kermany_kaggle"]
    assert all(s.on == "yes" for s in choose(catalog))
    with pytest.raises(UnknownName, match="unknown source id 'figure2'.*Did you mean 'figure1'"):
        choose(catalog, ["figure2"])


def test_every_finding_of_the_catalogue_is_in_the_vocabulary(catalog):
    assert {
        f for s in catalog.values() for r in s.rules for f in r.findings.split("|") if f
    } <= set(FINDINGS)
