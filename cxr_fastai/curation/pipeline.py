"""The curation road: fetch, list, scan, find copies and conflicts, split, write. Reads sources, returns a Curation and
has one curated folder written. It changes nothing in a source.
"""

from __future__ import annotations

import html
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from cxr_fastai.catalog import Source, choose, depths, load_catalog
from cxr_fastai.core import (
    CxrError,
    IntegrityError,
    UnknownName,
    UsageError,
    package_file,
    sha256_file,
    unknown_name,
)
from cxr_fastai.curation.copies.copy_sets import (
    ON_CONFLICT,
    RELATED_COLUMNS,
    CopySet,
    ScannedImage,
    collect_copies,
    same_patient,
    unexpected_overlap,
)
from cxr_fastai.curation.copies.fingerprint import Unreadable
from cxr_fastai.curation.copies.links import Link, find_links
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.fetch import Fetched, fetch, first_at_hand, passed_over
from cxr_fastai.curation.folder.card import summary_table
from cxr_fastai.curation.folder.lock import one_run
from cxr_fastai.curation.folder.manifest_rows import quick_subset, record, reject
from cxr_fastai.curation.folder.ownership import check_out
from cxr_fastai.curation.folder.split import RULE as SPLIT_RULE
from cxr_fastai.curation.folder.split import TIE, Radiograph, assign_splits
from cxr_fastai.curation.folder.write import write_folder
from cxr_fastai.curation.sources.listing import Reject, list_source
from cxr_fastai.manifest import MANIFEST_VERSION, Record
from cxr_fastai.progress import SILENT
from cxr_fastai.recipes import Recipe, load_recipe, present

__all__ = ["curate", "Curation", "LAYOUTS"]

LAYOUTS = ("class", "split")
CONFLICT_WORDS = {
    "drop": "left out",
    "upstream": "settled by the original's label",
    "keep-both-out": "laid aside in conflicts/",
}
STRICT_STAGES = ("table", "label", "scan")  # what --strict counts: inputs that are broken,
# not inputs that are left out on purpose


@dataclass(repr=False)
class Curation:
    """What a curation found, and what it wrote."""

    out: Path
    recipe: Recipe
    records: list[Record]
    groups: list[CopySet]  # of two copies or more
    rejects: list[Reject]
    warnings: list[str]
    sources: list[Source]  # that were there
    failed: dict[str, CxrError]  # source id -> why it is absent; with any, the folder is incomplete
    notes: dict[str, int]  # a note of images.NOTES -> images of the folder that carry it
    noted: list[dict]  # rows of quality.csv
    versions: dict[str, dict]  # source id -> version, SHA-256 of its downloads
    written: int = 0  # files; 0: everything stood already
    removed: int = 0  # images of an earlier run that no longer belong
    foreign: list[str] = field(default_factory=list)  # files in the class folders that are not ours
    related: list[dict] = field(
        default_factory=list
    )  # rows of related.csv: exposures of one patient, most likely
    unexpected: list[dict] = field(
        default_factory=list
    )  # copies between sources that the catalogue does not link
    brightness: dict[str, float] = field(default_factory=dict)  # pixel_sha256 -> mean gray, 0-255
    on_conflict: str = "drop"

    @property
    def conflicts(self) -> list[CopySet]:
        return [g for g in self.groups if g.conflict]

    @property
    def incomplete(self) -> tuple[str, ...]:
        return tuple(self.failed)

    @property
    def faults(self) -> int:
        return sum(r.stage in STRICT_STAGES for r in self.rejects) + len(self.failed)

    def duplicates(self) -> dict[str, int]:
        """Copies left out, by kind, and how many of them came from another source than the kept one."""
        dup = [
            (g, m, c) for g in self.groups if g.is_included for m, c in list(zip(g.members, g.copies))[1:]
        ]
        kinds = Counter(c.kind for _, _, c in dup)
        across = sum(m.item.source != g.kept.item.source for g, m, _ in dup)
        return {
            **{kind: kinds[kind] for kind in ("bytes", "pixels", "near")},
            "across_sources": across,
        }

    def to_dict(self) -> dict:
        counts = Counter((c, r.source, r.split) for r in self.records for c in present(r.label))
        left = Counter((x.stage, x.reason) for x in self.rejects)
        return {
            "out": str(self.out),
            "recipe": self.recipe.name,
            "images": len(self.records),
            "counts": [
                {"class": c, "source": s, "split": p, "images": n}
                for (c, s, p), n in sorted(counts.items())
            ],
            "duplicates": self.duplicates(),
            "conflicts": len(self.conflicts),
            "on_conflict": self.on_conflict,
            "related": len(self.related),
            "unexpected": self.unexpected,
            "rejects": {f"{s}/{r}": n for (s, r), n in sorted(left.items())},
            "sources": [s.id for s in self.sources],
            "incomplete": {id: str(e) for id, e in self.failed.items()},
            "versions": self.versions,
            "notes": self.notes,
            "warnings": self.warnings,
            "foreign": self.foreign,
            "written": self.written,
            "removed": self.removed,
        }

    def __str__(self) -> str:
        d = self.duplicates()
        left = Counter((x.stage, x.reason) for x in self.rejects)
        copies = sum(v for k, v in d.items() if k != "across_sources")
        lines = [
            summary_table(self.records),
            "",
            f"copies left out: {copies} ({d['bytes']} equal bytes, {d['pixels']} equal pixels, {d['near']} "
            f"resized, cropped, turned or else; {d['across_sources']} across sources) -> duplicates.csv",
            f"label conflicts {CONFLICT_WORDS[self.on_conflict]}: {len(self.conflicts)} radiographs "
            "-> conflicts.csv",
            f"more exposures of one patient, by their look: {len(self.related)} pairs, "
            f"{sum(r['joined'] == 'yes' for r in self.related)} of them tied to one split -> related.csv",
            f"left out or not read: {len(self.rejects)} -> rejects.csv",
        ]
        lines += [f"    {n:6}  {stage}: {reason}" for (stage, reason), n in sorted(left.items())]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Curation of {len(self.records)} radiographs for recipe {self.recipe.name}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def curate(
    out,  # folder to write; absent, empty, or written by the same request before
    recipe="six_class",  # a recipe's name or file
    manifest=None,  # a catalogue like data_manifest.csv; None: the library's own
    mirror=None,  # folder that holds kaggle/, github/, http/, local/; None: download
    only=(),  # source ids; empty: the recipe's, or those that are on
    layout="class",  # class: CLASS/image | split: SPLIT/CLASS/image
    workers=None,  # processes; None: one a core
    quick=False,  # a balanced random subset: at most QUICK_PER_CLASS images a class
    seed=0,
    check=False,  # fetch, list, scan and decide, but write nothing
    strict=False,  # stop where a source cannot be had
    engine="local",  # local | ray
    wait=False,  # for another run in the same folder, instead of an error
    update_pins=False,  # accept downloads that differ from the lock file
    on_conflict="drop",  # copies with labels of two classes: drop | upstream: the original's label stands
    # | keep-both-out: laid aside in conflicts/, out of the class folders
    progress=None,  # an object with bar, meter and say, as the module cxr_fastai.progress; None: silence
) -> Curation:
    """Sources -> class folders and manifest.csv.
    Raises a `CxrError` for what a person can mend; the same input gives the same bytes.
    """
    if on_conflict not in ON_CONFLICT:
        raise UnknownName(unknown_name("on_conflict", on_conflict, ON_CONFLICT))
    if layout not in LAYOUTS:
        raise UnknownName(unknown_name("layout", layout, LAYOUTS))
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    catalog = load_catalog(manifest)
    out, beside = Path(out), Path(manifest).parent if manifest else Path()
    sources = choose(
        catalog, only, [] if only else _asked_of(recipe, catalog, manifest, mirror, beside)
    )
    request = dict(
        manifest_version=MANIFEST_VERSION,
        recipe=recipe.to_dict(),
        layout=layout,
        quick=bool(quick),
        seed=seed,
        on_conflict=on_conflict,
        split_rule=SPLIT_RULE,
    )
    check_out(out, request)
    with nullcontext() if check else one_run(out, wait, getattr(progress, "say", None)):
        check_out(out, request)  # again: another run may have written it meanwhile
        got = fetch(
            sources,
            None if check else out,
            mirror,
            beside,
            bool(only) or strict,
            update_pins,
            getattr(progress, "meter", None),
        )
        listings = _list(sources, got, bool(only) or strict)
        request["catalog_sha256"] = sha256_file(manifest or package_file("data_manifest.csv"))
        with open_engine(engine, workers) as crew:
            done, origins = _decide(out, listings, got, catalog, recipe, request, crew, progress)
            if not only:
                done.warnings += passed_over(recipe.sources, sources, catalog, mirror, beside)
            if not check:
                write_folder(done, request, origins, crew, getattr(progress, "bar", None))
    return done


def _asked_of(recipe: Recipe, catalog, manifest, mirror, beside) -> list[str]:
    """The sources that a recipe names, each of its a|b decided. Raises `UnknownName` for one that the catalogue lacks."""
    names = [id for either in recipe.sources for id in either.split("|")]
    if not manifest:
        names += recipe.exclude  # a catalogue of one's own need not have what is excluded
    if names:
        choose(catalog, names)
    return [first_at_hand(either, catalog, mirror, beside) for either in recipe.sources]


# ---- decide


def _list(sources, got: Fetched, must: bool) -> dict[str, tuple]:
    """Source id -> (Source, Listing); one whose files are not what the catalogue describes fails, and the others go on."""
    out = {}
    for s in sources:
        if s.id not in got.trees:
            continue
        try:
            out[s.id] = s, list_source(s, got.trees[s.id])
        except IntegrityError as e:
            got.failed[s.id] = e
            if must or len(sources) == 1:
                raise
    if not out:
        raise next(iter(got.failed.values()))
    return out


def _decide(out, listed, got: Fetched, catalog, recipe, request, engine, progress):
    """(Curation, origins): everything that is to be written, and nothing is.
    An origin is where the pixels of a pixel_sha256 are read again: (file, array).
    """
    present, listings = zip(*listed.values())
    rejects = [r for x in listings for r in x.rejects]
    warnings = [w for x in listings for w in x.warnings]
    items = [it for x in listings for it in x.items]
    silent = [it for it in items if not it.findings]
    rejects += [reject(it, "label", "no_finding_stated", _why_silent(it)) for it in silent]
    seen, links, bad = _look([it for it in items if it.findings], catalog, recipe, engine, progress)
    rejects += bad
    groups = collect_copies(seen, links, request["on_conflict"])
    related = same_patient(groups, links)
    split = assign_splits(
        _radiographs(groups, [link for link, joined in related if joined]), request["seed"]
    )
    records = []
    for g in groups:
        if not g.is_included:
            continue
        one = record(g, *split[g.kept.fingerprint.pixel_sha256], catalog, recipe, request["layout"])
        (records if isinstance(one, Record) else rejects).append(one)
    if request["quick"]:
        records, more = quick_subset(records, request["seed"])
        rejects += more
    records.sort(key=lambda r: r.path)
    rejects.sort(key=lambda r: (r.source, r.path, r.stage, r.reason))
    if not records:
        raise UsageError(_nothing(rejects, recipe))
    prints = {s.fingerprint.pixel_sha256: s for g in groups for s in reversed(g.members)}
    noted = [
        dict(path=r.path, source=r.source, original_path=r.original_path, notes="|".join(notes))
        for r in records
        if (notes := prints[r.pixel_sha256].fingerprint.notes)
    ]
    counts = Counter(n for row in noted for n in row["notes"].split("|"))
    done = Curation(
        out,
        recipe,
        records,
        [g for g in groups if len(g.members) > 1],
        rejects,
        warnings,
        list(present),
        got.failed,
        dict(sorted(counts.items())),
        noted,
        got.versions,
        related=_named(related, prints),
        on_conflict=request["on_conflict"],
        unexpected=unexpected_overlap(groups, _relation(catalog)),
        brightness={r.pixel_sha256: prints[r.pixel_sha256].fingerprint.brightness for r in records},
    )
    done.warnings[:] = [*_warn_failed(got), *warnings, *_warn(done, catalog)]
    return done, {sha: (s.item.file, s.item.array) for sha, s in prints.items()}


def _look(
    items, catalog, recipe, engine, progress
) -> tuple[list[ScannedImage], list[Link], list[Reject]]:
    """What was read, the links between different pixels, and what could not be read."""
    progress = progress or SILENT
    with ScanCache(progress) as cache:
        prints = scan(items, engine, cache, progress)
        read = [(it, p) for it, p in zip(items, prints) if not isinstance(p, Unreadable)]
        links = find_links([p for _, p in read], engine, cache, progress=progress)
    read = [(it, replace(p, sketch=b"")) for it, p in read]  # 11 kB each, and done with
    rank, stated = _ranker(catalog), {id: _stated(s) for id, s in catalog.items()}
    seen = [
        ScannedImage(
            it,
            p,
            *(said := recipe.label(it.source, it.findings, stated[it.source])),
            rank(it, p, said[0]),
        )
        for it, p in read
    ]
    return (
        seen,
        links,
        [
            reject(it, "scan", p.reason, p.message, p.sha256)
            for it, p in zip(items, prints)
            if isinstance(p, Unreadable)
        ],
    )


def _stated(source) -> set[str]:
    """All findings that a source's rules can give."""
    return {f for r in source.rules for f in r.findings.split("|") if f}


def _why_silent(it) -> str:
    return (
        f"the source says {it.source_label or 'nothing'!r}: {it.rule.notes or 'no known finding'}"
    )


def _nothing(rejects, recipe) -> str:
    common = Counter(r.reason for r in rejects).most_common(1)
    why = (
        f": {common[0][1]} files left out for {common[0][0]!r}"
        if common
        else ": the sources hold no images"
    )
    return (
        f"no image has a class of recipe {recipe.name}{why}. "
        "Check --only, --recipe and the catalogue's rules (cxr sources)."
    )


def _ranker(catalog):
    depth, order = depths(catalog), {id: i for i, id in enumerate(catalog)}
    return lambda it, p, label: (
        not label,
        depth[it.source],
        it.official != "test",
        -p.width * p.height,
        len(PurePosixPath(it.path).name),
        order[it.source],
        it.path,
    )


def _radiographs(groups: list[CopySet], related: list[Link]) -> list[Radiograph]:
    home = {m.fingerprint.pixel_sha256: g.id for g in groups for m in g.members}
    ties: dict[str, set] = {g.id: set() for g in groups}
    for link in related:
        for end in (link.a, link.b):
            ties[home[end]].add(f"{TIE}{link.a} {link.b}")
    return [_radiograph(g, ties[g.id]) for g in groups]


def _radiograph(g: CopySet, ties: set) -> Radiograph:
    links = {p for m in g.members for p in (*m.item.patients, m.item.radiograph) if p} | ties
    kept = g.kept.item
    said = kept.findings[0] if len(kept.findings) == 1 else "several"
    official = {m.item.official for m in g.members if m.item.official}
    return Radiograph(
        g.kept.fingerprint.pixel_sha256,
        frozenset(links),
        f"{kept.source}|{said}",
        kept.source,
        frozenset(official),
    )


def _named(related: list[tuple], prints) -> list[dict]:
    """Rows of related.csv."""

    def row(link, joined):
        one, other = prints[link.a].item, prints[link.b].item
        return dict(
            path=one.path,
            source=one.source,
            other_path=other.path,
            other_source=other.source,
            score=f"{link.score:.4g}",
            inliers=str(link.inliers),
            joined="yes" if joined else "no",
        )

    return sorted((row(*x) for x in related), key=lambda r: [r[c] for c in RELATED_COLUMNS])


def _relation(catalog):
    """(source, other) -> whether the graph lets one expect copies between them: an origin in common, or * for any."""

    def origins(id):
        return {id} | _ancestors(catalog, id)

    def expected(one, other):
        return ("*" in catalog[one].derived + catalog[other].derived) or bool(
            origins(one) & origins(other)
        )

    return lru_cache(maxsize=None)(expected)


def _warn_failed(got: Fetched) -> list[str]:
    return [f"incomplete: {error}" for error in got.failed.values()]


def _warn(done: Curation, catalog) -> list[str]:
    out = []
    have = {c for r in done.records for c in present(r.label)}
    for c in done.recipe.vocab:
        if c in have:
            continue
        givers = ", ".join(_givers(catalog, done.recipe, c)) or "none in the catalogue"
        out.append(f"no image for class {c}: sources that have it: {givers}")
    out += [
        f"unexpected overlap: {a} and {b} share {n} radiograph{'s' * (n != 1)}, and the catalogue does "
        "not link them"
        for (a, b), n in sorted(
            Counter(
                tuple(sorted((u["source"], u["other_source"]))) for u in done.unexpected
            ).items()
        )
    ]
    return out


def _ancestors(catalog, id) -> set:
    return {a for u in catalog[id].derived if u != "*" for a in ({u} | _ancestors(catalog, u))}


def _givers(catalog, recipe, label) -> list[str]:
    def gives(s, r):
        return label in present(recipe.label(s.id, r.findings.split("|") if r.findings else ())[0])

    return [s.id for s in catalog.values() if any(gives(s, r) for r in s.rules)]
