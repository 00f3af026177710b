"""pytest tests/app/test_page.py"""

import json

import pytest
from page_rules import check_page
from toy_app import ask, form, served
from toy_bundles import picture, png

from cxr_fastai.app.static_files import STATIC, static_bytes


@pytest.fixture(scope="module")
def url(toy_bundle):
    with served(toy_bundle) as url:
        yield url


@pytest.mark.parametrize("path", ["/", "/card"])
def test_the_pages(url, path):
    status, headers, body = ask(url, path=path)
    assert status == 200 and headers["content-type"] == "text/html; charset=utf-8"
    check_page(body.decode())


@pytest.mark.parametrize("name", STATIC)
def test_the_files_that_they_load(url, name):
    status, headers, body = ask(url, path=f"/static/{name}")
    assert (status, headers["content-type"], body) == (200, STATIC[name], static_bytes(name))


@pytest.mark.parametrize(
    "name", ["", "nothing.js", "../page.py", "%2e%2e%2fpage.py", "a/style.css"]
)
def test_no_other_file_is_given(url, name):
    status, _, body = ask(url, path=f"/static/{name}")
    assert status == 404 and b"def " not in body


def test_the_answer_names_the_model_that_the_page_was_made_for(url):
    _, _, page = ask(url)
    status, headers, _ = ask(url, "POST", "/look", *form(("a.png", png(picture()))))
    assert status == 200
    assert f'data-model="{headers["cxr-model"]}"' in page.decode()


def test_the_form_without_scripts_is_answered_by_a_page(url):
    body, headers = form(("a.png", png(picture())), ("b.png", b"no picture"))
    headers["Accept"] = "text/html,*/*;q=0.8"
    status, headers, answer = ask(url, "POST", "/predict", body, headers)
    assert status == 200
    words = check_page(answer.decode()).words
    assert "2 films" in words and "a.png" in words and "not read" in words


def test_a_program_is_answered_by_json(url):
    status, _, answer = ask(url, "POST", "/predict", *form(("a.png", png(picture()))))
    assert status == 200 and json.loads(answer)[0]["path"] == "a.png"
