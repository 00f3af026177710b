"""What a key of a recipe file may hold. Whole recipes: test_recipes.py."""

from dataclasses import fields

import pytest

from cxr_fastai.core import RecipeError
from cxr_fastai.recipe_values import (
    FILTERS,
    SHAPES,
    are_texts,
    check_filters,
    check_keys,
    check_one_of,
    check_shapes,
    is_number,
    is_whole,
)
from cxr_fastai.recipes import Recipe


def test_true_and_false_are_no_numbers():
    assert is_whole(3, 3) and not is_whole(2, 3)
    assert not is_whole(True, 0) and not is_whole(2.0, 1)
    assert is_number(0.5) and is_number(-1) and not is_number(False) and not is_number("1")
    assert not any(map(is_number, (float("nan"), float("inf"), 10**400, -(10**400))))
    assert are_texts(["a", ""]) and are_texts([]) and not are_texts(["a", 1]) and not are_texts("a")


def test_every_key_of_a_recipe_has_a_shape():
    assert set(SHAPES) == {f.name for f in fields(Recipe)}


@pytest.mark.parametrize(
    "values",
    [
        dict(classes={"a": ["mass"]}, exclude={}),
        dict(triage=[0.5, 0.99], sensitivity=1),
        dict(filters={"age": [18, 120]}, sources=["a|b"]),
        dict(name="", task="anything"),
    ],
)
def test_values_of_the_right_shape_pass(values):
    assert check_shapes(values, "r.toml") is None


@pytest.mark.parametrize(
    "values,message",
    [
        (
            dict(classes={"a": ["mass", 3]}),
            "r.toml: key 'classes' is .*a table of lists of findings",
        ),
        (dict(triage=[1.0]), "a list of shares, 0.5 to below 1"),
        (dict(triage=0.9), "a list of shares"),
        (dict(triage=[True]), "a list of shares"),
        (dict(sensitivity=0.4), "key 'sensitivity' is 0.4: expected a share, 0.5 to 1"),
        (dict(display={"a": 1}), "a table of names"),
        (dict(metrics=["a", 1]), "a list of metrics"),
        (dict(negative=1), "key 'negative' is 1: expected a text"),
    ],
)
def test_a_value_of_another_shape_is_told(values, message):
    with pytest.raises(RecipeError, match=message):
        check_shapes(values, "r.toml")


@pytest.mark.parametrize(
    "filters",
    [dict(view=["PA"]), dict(sex=["F"]), dict(sex=[]), dict(age=[0, 0.5]), dict(side=[256])],
)
def test_filters_that_can_be_met_pass(filters):
    assert check_filters(filters, "r.toml") is None


@pytest.mark.parametrize(
    "filters,message",
    [
        (dict(age=[60, 18]), "r.toml .filters.: age = .60, 18.: expected .least, most. years"),
        (dict(age=[18]), "least, most"),
        (dict(age=["18", "60"]), "least, most"),
        (dict(side=[0]), "px of the shorter side"),
        (dict(sex=["f"]), "a list of F and M"),
        (dict(view=[1]), "a list of views"),
        (dict(weight=[3]), "unknown filter 'weight' in r.toml .filters.: .*view, sex, age, side"),
    ],
)
def test_a_filter_that_cannot_be_met_is_told(filters, message):
    with pytest.raises(RecipeError, match=message):
        check_filters(filters, "r.toml")
    assert set(FILTERS) == {"view", "sex", "age", "side"}


def test_names_that_do_not_exist_are_told_with_those_that_do():
    with pytest.raises(RecipeError, match="unknown key 'titel' in r.toml: .*Did you mean 'title'"):
        check_keys({"titel": 1}, {"title", "name"}, "r.toml")
    for values in (3, [1], "x"):
        with pytest.raises(RecipeError, match="r.toml is .*: expected a table of keys and values"):
            check_keys(values, {"title"}, "r.toml")
    with pytest.raises(RecipeError, match="unknown task 'x' in r.toml: expected one of a, b"):
        check_one_of("x", ("a", "b"), "task", "r.toml")
