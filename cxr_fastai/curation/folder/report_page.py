"""What a curation and its copies look like: pages of one file, with thumbnails. Takes a Curation, or DuplicateGroups,
returns html that fetches nothing and runs nothing; writes no file, and an image that is gone costs a thumbnail only.
"""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.copies.copy_sets import ASIDE
from cxr_fastai.curation.copies.fingerprint import pixel_sha256, source_bytes
from cxr_fastai.curation.folder.card import (
    HEADER,
    confounds,
    incomplete_line,
    share_lines,
    summary_rows,
)
from cxr_fastai.images import REASONS, read
from cxr_fastai.recipes import present
from cxr_fastai.reporting.html import render

__all__ = ["report_page", "gallery_page"]

SIDE, QUALITY = 128, 70  # px, the longer side of a thumbnail; of its JPEG
GROUPS, GALLERY, MEMBERS = (
    60,
    200,
    6,
)  # groups shown of a curation, in a gallery; radiographs of a group
PAIRS, ROWS, EXAMPLES = 40, 40, 3  # unexpected copies; rows of long tables; files of a reason
OPEN = 12  # groups that stand open; the others fold
KINDS = {"bytes": "equal bytes", "pixels": "equal pixels", "near": "near"}
MEANINGS = {
    "bytes": "The same file.",
    "pixels": "Another file, the same pixels.",
    "near": "The same radiograph, resized, cropped, turned, mirrored, inverted or compressed again.",
}


# ---- pages


def report_page(
    done,  # pipeline.Curation
) -> str:  # html, a whole page
    """report.html of a curation: its numbers, what to beware of, and its copies side by side."""
    plain, thumbs = [g for g in done.groups if not g.conflict], Thumbnails()
    warnings = [w for w in done.warnings if not w.startswith("incomplete:")]  # the banner has those
    view = dict(
        title=done.recipe.title,
        recipe=done.recipe.name,
        images=len(done.records),
        used=len({r.source for r in done.records}),
        banner=incomplete_line(done),
        failed=list(done.failed.values()),
        header=HEADER,
        counts=summary_rows(done.records),
        shares=share_lines(done),
        beware=[*confounds(done), *warnings],
        looks=_looks(done),
        tally=done.duplicates(),
        meanings=MEANINGS,
        between=_between(g for g in done.groups if g.whole),
        copies=_shown(plain, GROUPS, thumbs),
        unexpected=_unexpected(done, thumbs),
        conflicts=_shown(done.conflicts, GROUPS, thumbs),
        conflicts_kept=sum(g.whole for g in done.conflicts),
        aside=ASIDE if getattr(done, "on_conflict", "") == "keep-both-out" else "",
        related=_related(done),
        n_related=len(done.related),
        rejects=_rejects(done.rejects),
        n_rejects=len(done.rejects),
    )
    return render("curation/folder", "report.html", open=OPEN, **view)


def gallery_page(
    groups,  # DuplicateGroups; those of one member are left out
    title: str,
    note: str = "",  # a sentence or two under the title
    against=None,  # what the images were compared with, in words, if not with one another
) -> str:  # html, a whole page
    """gallery.html of any groups: what each holds, what was kept, how the copies differ."""
    groups = [g for g in groups if len(g.members) > 1]
    kinds = Counter(c.kind for g in groups for c in g.copies[1:])
    view = dict(
        title=title,
        note=note,
        against="" if against is None else against,
        groups=_shown(groups, GALLERY),
        images=sum(len(g.members) for g in groups),
        copies=kinds.total(),
        kinds=[(words, kinds[k]) for k, words in KINDS.items() if kinds[k]],
        across=sum(map(_across, groups)),
        conflicts=sum(g.conflict for g in groups),
    )
    return render("curation/copies", "gallery.html", open=OPEN, **view)


# ---- thumbnails


class Thumbnails:
    """seen -> what a page shows of it. No pixels are decoded twice, and no failure leaves it."""

    def __init__(self):
        self.uris, self.failed = {}, {}

    def __call__(self, seen) -> dict:
        """`uri`, or '' and `why`; width and height to show it at, px."""
        p, place = seen.fingerprint, (seen.item.file, seen.item.array)
        if p.pixel_sha256 not in self.uris and place not in self.failed:
            try:
                self.uris[p.pixel_sha256] = _data_uri(*place, p.pixel_sha256)
            except Exception as e:
                self.failed[place] = _why(e)  # files, archives and decoders fail in many ways
        uri, scale = self.uris.get(p.pixel_sha256, ""), SIDE / max(p.width, p.height, 1)
        return dict(
            uri=uri,
            why="" if uri else self.failed[place],
            width=max(round(p.width * scale), 1),
            height=max(round(p.height * scale), 1),
        )


def _data_uri(file, array, sha: str) -> str:
    """A small JPEG of the pixels whose hash is `sha`; anything else that the file holds by now is refused."""
    pixels = read(source_bytes(file, array)).pixels
    if pixel_sha256(pixels) != sha:
        raise ImageRejected("changed", "other pixels than those that were compared")
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    image.save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _why(e: Exception) -> str:
    if isinstance(e, FileNotFoundError):
        return "the file is gone"
    if isinstance(e, ImageRejected) and e.reason == "changed":
        return "the file has changed since"
    if isinstance(e, ImageRejected) and e.reason in REASONS:
        return REASONS[e.reason].rstrip(".")
    return "it cannot be read any more"


# ---- groups


@dataclass(frozen=True)
class Shown:
    """The groups that a page shows, and of how many."""

    cards: list[dict]
    total: int


def _shown(groups, most: int, thumbs=None) -> Shown:
    """Groups across sources, near copies and many kinds first; each sort has its turn before one has a second."""
    chosen, thumbs = _varied(sorted(groups, key=_first), most, _sort), thumbs or Thumbnails()
    return Shown([_card(g, thumbs) for g in chosen], len(groups))


def _first(g) -> tuple:
    """The doubtful before the sure: the lower score goes first."""
    kinds = {c.kind for c in g.copies[1:]}
    return not _across(g), "near" not in kinds, -len(kinds), min(c.score for c in g.copies), g.id


def _sort(g) -> tuple:
    """What makes groups alike: kinds, sources, labels, and what was done to the copies, without its numbers."""
    words = {w for c in g.copies for w in re.findall("[a-z]{3,}", c.transform)}
    return tuple(tuple(sorted(x)) for x in (_kinds(g), _sources(g), g.labels, words))


def _varied(things, most: int, sort) -> list:
    """At most `most` of `things`, in their order; a second of one sort only after the first of every other."""
    turns, ranked = Counter(), []
    for i, x in enumerate(things):
        ranked.append((turns[sort(x)], i))
        turns[sort(x)] += 1
    return [things[i] for i in sorted(i for _, i in sorted(ranked)[:most])]


def _kinds(g) -> set:
    return {c.kind for c in g.copies[1:]}


def _sources(g) -> set:
    return {m.item.source for m in g.members}


def _across(g) -> bool:
    return len(_sources(g)) > 1


def _card(g, thumbs) -> dict:
    """A group as the templates take it."""
    members = list(zip(g.members, g.copies))
    shown = _varied(members, MEMBERS, lambda x: (x[1].kind, x[0].item.source, x[0].label))
    shots = [_shot(m, thumbs, copy, m is g.kept and g.whole, m is g.kept) for m, copy in shown]
    return dict(
        id=g.id,
        labels=g.labels,
        conflict=g.conflict,
        sources=sorted(_sources(g)),
        shots=shots,
        more=len(members) - len(shots),
    )


def _shot(m, thumbs, copy=None, kept=False, first=False) -> dict:
    """One radiograph of a group or pair."""
    badge = (
        "kept"
        if kept
        else "reference"
        if first
        else KINDS.get(copy.kind, copy.kind)
        if copy
        else ""
    )
    score = (
        f"{copy.score:.2f}" if copy and not first and copy.kind not in ("bytes", "pixels") else ""
    )
    return dict(
        thumb=thumbs(m),
        source=m.item.source,
        path=m.item.path,
        label=m.label,
        said=m.item.source_label,
        size=f"{m.fingerprint.width} x {m.fingerprint.height}",
        badge=badge,
        kept=kept,
        score=score,
        transform="" if first or not copy else copy.transform,
    )


def _between(groups) -> list[tuple]:
    """(kept source, copied in, bytes, pixels, near, all), the commonest pair first."""
    n = Counter(
        (g.kept.item.source, m.item.source, c.kind)
        for g in groups
        for m, c in zip(g.members[1:], g.copies[1:])
    )
    rows = [(a, b, *(n[a, b, k] for k in KINDS)) for a, b in sorted({(a, b) for a, b, _ in n})]
    return sorted([(*r, sum(r[2:])) for r in rows], key=lambda r: (-r[-1], r))[:ROWS]


def _unexpected(done, thumbs) -> dict:
    """Copies between sources that the catalogue does not link: how many between which, and some of them."""
    rows = sorted(
        done.unexpected, key=lambda r: (r["source"], r["other_source"], r["path"], r["other_path"])
    )

    def pair(r):
        return tuple(sorted((r["source"], r["other_source"])))

    count, chosen = Counter(map(pair, rows)), _varied(rows, PAIRS, pair)
    wanted = {
        (r[s], r[p])
        for r in chosen
        for s, p in (("source", "path"), ("other_source", "other_path"))
    }
    found = {
        k: m
        for g in done.groups
        for m in g.members
        if (k := (m.item.source, m.item.path)) in wanted
    }

    def side(source, path):
        if m := found.get((source, path)):
            return _shot(m, thumbs)
        return dict(
            thumb=dict(uri="", why="not among the groups", width=SIDE, height=SIDE),
            source=source,
            path=path,
            label="",
            said="",
            size="",
            badge="",
            kept=False,
            score="",
            transform="",
        )

    cards = [
        dict(
            id=r["group"],
            score=f"{float(r['score']):.2f}",
            transform=r["transform"],
            shots=[side(r["source"], r["path"]), side(r["other_source"], r["other_path"])],
        )
        for r in chosen
    ]
    return dict(
        cards=cards,
        total=len(rows),
        pairs=sorted(count.items(), key=lambda x: (-x[1], x[0]))[:ROWS],
    )


# ---- other exposures, rejects


def _related(done) -> list[dict]:
    """The rows of highest score; a side is (path, source, label), and the split is that of the kept copy."""

    def order(r):
        return -float(r["score"]), r["source"], r["path"], r["other_source"], r["other_path"]

    rows = sorted(done.related, key=order)[:ROWS]
    sides = [((r["source"], r["path"]), (r["other_source"], r["other_path"])) for r in rows]
    wanted, splits = (
        {x for pair in sides for x in pair},
        {r.pixel_sha256: r.split for r in done.records},
    )
    known = {
        k: (m.label, splits.get(g.kept.fingerprint.pixel_sha256, ""))
        for g in done.groups
        for m in g.members
        if (k := (m.item.source, m.item.path)) in wanted
    }
    known |= {
        k: (r.label, r.split) for r in done.records if (k := (r.source, r.original_path)) in wanted
    }

    def split(pair):
        return " and ".join(sorted({known.get(x, ("", ""))[1] for x in pair} - {""}))

    return [
        dict(
            score=f"{float(r['score']):.2f}",
            split=split(pair),
            sides=[(path, source, known.get((source, path), ("",))[0]) for source, path in pair],
        )
        for r, pair in zip(rows, sides)
    ]


def _rejects(rejects) -> list[tuple]:
    """(stage, reason, number, examples), by stage, the commonest first; examples are of as many sources as can be."""
    by: dict = {}
    for r in rejects:
        by.setdefault((r.stage, r.reason), []).append(r)

    def words(r):
        return (
            r.message
            if r.message.startswith(r.path)
            else ": ".join(filter(None, (r.path, r.message)))
        )

    return [
        (
            *key,
            len(some),
            [(r.source, words(r)) for r in _varied(some, EXAMPLES, lambda r: r.source)],
        )
        for key, some in sorted(by.items(), key=lambda x: (x[0][0], -len(x[1]), x[0][1]))
    ]


# ---- how the classes look


def _looks(done) -> dict:
    """Size and brightness of each class, in words and as what a box plot needs; brightness only where it was measured."""
    light, by = getattr(done, "brightness", None) or {}, {}
    for r in done.records:
        for c in present(r.label):
            by.setdefault(c, []).append(r)
    top = max((max(int(r.width), int(r.height)) for r in done.records), default=1)
    rows = [_look(label, of, top, light) for label, of in sorted(by.items())]
    middles = sorted((x["light"]["middle"], x["label"]) for x in rows if x["light"])
    apart = middles[-1][0] - middles[0][0] if len(middles) > 1 else None
    return dict(rows=rows, top=top, measured=bool(middles), apart=apart, middles=middles)


def _look(label: str, records: list, top: int, light: dict) -> dict:
    pairs = sorted(
        ((int(r.width), int(r.height)) for r in records), key=lambda wh: (wh[0] * wh[1], wh)
    )
    least, middle, most = (
        f"{w} x {h}" for w, h in (pairs[0], pairs[(len(pairs) - 1) // 2], pairs[-1])
    )
    gray = [light[r.pixel_sha256] for r in records if r.pixel_sha256 in light]
    return dict(
        label=label,
        n=len(records),
        middle=middle,
        least=least,
        most=most,
        size=_box([max(wh) for wh in pairs], top, "px"),
        light=_box(gray, 255, "gray") if gray else None,
    )


def _box(values, top: float, unit: str) -> dict:
    """Least, quartiles and greatest, as percent of `top` and in words."""
    five = np.percentile(values, (0, 25, 50, 75, 100))
    least, low, middle, high, most = (f"{v:.0f}" for v in five)
    words = f"median {middle} {unit}, half of them {low} to {high}, range {least} to {most}"
    at = [100 * v / top for v in five]
    return dict(
        at=[f"{x:.1f}" for x in at],
        width=f"{at[3] - at[1]:.1f}",
        words=words,
        middle=round(float(five[2])),
        least=least,
        most=most,
    )
