"""A recipe as text is read back as the same recipe."""

from dataclasses import replace

import pytest

from cxr_fastai.recipe_text import recipe_text
from cxr_fastai.recipes import Recipe, load_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_of_the_library_comes_back(name, tmp_path):
    recipe = load_recipe(name)
    file = tmp_path / "r.toml"
    file.write_text(recipe_text(recipe), encoding="utf-8")
    assert load_recipe(file) == recipe


def test_a_recipe_of_ones_own_comes_back_whatever_its_classes_are_called(tmp_path):
    values = {
        "name": "own",
        "title": 'what "she" said \\ ü',
        "negative": "Normal",
        "classes": {"COVID-19 (pos)": ["own:COVID-19 (pos)"], "Normal": ["no_finding"]},
    }
    recipe = Recipe.from_dict(values, "here")
    recipe = replace(recipe, train=replace(recipe.train, epochs=3))
    file = tmp_path / "r.toml"
    file.write_text(recipe_text(recipe), encoding="utf-8")
    assert load_recipe(file) == recipe
    assert "epochs = 3" in recipe_text(recipe) and "arch" not in recipe_text(recipe)
