"""What all handlers share.

python -m pytest tests/app/test_site.py
"""

from toy_service import ToyService

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.site import Site


def test_a_site_makes_its_own_things_once(toy_model):
    site = Site(toy_model, ToyService(), Limits(per_minute=3, at_once=2))
    for name in ("turns", "visits", "model_facts", "facts", "told", "heats"):
        assert getattr(site, name) is getattr(site, name)
    assert site.turns.limits.at_once == 2 and site.visits.per_minute == 3


def test_what_is_shown_of_it_has_no_token(toy_model):
    assert "SECRET" not in repr(Site(toy_model, ToyService(), token="SECRET"))
