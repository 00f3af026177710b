"""A bundle as it is to stand on the Hub: safetensors, ONNX and JSON, checked by their hashes.

A bundle's folder -> a Shipment. A pickle never goes, nor any file that is none of a bundle's. Sends
nothing, changes nothing here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.bundle.file_names import (
    BUNDLE_FILES,
    BUNDLE_JSON,
    EVALUATION,
    GATE,
    MODEL_CARD,
    MODEL_ONNX,
    TRAINED_ON,
    WEIGHTS,
)
from cxr_fastai.bundle.files import find_folder, is_onnx, read_bytes, read_meta
from cxr_fastai.bundle.gates import check_no_gate_file, read_gate
from cxr_fastai.bundle.meta import Meta
from cxr_fastai.bundle.model_card import LICENCE
from cxr_fastai.bundle.trained_on import read_names
from cxr_fastai.core import IntegrityError, UsageError, printable, sha256_file
from cxr_fastai.hub.heads import head_value, with_head
from cxr_fastai.hub.licences import check_licence
from cxr_fastai.hub.shipment import MODEL, LeftOut, Parcel, Shipment, of_bytes, of_file
from cxr_fastai.strict_json import parse_json

__all__ = ["bundle_shipment"]

# Why a file of a bundle's folder stays here.
REASONS = {
    "learner.pkl": "a pickle: loading it runs whatever code it holds",
    TRAINED_ON: "it names patients as their sources do, and images by hashes of their pixels; "
    f"{flag('trained_on', True)} sends it, so that others can leave out of a test what training "
    "saw",
}
NO_FILE_OF_A_BUNDLE = "it is none of a bundle's files"
STALE = f"{BUNDLE_JSON} does not name it: it is of another network"
# The beginning of a path that tells of a person or a machine: a home folder, a drive, a share.
PLACE = re.compile(
    r"(?:(?<![\w.])/(?:home|Users|root|mnt|media|srv|tmp|data|content)/"
    r"|(?<![A-Za-z])[A-Za-z]:[\\/](?!/)"
    r"|\\\\[A-Za-z])[^\s\"']+"
)
SHOWN_PLACES = 3


def bundle_shipment(
    path: Path,  # a bundle's folder, or a run's folder that holds it
    repo: str,  # OWNER/NAME
    licence: str = "",  # of the weights, as the Hub names it; '': what the card says
    trained_on: bool = False,  # send the list of what training saw
) -> Shipment:
    """Say what of a bundle goes to the Hub.

    Raises `UsageError` where there is no bundle, `IntegrityError` where a file is not what
    bundle.json says of it.
    """
    if is_onnx(path):
        raise UsageError(f"{path} is an exported network alone: give the bundle's folder.")
    folder = find_folder(path)
    meta = read_meta(folder / BUNDLE_JSON)
    _check_files(folder, meta)
    sends_names = trained_on and bool(meta["trained_on_sha256"])
    if sends_names:
        read_names(folder / TRAINED_ON, meta["trained_on_sha256"])
    card, said = _card(folder, licence)
    record = _record(folder, sends_names)
    left = _left_out(folder, meta, sends_names)
    skipped = {one.name for one in left}
    parcels: list[Parcel] = []
    for name in BUNDLE_FILES:
        if name == MODEL_CARD:
            parcels.append(of_bytes(name, card.encode()))
        elif name == BUNDLE_JSON:
            parcels.append(of_bytes(name, record))
        elif name not in skipped and (folder / name).is_file():
            parcels.append(of_file(name, folder / name))
    return Shipment(
        kind=MODEL,
        title=f"{meta['recipe']['name']}, {meta['arch']}, weights {meta['weights_sha256'][:12]}",
        repo=repo,
        parcels=tuple(parcels),
        left_out=left,
        licence=said or f"none stated: yours to write, {flag('licence', 'cc-by-4.0')}",
        changed=_changed(folder, record, sends_names, meta),
        beware=_places(record.decode(), card, _evaluation(folder)),
    )


# ---- checked


def _check_files(
    folder: Path,
    meta: Meta,
) -> None:
    """Raise `IntegrityError` for weights, gate or graph that bundle.json does not name so."""
    read_bytes(folder / WEIGHTS)  # says what to do where it is missing
    _check_hash(folder / WEIGHTS, meta["weights_sha256"])
    gate = read_gate(folder, meta)
    if gate is None:
        check_no_gate_file(folder)
    if "onnx" in meta:
        read_bytes(folder / MODEL_ONNX)
        _check_hash(folder / MODEL_ONNX, meta["onnx"]["sha256"])


def _check_hash(file: Path, expected: str) -> None:
    """Raise `IntegrityError` for a file of other bytes."""
    actual = sha256_file(file)
    if actual != expected:
        raise IntegrityError(
            f"{file}: SHA-256 is {actual}, {BUNDLE_JSON} says {expected}. The file was cut, "
            "damaged or replaced: copy the bundle again from where it was made."
        )


# ---- what is otherwise there


def _record(
    folder: Path,
    sends_names: bool,
) -> bytes:
    """Return bundle.json as it goes: without the list that stays here, and without places."""
    data = read_bytes(folder / BUNDLE_JSON)
    record: dict[str, Any] = parse_json(data)
    before = json.dumps(record)
    if not sends_names and record.get("trained_on_sha256"):
        record["trained_on_sha256"] = ""  # what training saw is then not known, and that is said
    settings = record.get("recipe", {}).get("train", {})
    if isinstance(settings, dict) and isinstance(settings.get("weights"), str):
        settings["weights"] = re.split(r"[\\/]", settings["weights"])[-1]
    if json.dumps(record) == before:
        return data
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _changed(
    folder: Path,
    record: bytes,
    sends_names: bool,
    meta: Meta,
) -> tuple[str, ...]:
    """Say how bundle.json differs from the one that lies here."""
    if record == read_bytes(folder / BUNDLE_JSON):
        return ()
    sentences = []
    if not sends_names and meta["trained_on_sha256"]:
        sentences.append(
            f"{BUNDLE_JSON} names no {TRAINED_ON}: whoever evaluates this copy is told that what "
            "training saw is not known"
        )
    named = meta["recipe"].get("train", {})
    if isinstance(named, dict) and named.get("weights") not in (None, _weights_of(record)):
        sentences.append(f"{BUNDLE_JSON} names the file of weights without its folder")
    return tuple(sentences)


def _weights_of(
    record: bytes,  # of bundle.json
) -> object:
    """Return the setting `weights` of a record's recipe."""
    recipe = parse_json(record).get("recipe", {})
    settings = recipe.get("train", {})
    return settings.get("weights")


def _card(
    folder: Path,
    licence: str,  # to be written into it; '': it stays as it is
) -> tuple[str, str]:
    """Return the card as it goes, and the licence that it states."""
    data = read_bytes(folder / MODEL_CARD)
    card = data.decode("utf-8", "replace")
    if not licence:
        return card, head_value(card, "license")
    check_licence(licence)
    card = with_head(card, {"license": licence})
    open_words = LICENCE.split(".")[0]
    card = card.replace(open_words, f"Licence of these weights: {licence}")
    return card, licence


def _left_out(
    folder: Path,
    meta: Meta,
    sends_names: bool,
) -> tuple[LeftOut, ...]:
    """Say what of the folder stays here, and why."""
    left = []
    for file in sorted(folder.iterdir()):
        name = file.name
        if name == TRAINED_ON and not sends_names:
            left.append(LeftOut(name, REASONS[name] if meta["trained_on_sha256"] else STALE))
        elif name == MODEL_ONNX and "onnx" not in meta or name == GATE and "gate" not in meta:
            left.append(LeftOut(name, STALE))
        elif name not in BUNDLE_FILES:
            why = REASONS["learner.pkl"] if file.suffix == ".pkl" else NO_FILE_OF_A_BUNDLE
            left.append(LeftOut(printable(name), why))
    return tuple(left)


def _evaluation(
    folder: Path,  # of the bundle
) -> str:
    """Return the numbers of an evaluation as text; '' where there are none."""
    file = folder / EVALUATION
    if not file.is_file():
        return ""
    return file.read_text(encoding="utf-8", errors="replace")


def _places(
    *texts: str,  # that are sent
) -> tuple[str, ...]:
    """Say which texts tell of a folder of this machine."""
    found = list(dict.fromkeys(_found_places(texts)))
    if not found:
        return ()
    some = [printable(place)[:80] for place in found[:SHOWN_PLACES]]
    sentence = f"what is sent names folders of a machine: {', '.join(some)}"
    return (sentence,)


def _found_places(texts: tuple[str, ...]) -> Iterator[str]:
    """Yield what looks like a path of a machine."""
    for text in texts:
        for place in PLACE.findall(text):
            yield place.rstrip("\".,;:)'`")
