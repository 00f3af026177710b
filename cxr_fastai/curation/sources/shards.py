"""Images that lie in TFRecord shards, many in one file, each with its name and labels beside it.

A source's shards -> an Item or a Reject for each record. It decodes no image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from cxr_fastai.catalog import Rule, Source
from cxr_fastai.csv_cells import nfc
from cxr_fastai.curation.sources.item import (
    Fields,
    Item,
    Reject,
    check_templates,
    findings_of,
    make_item,
    reject_file,
)
from cxr_fastai.curation.sources.official_splits import Lists, official_split
from cxr_fastai.curation.sources.tfrecord import (
    Example,
    Fault,
    Feature,
    Place,
    feature_map,
    read_shard,
)
from cxr_fastai.curation.sources.tree import Tree

__all__ = ["list_shards"]

# Features of every record; those of its labels are the rules' label values.
IMAGE = "image"
IMAGE_ID = "image_id"
# Shards are often named by how many records they hold.
RECORDS_IN_NAME = re.compile(r"-(\d+)\.tfrec(ord)?s?$")


class _Unusable(Exception):
    """A record that cannot be used, and why: what its Reject says."""

    def __init__(
        self,
        stage: str,
        reason: str,
        why: str,  # for people
    ):
        """Keep the cells of a Reject."""
        super().__init__(why)
        self.stage = stage
        self.reason = reason
        self.why = why


def list_shards(
    source: Source,
    tree: Tree,  # its files
    paths: list[str],  # of the shards
    lists: dict[str, Lists],  # cell of column split -> the lists it names
) -> Iterator[Item | Reject]:
    """Yield an Item or a Reject for each record of the shards at `paths`.

    A record that cannot be used costs itself. One whose end cannot be found costs the rest of its
    shard. Raises `CatalogError` for a template that names no group of the name.
    """
    for rule in source.rules:
        check_templates(rule, [*re.compile(rule.name_regex).groupindex, "name", "stem"])
    for path in paths:
        names: set[str] = set()  # of the records so far
        try:
            for example in read_shard(tree.files[path]):
                if isinstance(example, Fault):
                    yield _lost(source, path, example)
                else:
                    yield _shard_item(source, tree, path, example, lists, names)
        except OSError as e:
            message = e.strerror or str(e)
            yield reject_file(source.id, path, "scan", "unreadable_shard", message)


def _lost(
    source: Source,
    path: str,  # of the shard
    fault: Fault,
) -> Reject:
    """Say what a fault costs: one record, or all from there on.

    How many records are lost is told where the shard's name says how many it holds.
    """
    message = f"{path}: {fault.message}"
    if not fault.last:
        return reject_file(source.id, f"{path}#{fault.number}", "scan", "damaged", message)
    rest = "all records from there on"
    named = RECORDS_IN_NAME.search(path)
    if named and int(named[1]) >= fault.number:
        rest = f"{int(named[1]) - fault.number + 1} of the {named[1]} records of its name"
    message = f"{message}: {rest} are lost. Fetch it again"
    return reject_file(source.id, path, "scan", "unreadable_shard", message)


def _shard_item(
    source: Source,
    tree: Tree,  # its files
    path: str,  # of the shard
    example: Example,
    lists: dict[str, Lists],  # cell of column split -> the lists it names
    names: set[str],  # of the records before it
) -> Item | Reject:
    """Make the Item of one record, or the Reject that says why it cannot be used."""
    name = ""
    try:
        features = _features(example)
        start, size = _only_value(features, IMAGE, "bytes")
        name = _name(example, features, names)
        label = _label(source, features)
        rule, fields = _rule(source, label, name)
        findings = _findings(source, rule, label)
    except _Unusable as e:
        why = f"{path}: record {example.number}: {e.why}"
        return reject_file(source.id, f"{path}#{name or example.number}", e.stage, e.reason, why)
    place = Place(
        number=example.number,
        start=example.start,
        length=len(example.data),
        checksum=example.checksum,
        image=start,
        size=size,
    )
    return make_item(
        source=source,
        rule=rule,
        file=tree.files[path],
        path=f"{path}#{name}",
        array=place,
        label=label,
        findings=findings,
        fields=[fields],
        official=official_split(source, rule, path, lists, name),
    )


def _features(example: Example) -> dict[str, Feature]:
    """Return the record's features. Raises `_Unusable` where it has none to be read."""
    try:
        features = feature_map(example.data)
    except ValueError as e:
        why = f"its checksum fits, but it is no tf.train.Example: {e}"
        raise _Unusable("scan", "damaged", why) from e
    return {nfc(name): feature for name, feature in features.items()}


def _only_value(
    features: dict[str, Feature],  # of one record
    name: str,  # of the feature
    kind: str,  # bytes | float | int64
) -> Any:
    """Return the one value of a feature: a number, or (start, size) of bytes.

    Raises `_Unusable` where the feature is missing, of another kind, or has not one value.
    """
    feature = features.get(name)
    if not feature:
        others = ", ".join(sorted(features)) or "none"
        why = f"it has no feature {name!r}; it has {others}"
        raise _Unusable("label", "missing_feature", why)
    if feature.kind != kind or len(feature.values) != 1:
        holds = f"{len(feature.values)} values of kind {feature.kind or 'none'}"
        why = f"its feature {name!r} holds {holds}: expected one of kind {kind}"
        raise _Unusable("label", "missing_feature", why)
    return feature.values[0]


def _name(
    example: Example,
    features: dict[str, Feature],  # of one record
    names: set[str],  # of the records before it
) -> str:
    """Return the image's id, a printable text that no record before had.

    Raises `_Unusable` for any other. The name is then taken.
    """
    start, size = _only_value(features, IMAGE_ID, "bytes")
    raw = example.data[start : start + size]
    name = raw.decode(errors="replace")
    if not name or not name.isprintable() or name.encode() != raw:
        why = f"its {IMAGE_ID} is no text of one line: {raw[:40]!r}"
        raise _Unusable("label", "bad_name", why)
    if name in names:
        why = f"its {IMAGE_ID} {name!r} is that of a record before it"
        raise _Unusable("label", "bad_name", why)
    names.add(name)
    return name


def _label(
    source: Source,
    features: dict[str, Feature],  # of one record
) -> str:
    """Return the labels that are 1, in the order of the catalogue, joined by |.

    Raises `_Unusable` for a label that is neither 0 nor 1, for one that no rule has, and where none
    is set.
    """
    values = {r.label_value: _only_value(features, r.label_value, "int64") for r in source.rules}
    for label, value in values.items():
        if value not in (0, 1):
            why = f"its label {label!r} is {value}: expected 0 or 1"
            raise _Unusable("label", "unknown_label", why)
    for name, feature in features.items():
        if name not in values and feature == Feature("int64", (1,)):
            why = f"no rule of {source.id} for the label {name!r}"
            raise _Unusable("label", "unknown_label", why)
    labels = [label for label, value in values.items() if value]
    if not labels:
        raise _Unusable("label", "unknown_label", f"none of its {len(values)} labels is set")
    return "|".join(labels)


def _rule(
    source: Source,
    label: str,  # labels joined by |
    name: str,  # of the image
) -> tuple[Rule, Fields]:
    """Return the rule of the first label that fits the name, and what templates may use.

    Raises `_Unusable` where the name fits none of its rules.
    """
    first = label.partition("|")[0]
    rules = [rule for rule in source.rules if rule.label_value == first]
    for rule in rules:
        found = re.search(rule.name_regex, name)
        if found:
            groups = {key: part or "" for key, part in found.groupdict().items()}
            return rule, {**groups, "name": name, "stem": PurePosixPath(name).stem}
    why = f"its {IMAGE_ID} {name!r} does not fit {rules[0].name_regex}"
    raise _Unusable("label", "bad_name", why)


def _findings(
    source: Source,
    rule: Rule,
    label: str,  # labels joined by |
) -> tuple[str, ...]:
    """Return the findings of the labels.

    Raises `_Unusable` where one of them says that nothing was found and another what was.
    """
    findings = findings_of(source, rule, label) or ()
    if "no_finding" in findings and len(findings) > 1:
        labels = label.replace("|", " and ")
        raise _Unusable("label", "contradictory", f"its labels contradict each other: {labels}")
    return findings
