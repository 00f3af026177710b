"""The recipe of a user's own classes, and how his names meet one that he chose."""

import pytest

from cxr_fastai.core import Task, UnknownName, UsageError
from cxr_fastai.curation.own.own_recipe import meet_recipe, own_recipe
from cxr_fastai.recipes import load_recipe


def as_they_are(*names):
    return {name: name for name in names}


def test_each_class_is_a_finding_of_its_own_and_the_normal_one_is_negative():
    own = own_recipe(as_they_are("Covid", "Normal"), "films")
    assert own.recipe.classes == {"Covid": ["own:Covid"], "Normal": ["no_finding"]}
    assert (own.recipe.name, own.recipe.title, own.recipe.negative) == ("own", "films", "Normal")
    assert own.findings == {"Covid": ("own:Covid",), "Normal": ("no_finding",)}
    assert own.recipe.label("x", ["own:Covid"]) == ("Covid", "")


def test_of_two_classes_that_say_normal_none_is_negative():
    own = own_recipe(as_they_are("healthy", "normal", "x"), "films")
    assert own.recipe.negative == "" and own.findings["normal"] == ("own:normal",)


def test_without_a_normal_class_there_is_no_negative():
    assert own_recipe(as_they_are("a", "b"), "t").recipe.negative == ""


def test_with_several_labels_normal_is_the_absence_of_all():
    own = own_recipe(as_they_are("mass", "hernia", "No Finding"), "t", Task.MULTI_LABEL)
    assert own.recipe.vocab == ["hernia", "mass"] and own.recipe.negative == ""
    assert own.recipe.label("x", own.findings["No Finding"], own.findings["mass"])[0] == "none"


def test_names_that_are_one_class_have_its_finding():
    own = own_recipe({"COVID": "covid", "Covid": "covid", "n": "n"}, "t")
    assert own.findings["COVID"] == own.findings["Covid"] == ("own:covid",)


def test_one_class_alone_is_refused():
    with pytest.raises(UsageError, match="one class alone, a"):
        own_recipe(as_they_are("a"), "t")


# ---- a recipe that was chosen


def test_names_are_read_by_the_vocabulary():
    met = meet_recipe(load_recipe("six_class"), ["Healthy", "TB", "Covid", "Bacteria", "viral"])
    assert met.findings["TB"] == ("tuberculosis",) and met.class_of["Healthy"] == "normal"
    assert met.class_of["Bacteria"] == "bacterial_pneumonia"
    assert met.recipe == load_recipe("six_class")


def test_what_would_be_filed_elsewhere_is_refused_and_says_how_to_say_so():
    six = load_recipe("six_class")
    with pytest.raises(UsageError) as e:
        meet_recipe(six, ["normal", "pneumonia"])
    assert "would file 'pneumonia' under other_findings" in str(e.value)
    assert "--as pneumonia=other_findings" in str(e.value) and "\n" not in str(e.value)
    met = meet_recipe(six, ["normal", "pneumonia"], {"pneumonia": "other_findings"})
    assert met.findings["pneumonia"] == ("pneumonia",)
    assert met.class_of["pneumonia"] == "other_findings"


def test_a_recipe_that_has_the_very_class_takes_it():
    met = meet_recipe(load_recipe("pneumonia"), ["NORMAL", "PNEUMONIA"])
    assert met.class_of == {"NORMAL": "normal", "PNEUMONIA": "pneumonia"}
    with pytest.raises(UsageError, match="'viral' under pneumonia.*--as viral=pneumonia"):
        meet_recipe(load_recipe("pneumonia"), ["NORMAL", "viral"])


def test_a_name_that_nobody_knows_is_refused_or_taken_as_the_user_says():
    six = load_recipe("six_class")
    with pytest.raises(UsageError, match="'weird'.*does not know it.*--as weird=CLASS"):
        meet_recipe(six, ["normal", "weird"])
    met = meet_recipe(six, ["normal", "weird"], {"weird": "tuberculosis"})
    assert met.findings["weird"] == ("own:weird",)  # nobody said that it is tuberculosis proper
    assert met.recipe.classes["tuberculosis"] == ["tuberculosis", "own:weird"]
    assert met.recipe.label("x", ["own:weird"])[0] == "tuberculosis"


def test_a_class_that_the_recipe_lacks_is_told():
    with pytest.raises(UnknownName, match="'tb' in --as x=tb"):
        meet_recipe(load_recipe("six_class"), ["x"], {"x": "tb"})


def test_under_a_recipe_of_several_findings_normal_is_none_of_them():
    met = meet_recipe(load_recipe("nih14"), ["Normal", "Effusion"])
    assert met.class_of == {"Normal": "none", "Effusion": "effusion"}
