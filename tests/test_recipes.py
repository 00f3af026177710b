"""pytest tests/test_recipes.py"""
import pytest

from cxr_fastai.core import FINDINGS, NIH_FINDINGS, RecipeError, UnknownName
from cxr_fastai.recipes import Recipe, load_recipe, recipe_names

GOOD = dict(name="r", title="t", classes={"normal": ["no_finding"], "sick": ["mass", "edema"]})


def test_the_recipes_that_travel_with_the_library_load():
    assert {"six_class", "pneumonia"} <= set(recipe_names())
    for name in recipe_names(): assert set(load_recipe(name).display) == set(load_recipe(name).vocab)

def test_six_class_has_a_class_for_every_stated_finding_but_abnormal_pneumonia_is_not_guessed():
    six = load_recipe("six_class")
    assert six.vocab == ["bacterial_pneumonia", "covid_19", "normal", "other_findings", "tuberculosis",
                         "viral_pneumonia"]
    assert all(six.label("nih_sample", (f,))[0] for f in FINDINGS)
    assert all(six.label("nih_sample", (f,))[0] == "other_findings" for f in NIH_FINDINGS)

@pytest.mark.parametrize("findings,label", [
    (("tuberculosis", "effusion"), "tuberculosis"),
    (("no_finding",), "normal"),
    (("mass", "edema"), "other_findings"),
    ((), ""),
    (("bacterial_pneumonia", "viral_pneumonia"), ""),
    (("covid_19", "ards"), "covid_19")])
def test_findings_of_two_classes(findings, label):
    got, why = load_recipe("six_class").label("x", findings)
    assert got == label and bool(why) != bool(label)

@pytest.mark.parametrize("change,said", [
    (dict(colour=1), "unknown key 'colour'"),
    (dict(classes={"sick": ["mas"]}), "'mas'.*Did you mean 'mass'"),
    (dict(classes={}), "'classes' is missing"),
    (dict(classes={"../up": ["mass"]}), "no folder name"),
    (dict(task="guess"), "single_label"),
    (dict(yields="none"), "normal, sick"),
    (dict(train=dict(sampling="twice")), "oversample, undersample, none"),
    (dict(train=dict(epochs=0)), "at least 1"),
    (dict(train=dict(lr=-1)), "between 0 and 10"),
    (dict(classes=["mass"]), "a table of lists"),
    (dict(classes={"sick": "mass"}), "a table of lists"), (dict(train=3), "a table"),
    (dict(sources="one"), "a list of source ids"), (dict(title=5), "a text"),
    (dict(train=dict(size="big")), "whole number"),
    (dict(train=dict(warmup=1)), "unknown key 'warmup'"),
    (dict(display={"x": "X"}), "unknown class 'x'")])
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(change, said):
    with pytest.raises(RecipeError, match=said): Recipe.from_dict({**GOOD, **change}, "r.toml")

def test_a_recipe_survives_the_way_through_json():
    r = load_recipe("six_class")
    assert Recipe.from_dict(r.to_dict(), "x") == r

def test_a_users_own_file_works_and_a_broken_one_is_named(tmp_path):
    (tmp_path/"mine.toml").write_text('title = "Mine"\n[classes]\nnormal = ["no_finding"]\nsick = ["mass"]\n')
    assert load_recipe(tmp_path/"mine.toml").name == "mine"
    (tmp_path/"bad.toml").write_text("title = ")
    with pytest.raises(RecipeError, match="bad.toml"): load_recipe(tmp_path/"bad.toml")
    with pytest.raises(UnknownName, match="pneumoniamnist, six_class.*Did you mean 'six_class'"):
        load_recipe("six_clas")
