"""One request, as handlers see it.

python -m pytest tests/app/test_asked.py
"""

import pytest

from cxr_fastai.app.asked import Asked
from cxr_fastai.app.uploads import Upload


@pytest.mark.parametrize(
    "accept,page",
    [("text/html,*/*;q=0.8", True), ("*/*", False), ("application/json", False), ("", False)],
)
def test_a_browser_asks_for_html_and_a_program_does_not(accept, page):
    assert Asked("GET", "/", {"accept": accept} if accept else {}).wants_page is page


def test_what_is_shown_of_it_holds_nothing_of_a_film():
    asked = Asked("POST", "/predict", {}, uploads=(Upload("a", b"SECRET"),), body=b"SECRET")
    assert "SECRET" not in repr(asked)
