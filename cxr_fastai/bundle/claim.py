"""The CLAIM checklist of a model, each item by a number of this run or by one of two words.

bundle.json and the content of metrics.json in, Markdown out. What neither tells is "not known to
this library", what only an author can say is "yours to write": no item is filled by prose that
could be false. Reads and writes no file.

Checklist for Artificial Intelligence in Medical Imaging, Mongan, Moy and Kahn 2020, Radiology: AI
2:e200029, 42 items, here in words of our own. Of its update of 2024 the text was not at hand: its
items are not claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxr_fastai.bundle.evaluated import number_words, numbers_of, opening_of
from cxr_fastai.reporting.text import count, markdown_table

__all__ = ["CLAIM_FILE", "ITEMS", "UNKNOWN", "YOURS", "claim"]

CLAIM_FILE = "CLAIM.md"
UNKNOWN = "not known to this library"
YOURS = "yours to write"

Record = Mapping[str, Any]
Answer = Callable[[Record, Record], str]  # bundle.json, metrics.json (empty: none) -> words or ""


@dataclass(frozen=True)
class Item:
    """An item of the checklist."""

    number: int
    asks: str
    answer: Answer | str  # or the word that stands there always


def claim(
    meta: Record,  # bundle.json
    report: Record | None = None,  # the content of metrics.json; None: no evaluation
) -> str:
    """Fill the checklist."""
    rows = []
    for item in ITEMS:
        words = item.answer if isinstance(item.answer, str) else item.answer(meta, report or {})
        rows.append((str(item.number), item.asks, words or UNKNOWN))
    unknown = sum(words == UNKNOWN for _, _, words in rows)
    yours = sum(words == YOURS for _, _, words in rows)
    known = len(rows) - unknown - yours
    recipe = _part(meta, "recipe").get("name", "")
    return "\n\n".join(
        [
            f"# CLAIM checklist: {recipe}",
            f"Of {len(rows)} items {known} are filled by this run, {unknown} are {UNKNOWN}, "
            f"{yours} are {YOURS}. Items of CLAIM 2020 (Mongan, Moy and Kahn, doi "
            "10.1148/ryai.2020200029) in other words; its update of 2024 is not claimed.",
            markdown_table(("item", "asks for", "answer"), rows) + "\n",
        ]
    )


# ---- what is known of some items


def _part(record: Record, key: str) -> dict[str, Any]:
    """Return the record below a key; an empty one where there is none."""
    found = record.get(key)
    return dict(found) if isinstance(found, Mapping) else {}


def _sources(meta: Record, report: Record) -> str:
    by_source = _part(report, "by_source")
    if by_source:
        parts = [f"{name} {numbers['n']:,}" for name, numbers in by_source.items()]
        return f"images evaluated by source: {', '.join(parts)}"
    sources = _part(meta, "conformal").get("sources") or {}
    parts = [f"{name} {n:,}" for name, n in sources.items()]
    return f"groups of validation by source: {', '.join(parts)}" if parts else ""


def _eligible(meta: Record, report: Record) -> str:
    recipe = _part(meta, "recipe")
    classes = recipe.get("classes") or {}
    if not classes:
        return ""
    words = f"recipe {recipe.get('name')}: {count(len(classes), 'class', 'classes')}"
    excluded = recipe.get("exclude") or []
    return f"{words}; findings that exclude a film: {', '.join(excluded) or 'none'}"


def _preprocessing(meta: Record, report: Record) -> str:
    if "size" not in meta:
        return ""
    return (
        f"decoder {meta.get('decoder_version')}; {100 * meta.get('crop', 0):g} % off each side; "
        f"{meta['size']} x {meta['size']} px, "
        f"{count(meta.get('in_channels', 1), 'channel')}; mean "
        f"{meta.get('mean')}, standard deviation {meta.get('std')}"
    )


def _elements(meta: Record, report: Record) -> str:
    classes = _part(meta, "recipe").get("classes") or {}
    parts = [f"{name}: {', '.join(findings)}" for name, findings in classes.items()]
    return "; ".join(parts)


def _partitions(meta: Record, report: Record) -> str:
    parts = []
    groups = sum((_part(meta, "conformal").get("sources") or {}).values())
    if groups:
        parts.append(f"valid {count(groups, 'group')}")
    if report:
        parts.append(f"evaluated: {opening_of(report).replace('`', '')}")
    return "; ".join(parts)


def _model(meta: Record, report: Record) -> str:
    if "vocab" not in meta:
        return ""
    return (
        f"{meta.get('arch')}, {count(len(meta['vocab']), 'output')}, {meta.get('task')}; weights "
        f"SHA-256 {meta.get('weights_sha256')}"
    )


def _software(meta: Record, report: Record) -> str:
    libraries = _part(meta, "libraries")
    return ", ".join(f"{name} {version}" for name, version in libraries.items())


def _initial(meta: Record, report: Record) -> str:
    weights = _part(meta, "trained").get("weights", "")
    return f"weights {weights}" if weights else ""


def _training(meta: Record, report: Record) -> str:
    trained = _part(meta, "trained")
    settings = _part(meta, "recipe").get("train") or {}
    known = {**settings, **trained}
    return ", ".join(f"{name} {_setting(value)}" for name, value in known.items())


def _setting(value: object) -> str:
    """Return a setting in words; a list by its values, `none` where it is empty."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return str(value)
    return " ".join(map(str, value)) or "none"


def _selection(meta: Record, report: Record) -> str:
    trained = _part(meta, "trained")
    if "best_epoch" not in trained:
        return ""
    return f"weights of epoch {trained['best_epoch']} of {trained.get('epochs')}, by validation"


def _ensemble(meta: Record, report: Record) -> str:
    return "1 network" if "vocab" in meta else ""


def _metrics(meta: Record, report: Record) -> str:
    return ", ".join(number.name for number in numbers_of(report))


def _uncertainty(meta: Record, report: Record) -> str:
    if not report.get("resamples"):
        return ""
    return (
        f"95 % intervals over {report.get('groups'):,} patients or groups, "
        f"{report['resamples']:,} resamples, seed {report.get('seed')}"
    )


def _robustness(meta: Record, report: Record) -> str:
    parts = []
    for name, numbers in _part(report, "by_source").items():
        accuracy = numbers.get("accuracy", numbers.get("macro_auroc"))
        if isinstance(accuracy, float):
            key = "accuracy" if "accuracy" in numbers else "macro AUROC"
            parts.append(f"{name} {key} {accuracy:.3f} of {numbers['n']:,}")
    return f"by source: {', '.join(parts)}" if len(parts) > 1 else ""


def _external(meta: Record, report: Record) -> str:
    about = _part(report, "about")
    judged = about.get("images of manifest (SHA-256)")
    if not judged:
        return ""
    if judged == meta.get("manifest_sha256"):
        return f"none: the images of split {report.get('split')} are of the folder of training"
    return f"{opening_of(report).replace('`', '')} That is another folder than that of training."


def _people(meta: Record, report: Record) -> str:
    rows = _part(report, "subgroups").get("rows") or []
    parts = [
        f"{row['column']} {row['value']} {row['images']:,}"
        for row in rows
        if row["column"] != "source"
    ]
    return f"images of split {report['split']}: {', '.join(parts)}" if parts else ""


def _all_partitions(meta: Record, report: Record) -> str:
    valid = _part(meta, "metrics").get("valid") or {}
    parts = []
    for name, value in valid.items():
        if isinstance(value, float):
            parts.append(f"valid {name.replace('_', ' ')} {value:.3f}")
    for number in numbers_of(report):
        parts.append(f"{report['split']} {number.name} {number.value:.3f}")
    return ", ".join(parts)


def _accuracy(meta: Record, report: Record) -> str:
    return "; ".join(number_words(number) for number in numbers_of(report))


def _failures(meta: Record, report: Record) -> str:
    confusion = _part(report, "metrics").get("confusion")
    if not isinstance(confusion, list):
        return ""
    total = sum(map(sum, confusion))
    right = sum(row[i] for i, row in enumerate(confusion))
    return f"{total - right:,} of {total:,} answered as another class; each in predictions.csv"


def _limitations(meta: Record, report: Record) -> str:
    warned = [str(entry.get("says", "")) for entry in meta.get("warnings") or []]
    told = [*warned, *(report.get("notes") or [])]
    return " ".join(f"{words.rstrip('.')}." for words in told if words) or YOURS


ITEMS = (
    Item(1, "title that names the AI method", YOURS),
    Item(2, "structured summary", YOURS),
    Item(3, "background and clinical role", YOURS),
    Item(4, "objectives and hypotheses", YOURS),
    Item(5, "prospective or retrospective", UNKNOWN),
    Item(6, "goal of the study", YOURS),
    Item(7, "data sources", _sources),
    Item(8, "who is eligible", _eligible),
    Item(9, "preprocessing", _preprocessing),
    Item(10, "choice of subsets", YOURS),
    Item(11, "definitions of data elements", _elements),
    Item(12, "de-identification", UNKNOWN),
    Item(13, "missing data", UNKNOWN),
    Item(14, "reference standard, defined", UNKNOWN),
    Item(15, "reference standard, why", YOURS),
    Item(16, "annotators and their qualification", UNKNOWN),
    Item(17, "annotation tools", UNKNOWN),
    Item(18, "variability between and within annotators", UNKNOWN),
    Item(19, "intended sample size and how it was set", YOURS),
    Item(20, "partitions and their sizes", _partitions),
    Item(21, "level at which partitions are disjoint", "group: patient, radiograph or look"),
    Item(22, "the model", _model),
    Item(23, "software, with versions", _software),
    Item(24, "initial weights", _initial),
    Item(25, "training, to be done again", _training),
    Item(26, "how the final model was chosen", _selection),
    Item(27, "ensembles", _ensemble),
    Item(28, "metrics", _metrics),
    Item(29, "statistics of uncertainty", _uncertainty),
    Item(30, "robustness", _robustness),
    Item(31, "explanations", UNKNOWN),
    Item(32, "test on external data", _external),
    Item(33, "flow of participants", UNKNOWN),
    Item(34, "demographics of each partition", _people),
    Item(35, "performance on all partitions", _all_partitions),
    Item(36, "diagnostic accuracy with its precision", _accuracy),
    Item(37, "failures", _failures),
    Item(38, "limitations", _limitations),
    Item(39, "what it means for practice", YOURS),
    Item(40, "registration", YOURS),
    Item(41, "where the protocol is", YOURS),
    Item(42, "funding", YOURS),
)
