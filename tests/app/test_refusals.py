"""Every kind of refusal: its status, its words, what to do.

python -m pytest tests/app/test_refusals.py
"""

from string import Formatter

import pytest

from cxr_fastai.app.refusals import REFUSALS, refusal

ASKED = {
    400,
    401,
    403,
    404,
    405,
    408,
    411,
    413,
    415,
    421,
    422,
    429,
    503,
}  # statuses that the server answers with


def values_of(code):
    kind = REFUSALS[code]
    return {name: "7" for _, name, _, _ in Formatter().parse(kind.says + kind.do) if name}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_says_what_happened_and_what_to_do(code):
    why = refusal(code, {"Allow": "GET"}, **values_of(code))
    told = why.to_dict()
    assert list(told) == ["error"] and list(told["error"]) == ["status", "code", "says", "do"]
    assert told["error"]["code"] == code and told["error"]["status"] == REFUSALS[code].status
    assert (
        why.says.rstrip().endswith((".", "7"))
        and why.do.endswith(".")
        and "{" not in why.says + why.do
    )
    assert why.headers == {"Allow": "GET"} and "\n" not in why.says + why.do


def test_all_statuses_that_are_asked_for_are_there_and_500_is_of_a_mistake_alone():
    statuses = {kind.status for kind in REFUSALS.values()}
    assert statuses >= ASKED
    assert [code for code, kind in REFUSALS.items() if kind.status == 500] == ["unexpected"]
