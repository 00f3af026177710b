"""How a refusal is answered: JSON for programs, a page for browsers.

python -m pytest tests/app/test_refused_page.py
"""

import json

import pytest
from page_rules import check_page

from cxr_fastai.app.refusals import REFUSALS, refusal
from cxr_fastai.app.refused_page import refused, refused_page

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("headers", [{}, {"accept": "*/*"}, {"accept": "application/json"}])
def test_a_program_gets_json(headers):
    why = refusal("busy", {"Retry-After": "2"}, seconds=2)
    answer = refused(why, headers)
    assert answer.status_code == 503 and answer.headers["retry-after"] == "2"
    assert answer.media_type == "application/json" and json.loads(answer.body) == why.to_dict()


def test_a_browser_gets_a_page_that_says_the_same():
    answer = refused(refusal("not_found"), BROWSER)
    text = answer.body.decode()
    assert answer.status_code == 404 and answer.media_type == "text/html"
    assert (
        "There is nothing at this address." in text
        and 'href="/"' in text
        and "Research only" in text
    )


def test_a_browser_without_the_token_may_sign_in():
    answer = refused(refusal("token_missing", {"WWW-Authenticate": "Bearer"}), BROWSER)
    assert answer.status_code == 401 and b'action="/sign-in"' in answer.body
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("code", ["not_found", "host_wrong", "unexpected", "body_short"])
def test_the_page_keeps_the_rules_of_all_pages(code):
    page = refused_page(refusal(code))
    check_page(page)
    assert REFUSALS[code].says in page


def test_what_a_refusal_quotes_is_text():
    page = refused_page(refusal("type_wrong", type="<script>alert(1)</script>"))
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
