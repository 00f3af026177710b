"""The model card: bundle.json for people, as Markdown.

A checked record in, text out. Each sentence follows from the record, or from what a bundle is; what
the record does not tell is not said. Reads and writes no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cxr_fastai.bundle.evaluated import number_words, numbers_of, opening_of
from cxr_fastai.bundle.files import WEIGHTS
from cxr_fastai.bundle.gate_card import gate_section
from cxr_fastai.bundle.meta import Decision, Meta
from cxr_fastai.bundle.training_warnings import training_warnings
from cxr_fastai.reporting.front_matter import front_matter
from cxr_fastai.reporting.text import count, md, span, with_span

__all__ = ["LIMITS", "card", "facts"]

LIMITS = (
    "For research only: not a medical device, and not for diagnosis or triage of patients. "
    "It knows the classes above and no\n"
    "others, and gives them probabilities {even} for pictures that are no chest radiographs. "
    "Numbers from the sources it was\n"
    "trained on need not carry over to other hospitals, machines or ages."
)


# What stands where nothing of bundle.json tells it
LICENCE = (
    "Licence of these weights: yours to write. The licences of the images stand in the dataset "
    "card of the\nfolder that they were trained on."
)


def card(
    meta: Meta,
    report: Mapping[str, Any] | None = None,  # of an evaluation of these weights: metrics.json
) -> str:
    """Write the model card, its head in the form of the Hugging Face Hub."""
    recipe = meta["recipe"]["name"]
    task = meta["task"].replace("_", " ")
    return f"""{front_matter(_head(meta, report))}
# {recipe}: a chest radiograph model

A {meta["arch"]} for chest radiographs of {meta["size"]} x {meta["size"]} px in gray, {task}.

    cxr predict THIS_FOLDER chest.png
{_warnings(meta)}
## Classes
{_classes(meta)}

{_answers(meta)}

## Data and training
Recipe `{recipe}`; data of the manifest with SHA-256 `{meta["manifest_sha256"]}`.
{_training(meta)}

## Metrics
{_metrics(meta)}
{_evaluation(report)}
{gate_section(meta.get("gate"))}
## Limits
{limits(meta)}

{LICENCE}

Weights: `{WEIGHTS}`, SHA-256 `{meta["weights_sha256"]}`. Loading it runs no code.
"""


def limits(meta: Meta) -> str:
    """Say what the model is not for."""
    has_gate = meta.get("gate") is not None
    return LIMITS.format(even="where its gate errs also" if has_gate else "even")


def _head(meta: Meta, report: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the Hub reads of a card.

    Without license and datasets: a bundle knows neither under which licence it is given on, nor
    where on the Hub its images are.
    """
    results = [_result(meta, report)] if report else []
    numbers = numbers_of(report) if report else []
    recipe = meta["recipe"]["name"]
    return {
        "library_name": "cxr_fastai",
        "pipeline_tag": "image-classification",
        "tags": ["chest-x-ray", "radiology", "medical", "research-only", meta["arch"]],
        "metrics": list(dict.fromkeys(number.hub for number in numbers)),
        "model-index": [{"name": recipe, "results": results}] if results else [],
    }


def _result(meta: Meta, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return an evaluation as the Hub's model-index has it."""
    about = report.get("about") or {}
    recipe = about.get("images curated for recipe") or meta["recipe"]["name"]
    metrics = []
    for number in numbers_of(report):
        name = number.name + (f" (95 % {number.interval})" if number.interval else "")
        metrics.append({"type": number.hub, "name": name, "value": number.value})
    return {
        "task": {"type": "image-classification", "name": meta["task"].replace("_", " ")},
        "dataset": {
            "type": recipe,
            "name": report.get("title") or recipe,
            "split": report["split"],
            "revision": about.get("images of manifest (SHA-256)", ""),
        },
        "metrics": metrics,
    }


def _evaluation(report: Mapping[str, Any] | None) -> str:
    """Say what an evaluation found; nothing where there was none."""
    if report is None:
        return ""
    lines = [f"- {number_words(number)}" for number in numbers_of(report)]
    notes = [f"- {md(note)}" for note in report.get("notes") or []]
    coverage = (report.get("coverage") or {}).get("verdict")
    if coverage:
        notes.append(f"- {md(coverage)}")
    return "\n".join(["", "## Evaluation", opening_of(report), "", *lines, *notes, ""])


def facts(meta: Meta) -> dict[str, str]:
    """Return what a bundle is, by the name of each fact, for a notebook."""
    found = {
        "recipe": meta["recipe"]["name"],
        "network": f"{meta['arch']}, {meta['size']} x {meta['size']} px, {meta['in_channels']} "
        f"{'channel' if meta['in_channels'] == 1 else 'channels'}",
        "answers": " ".join(_answers(meta).split("\n")),
        "training": _training(meta),
    }
    if "gate" in meta:
        found["gate"] = str(meta["gate"].get("promise", ""))
    for warning in training_warnings(meta):
        found[f"warning: {warning.kind}"] = f"{warning.says} {warning.do}".strip()
    found.update(_numbers(meta))
    return found


def _warnings(meta: Meta) -> str:
    """Say what training warned of, before all else; nothing where it did not."""
    warned = training_warnings(meta)
    if not warned:
        return ""
    lines = [f"- **{md(warning.says)}** {md(warning.do)}".rstrip() for warning in warned]
    return "\n".join(["", "## Warnings", *lines, ""])


def _classes(meta: Meta) -> str:
    """List the classes, each with its threshold."""
    lines = []
    for name in meta["vocab"]:
        line = f"- {meta['display'][name]} (`{name}`)"
        if name in meta["thresholds"]:
            line += f", answered from {_threshold(meta['thresholds'][name])}"
        lines.append(line)
    return "\n".join(lines)


def _threshold(threshold: float) -> str:
    """Write a threshold with two decimals; with more where these would say all or nothing."""
    text = f"{threshold:.2f}"
    rounded_away = text in ("0.00", "1.00") and threshold not in (0, 1)
    if rounded_away:
        return f"{threshold:.6g}"
    return text


def _percent(share: float) -> str:
    """Write a share in percent, with decimals where it has some: 95%, 99.5%."""
    return f"{100 * share:.4g}%"


def _answers(meta: Meta) -> str:
    """Say how logits become answers, a line each."""
    lines: list[str] = []
    decision = meta["decision"]
    if decision:
        lines += _decision(decision, meta["display"][decision["negative"]])
    if meta["crop"]:
        lines.append(f"{_percent(meta['crop'])} of each side of an image are cut off first.")
    line = f"Logits are divided by a temperature of {meta['temperature']:g}"
    if meta["offsets"]:
        line += ", and offsets of classes are added"
    lines.append(line + ".")
    return "\n".join(lines)


def _decision(
    decision: Decision,
    negative: str,  # the display name of the class of those who have nothing
) -> Iterator[str]:
    """Say from which risk on another class is answered, and what a worklist lays aside."""
    line = f"Not {negative}: answered from a risk of {decision['threshold']:.3g} on"
    if "asked_sensitivity" in decision:
        line += f", fixed on validation to find {_percent(decision['asked_sensitivity'])}"
    yield line + "."
    for step in decision.get("triage", []):
        asked = _percent(step["asked_sensitivity"])
        below = f"{step['threshold']:.3g}"
        yield (
            f"A worklist keeps {asked} of them where it lays aside what is below {below}, "
            "by validation."
        )


def _training(meta: Meta) -> str:
    """Say for how long the network was trained, from what, and whether its body ever learned."""
    trained = meta["trained"]
    weights = trained.get("weights", "not recorded")
    sentence = f'{count(trained["epochs"], "epoch")} from weights "{weights}"'
    if "seed" in trained:
        sentence += f", seed {trained['seed']}"
    return sentence + (". The body was never thawed." if _stayed_frozen(meta) else ".")


def _stayed_frozen(meta: Meta) -> bool:
    """Tell whether the head alone learned.

    Only of a run of `train`, which records its seed: what the recipe says is how a Learner of
    one's own might have been trained.
    """
    settings = meta["recipe"].get("train") or {}
    return "seed" in meta["trained"] and settings.get("unfreeze") == "never"


def _metrics(meta: Meta) -> str:
    """List the recorded numbers."""
    lines = [f"- {name}: {words}" for name, words in _numbers(meta).items()]
    return "\n".join(lines) or "- none recorded; run `cxr evaluate`"


def _numbers(meta: Meta) -> dict[str, str]:
    """Return the recorded numbers by name, each with its interval where there is one."""
    intervals = meta["metrics"].get("valid_intervals") or {}
    known = {
        f"valid {key}": span(found, as_share=False, none="") for key, found in intervals.items()
    }
    numbers = {}
    for name, value in _scalars(meta["metrics"]):
        numbers[name] = with_span(value, known.get(name, ""))
    return numbers


def _scalars(
    metrics: dict[str, Any],
    path: str = "",  # the keys above these, each with a blank behind it
) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of all numbers and texts in nested records."""
    for key, value in metrics.items():
        name = f"{path}{key}"
        if isinstance(value, dict):
            yield from _scalars(value, f"{name} ")
        elif isinstance(value, float):
            yield name, f"{value:.4g}"
        elif isinstance(value, (int, str)):
            yield name, str(value)
