"""What a curation looks like to people: the summary table and the dataset card. Takes a Curation, returns text; writes
nothing, and says no more than the records, the copies and the catalogue hold.
"""

from __future__ import annotations

from collections import Counter
from statistics import median

from cxr_fastai.cohort.wording import MIN_DOMINANT_SHARE as MOST
from cxr_fastai.cohort.counts import ADULT
from cxr_fastai.core import SPLITS
from cxr_fastai.recipes import present
from cxr_fastai.reporting.text import markdown_table, md
from cxr_fastai.reporting.text import share as percent

__all__ = ["summary_table", "dataset_card", "share_lines", "confounds"]

HEADER = ("class", "source", *SPLITS, "all")
UNSHARED = {"no": "not allowed"}  # what is said of a source that is not marked yes


# ---- tables


def summary_rows(records) -> list[tuple]:
    """(class, source, train, valid, test, all) sorted; then a row of totals."""
    n = Counter((c, r.source, r.split) for r in records for c in present(r.label))
    rows = [(c, s, *(n[c, s, p] for p in SPLITS)) for c, s in sorted({(c, s) for c, s, _ in n})]
    rows = [(*row, sum(row[2:])) for row in rows]
    images = Counter(r.split for r in records)  # of several classes an image counts once here
    return [*rows, ("all", "", *(images[p] for p in SPLITS), len(records))]


def summary_table(records) -> str:
    """Class x source x split, aligned for a terminal."""
    rows = [HEADER, *summary_rows(records)]
    wide = [max(len(str(r[i])) for r in rows) for i in range(len(HEADER))]

    def line(row):
        cells = (f"{v:<{w}}" if i < 2 else f"{v:>{w}}" for i, (v, w) in enumerate(zip(row, wide)))
        return "  ".join(cells).rstrip()

    return "\n".join(map(line, rows))


# ---- what the numbers say


def used_sources(done) -> list:
    """The sources that gave images, in catalogue order."""
    used = {r.source for r in done.records}
    return [s for s in done.sources if s.id in used]


def share_lines(done) -> list[str]:
    """The licence gate: how many images may be shared on, and which sources' must not be published."""
    images, sources = Counter(r.source for r in done.records), used_sources(done)
    free = [s.id for s in sources if s.redistribute == "yes"]
    shut = [
        f"{s.id} ({UNSHARED.get(s.redistribute, 'not known')})" for s in sources if s.id not in free
    ]
    n, total = sum(images[id] for id in free), len(done.records)
    lines = [
        f"{n} of {total} images come from sources that allow redistribution"
        f"{': ' + ', '.join(free) + '; each under its licence' if free else ''}."
    ]
    if shut:
        lines.append(f"For local use only, do not publish the images of: {', '.join(shut)}.")
    return lines


def incomplete_line(done) -> str:
    failed = [getattr(s, "id", s) for s in getattr(done, "incomplete", ()) or ()]
    return f"INCOMPLETE: these sources could not be fetched: {', '.join(failed)}." if failed else ""


def age_group(record, source) -> str:
    """child, adult or unknown: of the record's age where it has one, else as the catalogue says of the whole source."""
    if record.age:
        return "child" if float(record.age) < ADULT else "adult"
    return source.age_group if source.age_group in ("child", "adult") else "unknown"


def confounds(done) -> list[str]:
    """Where the source, or the age group, gives the class away, and what a class lacks."""
    by_id, out = {s.id: s for s in done.sources}, []
    for c in _classes(done):
        records = _of_class(done, c)
        source, n = _largest(r.source for r in records)
        child = sum(age_group(r, by_id[r.source]) == "child" for r in records)
        if n >= MOST * len(records):
            out.append(
                f"{_most(n, len(records))} of class {c} {_come(n, len(records))} from {source}: "
                "a model may learn the source instead of the disease."
            )
        if child >= MOST * len(records):
            out.append(
                f"{_most(child, len(records))} of class {c} {'is' if child == len(records) else 'are'} of "
                f"{'a child' if child == len(records) else 'children'}: "
                "a model may learn age instead of the disease."
            )
        none = [p for p in SPLITS if not any(r.split == p for r in records)]
        if none:
            out.append(f"Class {c} has no image in {' and '.join(none)}.")
    return out


def _most(n: int, of: int) -> str:
    return "Every image" if n == of else f"{percent(n, of)} ({n} of {of})"


def _come(n: int, of: int) -> str:
    return "comes" if n == of else "come"


def _classes(done) -> list[str]:
    return sorted({c for r in done.records for c in present(r.label)})


def _of_class(done, c: str) -> list:
    return [r for r in done.records if c in present(r.label)]


def _largest(names) -> tuple[str, int]:
    return min(Counter(names).items(), key=lambda x: (-x[1], x[0]))


# ---- the card


def dataset_card(done) -> str:
    """README.md of a curated folder: what is in it, from where, under which licence, and what to beware of."""
    parts = [
        md(incomplete_line(done)),
        f"# {md(done.recipe.title)}",
        f"{len(done.records)} radiographs, curated by cxr_fastai for recipe {md(done.recipe.name)}. "
        "Research only, not a medical device.\n"
        "Images are upright 8-bit gray PNG without metadata, named by the SHA-256 of their pixels; "
        "manifest.csv has a row for each, and croissant.json describes both to machines.",
        "## Images by class, source and split",
        markdown_table(HEADER, summary_rows(done.records)),
        _left_out(done),
        "## What may be shared",
        "\n".join(map(md, share_lines(done))),
        _licences(done),
        "## Copies and leakage",
        _leakage(done),
        "## Class and source",
        "The largest source of each class, and its share.",
        _shares(done),
        "## Patients, ages and views",
        _people(done),
        _views(done),
        *_quality(done),
        "## Beware",
        _bullets([*confounds(done), *_warned(done)]),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _left_out(done) -> str:
    n, how = (
        len(done.conflicts),
        {
            "upstream": "kept under the label of the nearest to the original",
            "keep-both-out": "laid aside in conflicts/",
        }.get(done.on_conflict, "left out"),
    )
    return (
        f"{n} radiographs whose copies have labels of two classes are {how} (conflicts.csv). Left out: "
        f"{len(done.rejects)} files or table rows for the reasons in rejects.csv."
    )


def _licences(done) -> str:
    images, fetched = Counter(r.source for r in done.records), getattr(done, "versions", None) or {}
    header = ("source", "images", "may be shared on", "licence", "title", "citation", "page")
    rows = [
        (
            s.id,
            images[s.id],
            s.redistribute or "unknown",
            s.licence or "none stated",
            s.title,
            s.citation,
            s.url,
        )
        for s in used_sources(done)
    ]
    if fetched:
        header, rows = (*header, "fetched"), [(*r, _version(fetched.get(r[0], ""))) for r in rows]
    return markdown_table(header, rows)


def _version(entry) -> str:
    """Version and hashes of a download, short: sources.lock.json has them whole."""
    if not isinstance(entry, dict):
        return str(entry)
    parts = [f"{p['name']} {p['sha256'][:12]}" for p in entry.get("parts", ())]
    files = ", ".join(parts) if len(parts) <= 2 else f"{len(parts)} files"
    return "; ".join(x for x in (entry.get("version", ""), files) if x)


def _leakage(done) -> str:
    d, sources = done.duplicates(), used_sources(done)
    tests = Counter(r.source for r in done.records if r.split == "test")
    official = [f"{s.id} ({tests[s.id]} images)" for s in sources if tests[s.id] and _official(s)]
    known = sum(bool(r.patient) for r in done.records)
    lines = [
        f"{d['bytes'] + d['pixels'] + d['near']} copies are left out (duplicates.csv): "
        f"{d['bytes']} of equal bytes, {d['pixels']} of equal pixels, {d['near']} resized, "
        "cropped, turned or otherwise altered; "
        f"{d['across_sources']} of them between two sources.",
        "No radiograph, and no patient that the sources name, is in two splits. The patient is known for "
        f"{known} of {len(done.records)} images ({percent(known, len(done.records))}); "
        "other exposures of the others may still meet across splits.",
        *_linked(done),
        *_exposures(done),
        f"Official test sets are kept as test: {', '.join(official)}."
        if official
        else "No source here has an official test set: the test images are drawn from all of them.",
    ]
    return "\n".join(f"- {md(x)}" for x in lines) + _republished(done, sources)


def _linked(done) -> list[str]:
    """Images that a patient or a declared identity ties to those of another source."""
    sources: dict = {}
    for r in done.records:
        sources.setdefault(r.group, set()).add(r.source)
    n = sum(len(sources[r.group]) > 1 for r in done.records)
    return (
        [
            f"{n} images share a patient or a declared radiograph with images of another source; they stand in one "
            "split with them."
        ]
        if n
        else []
    )


def _exposures(done) -> list[str]:
    n = len(done.related)
    return (
        [
            f"{n} pairs of images look like two exposures of one patient whom the sources do not name alike "
            "(related.csv); both are kept, in one split unless the source says that they are two people."
        ]
        if n
        else []
    )


def _official(source) -> bool:
    return any(r.split not in ("", "train") for r in source.rules)


def _republished(done, sources) -> str:
    """Which used source is known to copy which, how many copies were found, and those that nobody expects."""
    here = {s.id for s in sources}
    rows = [
        (
            s.id,
            ", ".join("any" if u == "*" else u for u in s.derived),
            ", ".join(u for u in s.derived if u in here) or "none",
            _copies(done, s.id),
        )
        for s in sources
        if s.derived
    ]
    header = (
        "source",
        "is known to re-publish",
        "of these in this folder",
        "copies shared with other sources",
    )
    known = "\n\n" + markdown_table(header, rows) if rows else ""
    odd = sorted(
        Counter(tuple(sorted((u["source"], u["other_source"]))) for u in done.unexpected).items()
    )
    if not odd:
        return known
    table = markdown_table(
        ("source", "and", "radiographs in both"), [(*pair, n) for pair, n in odd]
    )
    said = (
        "Unexpected overlap: copies between sources that the catalogue does not link (report.html)."
    )
    return f"{known}\n\n{said}\n\n{table}"


def _copies(done, id: str) -> int:
    """Copies left out that link this source with another one."""
    pairs = [
        (g.kept.item.source, m.item.source) for g in done.groups if g.whole for m in g.members[1:]
    ]
    return sum(id in p and p[0] != p[1] for p in pairs)


def _shares(done) -> str:
    rows = []
    for c in _classes(done):
        records = _of_class(done, c)
        top, n = _largest(r.source for r in records)
        rows.append(
            (c, top, percent(n, len(records)), *(_share_in(records, p, top) for p in SPLITS))
        )
    return markdown_table(("class", "largest source", "of all", *(f"of {p}" for p in SPLITS)), rows)


def _share_in(records, split: str, top: str) -> str:
    """The largest source's share of a split; its name too where that is not the class's largest."""
    sources = [r.source for r in records if r.split == split]
    if not sources:
        return "no image"
    name, n = _largest(sources)
    return (
        percent(n, len(sources))
        if name == top or sources.count(top) == n
        else f"{percent(n, len(sources))} {name}"
    )


def _people(done) -> str:
    by_id, rows = {s.id: s for s in done.sources}, []
    for c in _classes(done):
        records = _of_class(done, c)
        group = Counter(age_group(r, by_id[r.source]) for r in records)
        patients = {r.patient for r in records if r.patient}
        rows.append(
            (
                c,
                len(records),
                sum(bool(r.patient) for r in records),
                len(patients),
                group["child"],
                group["adult"],
                group["unknown"],
                *_ages(records),
            )
        )
    header = (
        "class",
        "images",
        "patient known",
        "patients",
        "of children",
        "of adults",
        "age group unknown",
        "age given",
        "age, median (range)",
    )
    said = f"Children are under {ADULT}, by the age given, else as the catalogue says of the whole source."
    return f"{said}\n\n{markdown_table(header, rows)}"


def _ages(records) -> tuple[int, str]:
    ages = [float(r.age) for r in records if r.age]
    return len(ages), f"{median(ages):g} ({min(ages):g} to {max(ages):g})" if ages else "none"


def _views(done) -> str:
    n = Counter((c, r.view) for r in done.records for c in present(r.label))
    views = sorted(
        {r.view for r in done.records if r.view},
        key=lambda v: (v not in ("PA", "AP"), v != "PA", v),
    )
    if len(views) > 6:
        views = [v for v in views if v in ("PA", "AP", "L")]  # the rest is counted as other
    rows = []
    for c in _classes(done):
        of = [n[c, v] for v in views]
        rest = sum(k for (label, view), k in n.items() if label == c and view and view not in views)
        rows.append((c, *of, rest, n[c, ""]))
    return markdown_table(
        ("class", *(f"view {v}" for v in views), "other views", "view unknown"), rows
    )


def _quality(done) -> list[str]:
    notes = getattr(done, "notes", None) or {}
    rows = sorted(notes.items(), key=lambda x: (-x[1], x[0]))
    return ["## Image quality", markdown_table(("note", "images"), rows)] if rows else []


def _warned(done) -> list[str]:
    return [w for w in done.warnings if w.startswith(("no image for class", "unexpected overlap"))]


def _bullets(lines) -> str:
    nothing = [
        "Nothing found by these checks: no class of nearly one source, none of nearly children only."
    ]
    return "\n".join(f"- {md(x)}" for x in lines or nothing)
