"""pytest tests/app/test_page_schemas.py"""

from typing import get_type_hints

import pytest
from jsonschema import Draft202012Validator

from cxr_fastai.app.heats import HeatAnswer
from cxr_fastai.app.look import Look, ShownClass, Words
from cxr_fastai.app.page_schemas import page_schemas
from cxr_fastai.app.similar import SimilarFilm


@pytest.mark.parametrize("kind", [Look, Words, ShownClass, SimilarFilm, HeatAnswer])
def test_every_key_is_described(kind):
    schema = page_schemas()[kind.__name__]
    assert set(schema["properties"]) == set(get_type_hints(kind))
    assert all(each["description"] for each in schema["properties"].values())


@pytest.mark.parametrize(
    "film, fits",
    [
        ("", True),
        ("data:image/png;base64,AAAA", True),
        ("data:image/svg+xml;base64,AAAA", False),
        ("http://elsewhere.example/a.png", False),
        ("javascript:alert(1)", False),
    ],
)
def test_a_film_is_a_picture_in_the_answer_itself(film, fits):
    for schema in (page_schemas()["Look"], page_schemas()["SimilarFilm"]):
        assert Draft202012Validator(schema["properties"]["film"]).is_valid(film) == fits
    heat = page_schemas()["HeatAnswer"]["properties"]["heat"]
    assert Draft202012Validator(heat).is_valid(film) == fits
