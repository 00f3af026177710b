"""What the page of predictions says of the bundles that answered: facts, scores, limits, warnings.

A bundle or an ensemble in, an About out. Each sentence follows from bundle.json, or from the
evaluation of the same weights that lies beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cxr_fastai.advice import command, flag
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.evaluated import number_words, numbers_of, opening_of
from cxr_fastai.bundle.evaluated_card import evaluation_of
from cxr_fastai.bundle.model_card import facts, limits
from cxr_fastai.bundle.training_warnings import training_warnings
from cxr_fastai.core import FolderWarning, Task
from cxr_fastai.recipes import UNSET
from cxr_fastai.reporting.text import count
from cxr_fastai.serving.answers import Model, members_of
from cxr_fastai.serving.cards import Names
from cxr_fastai.serving.page import About
from cxr_fastai.serving.rows import normal_class
from cxr_fastai.serving.views import VIEWS

__all__ = ["about_of", "how_made", "mean_notes", "normal_of"]

EVALUATED_BY = command("cxr evaluate BUNDLE DATA --out DIR", "evaluate(BUNDLE, DATA, out=DIR)")
NOT_EVALUATED = (
    "This bundle carries no evaluation on a test set; what stands above is of its own validation. "
    f"{EVALUATED_BY} makes one, and write_card(BUNDLE, DIR) puts it beside the bundle."
)


def about_of(
    model: Model,
    tta: bool,
    files: Sequence[str],  # that lie beside the page
    gate: bool = True,  # whether the gates were asked
) -> About:
    """Collect what is said of the bundles."""
    members = members_of(model)
    first = members[0]
    names = _names_of_members(members)
    has_risk = model.task is Task.MULTI_LABEL or normal_of(first) != ""
    return About(
        title=f"What {_together(names)} of these films",
        names=Names(
            display=model.display,
            negative=normal_of(first),
            several=model.task is Task.MULTI_LABEL,
            thresholds=_thresholds(first) if len(members) == 1 else {},
            by_risk=bool(first.meta["decision"]),
        ),
        facts={name: _facts(member) for name, member in zip(names, members)},
        scores={name: _scores(member) for name, member in zip(names, members)},
        warnings=_warnings(members),
        limits=" ".join(limits(first.meta).split()),
        notes=how_made(model, tta, gate),
        files=files,
        order="those of the highest risk"
        if has_risk
        else "class by class, the most probable of each first",
    )


def _thresholds(bundle: Bundle) -> dict[str, float]:
    """Return the least probability of each class that has one: of findings every one has."""
    fixed: dict[str, float] = bundle.meta["thresholds"]
    if bundle.task is not Task.MULTI_LABEL:
        return fixed
    return {name: fixed.get(name, UNSET) for name in bundle.vocab}


def _names_of_members(members: Sequence[Bundle]) -> list[str]:
    """Name each bundle by its recipe, and a number where several have one."""
    names = []
    for number, member in enumerate(members, 1):
        recipe = member.meta["recipe"]["name"]
        names.append(recipe if len(members) == 1 else f"{number} ({recipe})")
    return names


def _together(
    names: Sequence[str],  # of the bundles
) -> str:
    """Say who says something."""
    if len(names) == 1:
        return f"a bundle for {names[0]} says"
    return f"{count(len(names), 'bundle')} together say"


def normal_of(model: Model) -> str:
    """Return the class that means nothing found, decided by or not; empty: none does."""
    meta = members_of(model)[0].meta
    decided = meta["decision"].get("negative", "")
    return decided or normal_class(meta["recipe"])


def _facts(member: Bundle) -> dict[str, str]:
    """Return what a bundle is; warnings stand elsewhere."""
    found = {
        "weights": f"SHA-256 {member.meta['weights_sha256']}",
        "computed by": member.runtime.name,
    }
    for name, words in facts(member.meta).items():
        if not name.startswith("warning: "):
            found[name] = words
    return found


def _scores(member: Bundle) -> list[str]:
    """Return the scores of an evaluation, with intervals; or that there is none."""
    report = evaluation_of(member.path, member.meta)
    if report is None:
        return [NOT_EVALUATED]
    lines = [opening_of(report)]
    lines += [number_words(number) for number in numbers_of(report)]
    lines += [str(note) for note in report.get("notes") or []]
    return lines


def _warnings(members: Sequence[Bundle]) -> list[FolderWarning]:
    """Return what the training of each bundle warned of, each warning once."""
    found: dict[str, FolderWarning] = {}
    for member in members:
        for warning in training_warnings(member.meta):
            found.setdefault(warning.says, warning)
    return list(found.values())


def how_made(
    model: Model,
    tta: bool,
    gate: bool = True,  # whether the gates were asked
) -> list[str]:
    """Say what is particular about these answers: no gate, several bundles, views."""
    notes = mean_notes(model, tta)
    gates = [member.gate for member in members_of(model)]
    if gate and any(each is not None for each in gates):
        return notes
    no_gate = (
        "No gate was asked: pictures that are no upright frontal chest film are answered here "
        "like films."
    )
    return [no_gate, *notes]


def mean_notes(
    model: Model,
    tta: bool,
) -> list[str]:  # empty where each number is of one network and the film as it is
    """Say what each probability is the mean of, and how it is decided then."""
    notes = []
    n = len(members_of(model))
    if n > 1:
        notes.append(
            f"Each probability is the mean of {count(n, 'bundle')}, and beside it stand their "
            "least and greatest. The mean is not calibrated itself, and no threshold was fixed on "
            "it: where a bundle decides by a threshold, each decides by its own, and more than "
            "half must agree."
        )
    if tta:
        notes.append(
            f"{flag('tta', True)}: each probability is the mean of {len(VIEWS)} views of the film, "
            "turned and zoomed a little, none mirrored. Thresholds and scores are of films as they "
            "are, without it."
        )
    return notes
