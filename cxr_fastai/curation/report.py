"""What a curation looks like to people: the summary table and the dataset card. Takes a Curation, returns text."""
from __future__ import annotations
from collections import Counter

from ..core import SPLITS

__all__ = ["summary_table", "dataset_card"]


def summary_rows(records)->list[tuple]:
    "(class, source, train, valid, test, all) sorted; then a row of totals."
    n = Counter((r.label, r.source, r.split) for r in records)
    rows = [(c, s, *(n[c, s, p] for p in SPLITS)) for c, s in sorted({(r.label, r.source) for r in records})]
    rows = [(*row, sum(row[2:])) for row in rows]
    return [*rows, ("all", "", *(sum(row[i] for row in rows) for i in range(2, 6)))]

HEADER = ("class", "source", *SPLITS, "all")

def summary_table(records)->str:
    "Class x source x split, aligned for a terminal."
    rows = [HEADER, *summary_rows(records)]
    wide = [max(len(str(r[i])) for r in rows) for i in range(len(HEADER))]
    def line(row):
        cells = (f"{v:<{w}}" if i < 2 else f"{v:>{w}}" for i, (v, w) in enumerate(zip(row, wide)))
        return "  ".join(cells).rstrip()
    return "\n".join(map(line, rows))

def markdown_table(header, rows)->str:
    cell = lambda v: str(v).replace("|", "\\|").replace("\n", " ")
    return "\n".join(["| " + " | ".join(map(cell, r)) + " |" for r in (header, ["---"] * len(header), *rows)])

def dataset_card(done)->str:
    "README.md of a curated folder: what is in it, from where, under which licence, and what to beware of."
    used = {r.source for r in done.records}
    sources = [s for s in done.sources if s.id in used]
    licences = [(s.id, s.title, s.licence, s.redistribute, s.citation, s.url) for s in sources]
    ages = Counter((r.label, next(s.age_group for s in sources if s.id == r.source) or "unknown") for r in done.records)
    d = done.duplicates()
    copies = f"{d['bytes'] + d['pixels']} exact copies ({d['bytes']} equal bytes, {d['pixels']} equal pixels)"
    return f"""# {done.recipe.title}

Curated by cxr_fastai for recipe `{done.recipe.name}`: {len(done.records)} radiographs. \
Research only, not a medical device.
Images are upright 8-bit gray PNG without metadata, named by the SHA-256 of their pixels; \
manifest.csv has a row for each.

## Images by class, source and split

{markdown_table(HEADER, summary_rows(done.records))}

{copies} are left out (duplicates.csv), {len(done.conflicts)} radiographs
whose copies have labels of two classes (conflicts.csv), and {len(done.rejects)} files or table rows \
for the reasons in rejects.csv.
No patient, and no radiograph, is in two splits. Official test sets are kept as test.

## Licences

{markdown_table(("source", "title", "licence", "may be shared on", "citation", "page"), licences)}

Sources marked `no` or `unknown` are curated for local use: do not publish their images.

## Beware

{_bullets([*_confounds(done, ages), *(w for w in done.warnings if 're-publishes' in w)])}
"""

def _confounds(done, ages)->list[str]:
    "Where the source, or the age group, gives the class away."
    out = []
    for c in sorted({r.label for r in done.records}):
        sources = {r.source for r in done.records if r.label == c}
        groups = {a for (label, a) in ages if label == c}
        if len(sources) == 1: out.append(f"Every image of class {c} comes from {sources.pop()}.")
        if groups == {"child"}:
            out.append(f"Every image of class {c} is of a child; a model may learn age instead of disease.")
    return out

def _bullets(lines)->str:
    nothing = "- Nothing found by these checks: no class of one source, no class of children only."
    return "\n".join(f"- {x}" for x in lines) or nothing
