"""Images that lie many in one file: rows of npz arrays, records of TFRecord shards. Reads such files by a source's
rules, yields Items and Rejects; decodes no image.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from cxr_fastai.catalog import Rule, Source, split_bar
from cxr_fastai.core import IntegrityError, one_line
from cxr_fastai.curation.sources.item import Item, Reject, findings_of, make_item, reject
from cxr_fastai.curation.sources.official_splits import official
from cxr_fastai.curation.sources.tfrecord import Fault, Feature, Place, Record, features, read_shard
from cxr_fastai.curation.sources.tree import Tree

__all__ = ["array_pairs", "shard_pairs"]

IMAGE, IMAGE_ID = (
    "image",
    "image_id",
)  # features of a record; those of its labels are the rules' label values
HOLDS = re.compile(
    r"-(\d+)\.tfrec(ord)?s?$"
)  # shards are often named by how many records they hold


# ---- arrays


def array_pairs(source: Source, tree: Tree, met: list[str]):
    """Items of PneumoniaMNIST-style files: arrays train_images, train_labels, val_..., test_...; any may be absent."""
    import numpy as np

    for path in met:
        try:
            npz = np.load(tree.file(path), allow_pickle=False)
        except Exception as e:  # zipfile, numpy and OS errors
            raise IntegrityError(
                f"{path} in {tree.where}: no readable npz file: {one_line(e)}. Fetch it again."
            ) from e
        for part, split in (("train", "train"), ("val", "valid"), ("test", "test")):
            if f"{part}_labels" not in npz or f"{part}_images" not in npz:
                continue
            for i, label in enumerate(npz[f"{part}_labels"].reshape(-1)):
                yield _array_item(source, tree.files[path], path, part, split, i, str(int(label)))


def _array_item(source, file, path, part, split, i, said) -> Item | Reject:
    at = f"{path}#{part}/{i}"
    for rule in source.rules:
        if rule.label_value == said:
            fixed = split if rule.split == "array" else ""
            return make_item(
                source,
                rule,
                file,
                at,
                (f"{part}_images", i),
                said,
                split_bar(rule.findings),
                [{"name": at, "stem": at}],
                fixed,
            )
    return reject(
        source, at, "label", "unknown_label", f"no rule of {source.id} for the label {said!r}"
    )


# ---- shards


class _Unfit(Exception):
    """A record that cannot be used: (stage, reason, why) of its Reject."""


def shard_pairs(source: Source, tree: Tree, met: list[str], lists: dict):
    """An Item or a Reject for each record. A record that is no use costs itself; one whose end cannot be found costs
    the rest of its shard.
    """
    for path in met:
        seen: set[str] = set()
        try:
            for x in read_shard(tree.files[path]):
                if isinstance(x, Fault):
                    yield _lost(source, path, x)
                else:
                    yield _shard_item(source, tree, path, x, lists, seen)
        except OSError as e:
            yield reject(source, path, "scan", "unreadable_shard", e.strerror or str(e))


def _lost(source: Source, path: str, fault: Fault) -> Reject:
    if not fault.last:
        return reject(
            source, f"{path}#{fault.number}", "scan", "damaged", f"{path}: {fault.message}"
        )
    m = HOLDS.search(path)
    known = m and int(m[1]) >= fault.number
    rest = (
        f"{int(m[1]) - fault.number + 1} of the {m[1]} records of its name"
        if known
        else "all records from there on"
    )
    return reject(
        source,
        path,
        "scan",
        "unreadable_shard",
        f"{path}: {fault.message}: {rest} are lost. Fetch it again",
    )


def _shard_item(
    source: Source, tree: Tree, path: str, record: Record, lists: dict, seen: set
) -> Item | Reject:
    name = ""
    try:
        have = _features(record)
        start, size = _one(have, IMAGE, "bytes")
        name = _name(record, have, seen)
        said = _said(source, have)
        rule, fields = _rule(source, said, name)
        findings = _findings(source, rule, said)
    except _Unfit as e:
        stage, reason, why = e.args
        why = f"{path}: record {record.number}: {why}"
        return reject(source, f"{path}#{name or record.number}", stage, reason, why)
    place = Place(record.number, record.start, len(record.data), record.checksum, start, size)
    return make_item(
        source,
        rule,
        tree.files[path],
        f"{path}#{name}",
        place,
        said,
        findings,
        [fields],
        official(source, rule, path, lists, name),
    )


def _features(record: Record) -> dict[str, Feature]:
    try:
        return features(record.data)
    except ValueError as e:
        raise _Unfit(
            "scan", "damaged", f"its checksum fits, but it is no tf.train.Example: {e}"
        ) from e


def _one(have: dict[str, Feature], name: str, kind: str):
    """The one value of a feature."""
    f = have.get(name)
    if not f:
        there = ", ".join(sorted(have)) or "none"
        raise _Unfit("label", "missing_feature", f"it has no feature {name!r}; it has {there}")
    if f.kind != kind or len(f.values) != 1:
        what = f"its feature {name!r} holds {len(f.values)} values of kind {f.kind or 'none'}"
        raise _Unfit("label", "missing_feature", f"{what}: expected one of kind {kind}")
    return f.values[0]


def _name(record: Record, have: dict[str, Feature], seen: set) -> str:
    """The image's id, a printable text that no record before had."""
    start, size = _one(have, IMAGE_ID, "bytes")
    raw = record.data[start : start + size]
    name = raw.decode(errors="replace")
    if not name or not name.isprintable() or name.encode() != raw:
        raise _Unfit("label", "bad_name", f"its {IMAGE_ID} is no text of one line: {raw[:40]!r}")
    if name in seen:
        raise _Unfit("label", "bad_name", f"its {IMAGE_ID} {name!r} is that of a record before it")
    seen.add(name)
    return name


def _said(source: Source, have: dict[str, Feature]) -> str:
    """The labels that are 1, in the order of the catalogue, joined by |."""
    labels = {r.label_value: _one(have, r.label_value, "int64") for r in source.rules}
    for label, value in labels.items():
        if value not in (0, 1):
            raise _Unfit(
                "label", "unknown_label", f"its label {label!r} is {value}: expected 0 or 1"
            )
    strange = [name for name, f in have.items() if f == ("int64", (1,)) and name not in labels]
    if strange:
        raise _Unfit(
            "label", "unknown_label", f"no rule of {source.id} for the label {strange[0]!r}"
        )
    said = [label for label, value in labels.items() if value]
    if not said:
        raise _Unfit("label", "unknown_label", f"none of its {len(labels)} labels is set")
    return "|".join(said)


def _rule(source: Source, said: str, name: str) -> tuple[Rule, dict]:
    """The rule of the first label that fits the name, and what templates may use."""
    rules = [r for r in source.rules if r.label_value == said.partition("|")[0]]
    for rule in rules:
        if m := re.search(rule.name_regex, name):
            groups = {k: v or "" for k, v in m.groupdict().items()}
            return rule, {**groups, "name": name, "stem": PurePosixPath(name).stem}
    raise _Unfit("label", "bad_name", f"its {IMAGE_ID} {name!r} does not fit {rules[0].name_regex}")


def _findings(source: Source, rule: Rule, said: str) -> tuple[str, ...]:
    findings = findings_of(source, rule, said)
    if "no_finding" in findings and len(findings) > 1:
        raise _Unfit(
            "label",
            "contradictory",
            f"its labels contradict each other: {said.replace('|', ' and ')}",
        )
    return findings
