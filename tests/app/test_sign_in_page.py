"""pytest tests/app/test_sign_in_page.py"""

from page_rules import EVIL, check_page

from cxr_fastai.app.sign_in_page import sign_in_page


def test_the_form_sends_the_token_and_shows_none():
    tree = check_page(sign_in_page())
    [form] = tree.all("form")
    assert (form.at["action"], form.at["method"]) == ("/sign-in", "post")
    [token] = tree.all("input")
    assert (token.at["name"], token.at["type"]) == ("token", "password")
    assert "value" not in token.at and not [
        tag for tag in tree.tags if tag.at.get("role") == "alert"
    ]


def test_what_went_wrong_is_said_and_belongs_to_the_field():
    tree = check_page(sign_in_page(f"Wrong: {EVIL}"))
    [token] = tree.all("input")
    said = next(tag for tag in tree.tags if tag.at.get("id") == token.at["aria-describedby"])
    assert said.at["role"] == "alert" and said.words == f"Wrong: {EVIL}"
