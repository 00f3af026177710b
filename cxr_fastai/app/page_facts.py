"""What the pages of the server say of the bundles that answer, collected once, at the start.

A bundle or an ensemble in, a PageFacts out. Reads no film, computes no network, writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from cxr_fastai.bundle.evaluated_card import evaluation_of
from cxr_fastai.bundle.model_card import card
from cxr_fastai.core import Task
from cxr_fastai.serving.about import about_of, normal_of
from cxr_fastai.serving.answers import Model, members_of
from cxr_fastai.serving.page import About

__all__ = ["PageFacts", "about_page"]

NAME_LENGTH = 16  # hexadecimal digits, 64 bits
MAX_BYTES = 64 * 2**20  # of one film, as the browser is told, unless told otherwise


@dataclass(frozen=True)
class PageFacts:
    """What the pages say of the bundles, and what the server offers."""

    about: About
    recipe: str  # names the page: of the first bundle
    bundles: int  # that answer together
    cards: Mapping[str, str]  # a bundle -> its model card, Markdown
    classes: Mapping[str, str]  # class -> its name for people, in the order of the vocab
    thresholds: Mapping[str, float]  # class -> least probability to answer it
    unfixed: int  # findings whose threshold validation did not fix
    decides: bool  # whether an answer of any bundle follows from a threshold
    risk_threshold: float | None  # that an answer follows from; None: the most probable class
    several: bool  # a film may have any number of findings
    numbers: str  # what its probabilities are called
    ordered_by_risk: bool  # False: a worklist stands in the order given
    has_gate: bool  # what is no upright frontal chest film is refused
    has_heat: bool  # POST /heat answers
    has_similar: bool  # films of training are compared
    has_token: bool  # people sign in
    rights: bool  # what looks turned or inverted is turned back without being asked
    model: str  # tells what answers here from any other model, and from other settings
    max_bytes: int  # of one film
    csv_header: str  # of the lines that POST /look gives; empty: no csv is offered


def about_page(
    model: Model,
    gate: bool = True,  # whether the gates are asked
    right: bool = False,  # whether what looks turned or inverted is turned back
    has_heat: bool = True,
    has_similar: bool = False,
    token: bool = False,  # whether people sign in
    max_bytes: int = MAX_BYTES,
    csv_header: str = "",
) -> PageFacts:
    """Collect what the pages say."""
    members = members_of(model)
    first = members[0]
    decision = first.meta["decision"] if len(members) == 1 else {}
    about = about_of(model, tta=False, files=(), gate=gate)
    return PageFacts(
        about=about,
        recipe=first.meta["recipe"]["name"],
        bundles=len(members),
        cards=_cards(model, list(about.facts)),
        classes=model.display,
        thresholds=about.names.thresholds,
        unfixed=len(set(about.names.thresholds) - set(first.meta["thresholds"])),
        decides=any(member.meta["decision"] or member.meta["thresholds"] for member in members),
        risk_threshold=decision.get("threshold"),
        several=model.task is Task.MULTI_LABEL,
        numbers=_numbers_words(model),
        ordered_by_risk=model.task is Task.MULTI_LABEL or normal_of(model) != "",
        has_gate=gate and any(member.gate is not None for member in members),
        has_heat=has_heat,
        has_similar=has_similar,
        has_token=token,
        rights=right,
        model=_name_of(model, gate, right),
        max_bytes=max_bytes,
        csv_header=csv_header,
    )


def _name_of(model: Model, gate: bool, right: bool) -> str:
    """Name a model and its settings, so that a page knows whether it was made for them."""
    metas = [member.meta for member in members_of(model)]
    record = json.dumps([metas, gate, right], sort_keys=True, default=str)
    return hashlib.sha256(record.encode("utf-8", "backslashreplace")).hexdigest()[:NAME_LENGTH]


def _numbers_words(model: Model) -> str:
    """Say what the probabilities are: calibrated those alone that one bundle calibrated."""
    members = members_of(model)
    if len(members) > 1:
        return f"Probabilities, the mean of {len(members)} networks"
    meta = members[0].meta
    is_calibrated = meta["temperature"] != 1 or any(meta["offsets"].values())
    return "Calibrated probabilities" if is_calibrated else "Probabilities"


def _cards(
    model: Model,
    names: list[str],  # of the bundles
) -> dict[str, str]:  # name -> Markdown
    """Write the model card of each bundle."""
    cards = {}
    for name, member in zip(names, members_of(model)):
        cards[name] = card(member.meta, evaluation_of(member.path, member.meta))
    return cards
