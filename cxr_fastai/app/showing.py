"""What the page asks of one film: POST /look and POST /heat.

A request with one film -> JSON. Nothing of a film is kept: the page sends it again for a heat.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

from starlette.responses import Response

from cxr_fastai.app.api import json_answer, unread
from cxr_fastai.app.asked import Asked
from cxr_fastai.app.look import look_of
from cxr_fastai.app.refusals import refusal
from cxr_fastai.app.service import Answered
from cxr_fastai.app.similar import NO_FILMS, Found
from cxr_fastai.app.site import Site
from cxr_fastai.serving.answers import members_of

__all__ = ["heat", "look"]

SWITCH = {"": False, "0": False, "1": True}  # what the query's right may be


async def look(site: Site, asked: Asked) -> Response:
    """Answer one film, with all that the page shows of it."""
    begun = time.perf_counter()
    right = _right(site, asked)
    answered = await _answered(site, asked, right)
    found = await _similar(site, answered)
    seconds = time.perf_counter() - begun
    no_heat = site.heats.why_not
    shown = await asyncio.to_thread(
        look_of, site.told, answered.row, answered.film, seconds, right, found, no_heat
    )
    return _answer(site, answered, shown)


async def heat(site: Site, asked: Asked) -> Response:
    """Tell where an answer is most sensitive on one film."""
    of = asked.query.get("of", "")
    if of and of not in site.model.vocab:
        raise refusal(
            "query_wrong",
            what=f"There is no class {of!r}",
            do=f"Ask for one of {', '.join(site.model.vocab)}",
        )
    answered = await _answered(site, asked, _right(site, asked))
    await asyncio.to_thread(site.heats.prepare)
    told = await site.service.compute(partial(site.heats.answer, answered.film, of))
    return _answer(site, answered, told)


def _answer(
    site: Site,
    answered: Answered,
    content: object,  # plain JSON
) -> Response:
    """Answer the page, and say which model did: the page may have been made for another."""
    response = json_answer(content, _status(site, answered))
    response.headers["Cxr-Model"] = site.facts.model
    return response


def _right(site: Site, asked: Asked) -> bool:
    """Tell whether a film is to be turned or inverted back first."""
    value = asked.query.get("right", "")
    if value not in SWITCH:
        raise refusal("query_wrong", what=f"right is {value!r}", do="Give right=1, or leave it out")
    has_gate = site.service.gate and any(each.gate for each in members_of(site.model))
    if SWITCH[value] and not has_gate:
        raise refusal(
            "query_wrong",
            what="Nothing tells here how a film lies: no gate is asked",
            do="Leave right out",
        )
    return SWITCH[value] or site.service.right


async def _answered(
    site: Site,
    asked: Asked,
    right: bool,
) -> Answered:
    """Answer the one film of a request."""
    if len(asked.uploads) != 1:
        raise refusal("one_film")
    answers = await site.service.answer(asked.uploads, keep=True, right=right)
    return answers[0]


async def _similar(site: Site, answered: Answered) -> Found:
    """Find the training films nearest to one that was answered."""
    if site.similar is None:
        return NO_FILMS
    vector = await site.service.compute(partial(site.similar.describe, answered.film))
    return await asyncio.to_thread(site.similar.nearest, answered.film, vector)


def _status(site: Site, answered: Answered) -> int:
    """Return the status of what is told of a film, as POST /predict has it, and count it."""
    site.metrics.count_films([answered.row], [answered.rejected])
    refused = unread([answered])
    if refused is None:
        return 200
    site.metrics.count_refusal(refused.code)
    return refused.status
