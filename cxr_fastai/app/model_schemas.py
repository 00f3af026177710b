"""The schemas of GET /model: words for every key of model_facts.py.

Reads nothing, asks no model.
"""

from __future__ import annotations

from cxr_fastai.app.json_schema import Said, Schema, schema_of
from cxr_fastai.app.model_facts import (
    BundleFacts,
    ClassFacts,
    GateFacts,
    ModelFacts,
    Scores,
    WarningFacts,
)

__all__ = ["model_schemas"]

COUNT = {"minimum": 0}


def model_schemas() -> dict[str, Schema]:
    """Write the schemas, by name."""
    return {
        "ModelFacts": _model(),
        "BundleFacts": _bundle(),
        "ClassFacts": _class(),
        "GateFacts": _gate(),
        "WarningFacts": _warning(),
        "Scores": _scores(),
    }


def _model() -> Schema:
    """Describe what the server answers with."""
    said = {
        "task": Said("single_label: one class a film; multi_label: any number of findings"),
        "classes": Said("in the order of the probabilities", {"minItems": 1}),
        "gate": Said("what is asked before a film is answered"),
        "bundles": Said("that answer; several answer together", {"minItems": 1}),
        "notes": Said("how the answers are made, where that is particular"),
        "limits": Said("what the answers are not for"),
        "server": Said("limits of this server", each=COUNT),
        "version": Said("of cxr_fastai"),
    }
    return schema_of(ModelFacts, said, "What the server answers with.")


def _bundle() -> Schema:
    """Describe one bundle."""
    said = {
        "recipe": Said("the task that it was trained for"),
        "title": Said("the task's name for people"),
        "arch": Said("architecture of the network"),
        "size": Said("width and height of the network's input, px", {"minimum": 1}),
        "weights_sha256": Said("SHA-256 of the weights"),
        "manifest_sha256": Said("SHA-256 of the manifest of the films that it was trained on"),
        "runtime": Said("what computes it"),
        "trained": Said("how it was trained"),
        "thresholds": Said("least probability to answer a class", each={"minimum": 0}),
        "decision": Said("how it answers yes or no; empty: by the most probable class"),
        "warnings": Said("what training warned of"),
        "validation": Said("its scores on the films of validation"),
        "scores": Said("an evaluation of these weights; null where none lies beside them"),
    }
    return schema_of(BundleFacts, said, "One trained network, with all that makes an answer.")


def _class() -> Schema:
    """Describe one class."""
    said = {
        "name": Said("as answers spell it"),
        "display": Said("its name for people"),
        "means_nothing_found": Said("whether it is the class of films that show nothing"),
    }
    return schema_of(ClassFacts, said, "One class.")


def _gate() -> Schema:
    """Describe what is asked before a film is answered."""
    said = {
        "asked": Said("whether a picture must look like an upright frontal chest film"),
        "weak": Said("whether the gate was fitted on too few films to keep its promise"),
        "rights": Said("whether what looks turned or inverted is turned back"),
    }
    return schema_of(GateFacts, said, "Whether every picture is answered.")


def _warning() -> Schema:
    """Describe what training warned of."""
    said = {
        "kind": Said("for programs"),
        "says": Said("what it warned of"),
        "do": Said("what can be done about it"),
    }
    return schema_of(WarningFacts, said, "A warning of training.")


def _scores() -> Schema:
    """Describe an evaluation."""
    said = {
        "split": Said("the films that it was scored on"),
        "n": Said("how many films", COUNT),
        "groups": Said("how many patients, as far as they are known", COUNT),
        "metrics": Said("scores by name"),
        "intervals": Said("95 % intervals of the scores, least and greatest"),
        "floors": Said("what reaches as much without looking at lungs"),
    }
    return schema_of(Scores, said, "An evaluation of these weights.")
