"""pytest tests/app/test_operations.py"""

import pytest
from toy_rows import VOCAB, row

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.operations import Known, paths


def operations(**known):
    "(method, path) -> operation."
    made = {"has_token": False, "can_right": True, **known}
    told = paths(Known(VOCAB, Limits(max_files=5, max_mb=9), **made))
    return {(method, path): each for path, own in told.items() for method, each in own.items()}


def test_every_operation_has_its_own_name_words_and_a_tag():
    told = operations().values()
    names = [each["operationId"] for each in told]
    assert len(set(names)) == len(names)
    for each in told:
        assert each["summary"] and each["description"] and len(each["tags"]) == 1


@pytest.mark.parametrize("has_token", [True, False])
def test_what_asks_for_the_token_may_answer_401(has_token):
    for (_, path), each in operations(has_token=has_token).items():
        is_open = each.get("security") == []
        if path != "/sign-in":  # a wrong token is 401 there
            assert ("401" in each["responses"]) == (has_token and not is_open), path


def test_every_operation_may_be_refused_and_none_promises_500():
    for each in operations().values():
        assert {"400", "421", "503"} <= set(each["responses"])
        assert "500" not in each["responses"]


def test_what_takes_films_says_how_many():
    told = operations()
    most = {}
    for path in ("/predict", "/look", "/heat"):
        each = told["post", path]
        assert {"411", "413", "415", "422", "429"} <= set(each["responses"])
        form = each["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert form["required"] == ["files"] and form["additionalProperties"] is False
        most[path] = form["properties"]["files"]["maxItems"]
        assert "9 MB" in form["properties"]["files"]["description"]
    assert most == {"/predict": 5, "/look": 1, "/heat": 1}


def test_the_example_is_left_out_until_there_is_one():
    def content(**known):
        answered = operations(**known)["post", "/predict"]["responses"]["200"]
        return answered["content"]["application/json"]

    assert "example" not in content()
    assert content(example=row())["example"] == [row()]


def test_a_heat_is_of_the_classes_of_the_model():
    of = operations()["post", "/heat"]["parameters"][0]
    assert of["schema"]["enum"] == [*VOCAB, ""]
