"""Which addresses there are.

python -m pytest tests/app/test_routes.py
"""

from cxr_fastai.app.routes import ROUTES


def test_an_address_and_method_stands_once():
    pairs = [(route.method, route.path) for route in ROUTES]
    assert len(set(pairs)) == len(pairs)


def test_films_are_posted_and_only_what_tells_nothing_is_open():
    assert {route.path for route in ROUTES if route.takes_films} == {"/predict", "/look", "/heat"}
    assert all(route.method == "POST" for route in ROUTES if route.takes_films or route.max_bytes)
    assert {route.path for route in ROUTES if route.is_open} == {
        "/health",
        "/ready",
        "/sign-in",
        "/static/{name}",
    }


def test_other_bodies_are_small():
    assert max(route.max_bytes for route in ROUTES) <= 4096
