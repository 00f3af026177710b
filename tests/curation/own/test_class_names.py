"""Class names as people write them."""

import pytest

from cxr_fastai.core import FINDINGS, UnknownName, UsageError
from cxr_fastai.curation.own.class_names import (
    NAMES_OF_FINDINGS,
    finding_of,
    is_normal,
    joined_names,
    name_classes,
    names_meant,
    near_equal,
    plain,
)


@pytest.mark.parametrize(
    "name, finding",
    [
        ("NORMAL", "no_finding"),
        ("No Finding", "no_finding"),
        ("healthy_controls", "no_finding"),
        ("Covid", "covid_19"),
        ("COVID-19", "covid_19"),
        ("TB", "tuberculosis"),
        ("Bacteria", "bacterial_pneumonia"),
        ("viral pneumonia", "viral_pneumonia"),
        ("Pleural_Thickening", "pleural_thickening"),
        ("pneumonia", "pneumonia"),
        ("weird", ""),
        ("", ""),
    ],
)
def test_a_name_is_read_as_the_finding_that_it_says(name, finding):
    assert finding_of(name) == finding and is_normal(name) == (finding == "no_finding")


def test_every_finding_reads_as_itself_and_no_synonym_says_two():
    assert all(finding_of(finding) == finding for finding in FINDINGS)
    assert set(NAMES_OF_FINDINGS) <= set(FINDINGS)
    names = [name for own in NAMES_OF_FINDINGS.values() for name in own]
    assert len(set(names)) == len(names) and all(plain(name) == name for name in names)


@pytest.mark.parametrize(
    "names, sets",
    [
        (["Covid", "COVID", "covid-19"], [["COVID", "Covid", "covid-19"]]),
        (["Normal", "normal ", "healthy"], [["Normal", "healthy", "normal "]]),
        (["Tuberculosis", "Tubercolosis"], [["Tubercolosis", "Tuberculosis"]]),
        (["stage1", "stage2"], []),
        (["grade_10", "grade_1"], []),
        (["bacterial pneumonia", "viral pneumonia", "pneumonia"], []),
        (["???", "!!!"], []),
    ],
)
def test_names_that_may_be_one_class_are_found_and_others_are_not(names, sets):
    assert near_equal(names) == sets


def test_near_equal_classes_are_told_and_stay_apart_on_every_disk():
    named = name_classes({"COVID": 4, "Covid": 3, "normal": 9})
    assert named.class_of == {"COVID": "COVID", "Covid": "Covid_2", "normal": "normal"}
    renamed, near = named.warnings
    assert "'Covid' is called 'Covid_2'" in renamed.says
    assert "may be one class and are kept apart" in near.says and "4 images" in near.says
    assert "--same COVID=Covid joins them" in near.do


def test_of_two_spellings_the_one_of_more_images_keeps_its_name():
    assert name_classes({"NORMAL": 5, "Normal": 95, "tb": 9}).class_of == {
        "NORMAL": "NORMAL_2",
        "Normal": "Normal",
        "tb": "tb",
    }


def test_same_joins_them_and_nothing_is_left_to_tell():
    named = name_classes({"COVID": 4, "Covid": 3, "x": 9}, same=["COVID=Covid"])
    assert named.class_of == {"COVID": "COVID", "Covid": "COVID", "x": "x"}
    assert not named.warnings and named.names_of("COVID") == ["COVID", "Covid"]
    assert joined_names({"a": 1, "b": 1, "c ": 1}, ["d=a,b", "e=c"]) == {
        "a": "d",
        "b": "d",
        "c ": "e",
    }


def test_take_as_names_a_class_and_reaches_all_names_that_were_joined_in_it():
    named = name_classes({"a": 1, "b": 1, "c": 1}, ["a=b"], {"a": "sick", "c": "well"})
    assert named.class_of == {"a": "sick", "b": "sick", "c": "well"}
    named = name_classes({"x": 1, "y": 1, "c": 1}, ["both=x,y"], {"both": "sick"})
    assert named.class_of == {"x": "sick", "y": "sick", "c": "c"}


def test_a_name_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UnknownName, match="'Covidd'.*Did you mean 'Covid'"):
        name_classes({"Covid": 1, "normal": 1}, same=["x=Covidd"])
    assert names_meant("covid", {"Covid": 1}, {}) == ["Covid"]
    with pytest.raises(UnknownName):
        names_meant("covid", {"Covid": 1, "COVID": 1}, {})  # which of the two is not guessed


@pytest.mark.parametrize("said", ["a", "=b", "a=", "a= ,"])
def test_same_that_joins_nothing_is_refused(said):
    with pytest.raises(UsageError, match="expected A=B,C"):
        name_classes({"a": 1, "b": 1}, same=[said])


@pytest.mark.parametrize("name", ["images", "Conflicts", "???"])
def test_a_name_that_can_be_no_class_is_refused_with_the_way(name):
    with pytest.raises(UsageError, match="--as"):
        name_classes({name: 1, "normal": 1})
    assert name_classes({name: 1, "normal": 1}, take_as={name: "sick"}).class_of[name] == "sick"


def test_a_name_that_is_no_folder_everywhere_is_called_alike_and_told():
    named = name_classes({"a?b": 1, "a_b": 2})
    assert named.class_of == {"a?b": "a_b_2", "a_b": "a_b"}
    assert len([w for w in named.warnings if "is called" in w.says]) == 1


def test_a_name_is_not_given_two_classes_in_silence():
    with pytest.raises(UsageError, match="same 'y=b': b is the class x already. Give it one class"):
        joined_names({"a": 1, "b": 1}, ["x=a,b", "y=b"])
    assert joined_names({"a": 1, "b": 1}, ["x=a", "x=a,b"]) == {"a": "x", "b": "x"}
