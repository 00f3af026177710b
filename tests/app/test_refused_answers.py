"""pytest tests/app/test_refused_answers.py"""

import pytest

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import REFUSALS
from cxr_fastai.app.refused_answers import (
    ALWAYS,
    GAP,
    OF_FILMS,
    OF_THE_TOKEN,
    TITLES,
    example_of,
    refusal_answers,
    refused_at,
)


def test_every_code_stands_as_an_example_under_its_status():
    answers = refusal_answers(Limits())
    for code, kind in REFUSALS.items():
        if kind.status == 500:
            continue  # promised never to come
        answer = answers[f"Refused{kind.status}"]
        example = answer["content"]["application/json"]["examples"][code]["value"]
        assert example["error"]["code"] == code and code in answer["description"]


def test_a_new_status_needs_its_title():
    assert {kind.status for kind in REFUSALS.values()} - {500} <= set(TITLES)


@pytest.mark.parametrize("code", REFUSALS)
def test_an_example_has_no_gap_and_the_numbers_of_this_server(code):
    told = example_of(code, Limits(max_mb=7, max_files=3))
    assert "{" not in told.says + told.do and GAP not in told.says + told.do
    if code == "body_large":
        assert "7 MB" in told.says
    if code == "files_many":
        assert "3 files" in told.says


def test_only_what_may_be_tried_again_says_when():
    answers = refusal_answers(Limits())
    told = {name for name, answer in answers.items() if "Retry-After" in answer.get("headers", {})}
    assert told == {"Refused429", "Refused503"}


def test_references_point_to_what_is_there():
    answers = refusal_answers(Limits())
    for status, reference in refused_at({*ALWAYS, *OF_FILMS, *OF_THE_TOKEN}).items():
        assert reference["$ref"].endswith(f"/Refused{status}") and f"Refused{status}" in answers
