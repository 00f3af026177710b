"""What a curated folder holds, before anything is trained on it. Reads a folder that `cxr curate` wrote, returns an
Exploration and, where a folder is given, writes eda.html and eda.json there. Never changes the curated folder, and
never shows an image of valid or test unless that split is asked for.
"""

from __future__ import annotations

import base64
import html
import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill

from joblib import cpu_count
from PIL import Image

from cxr_fastai import images
from cxr_fastai.catalog import load_catalog
from cxr_fastai.cohort.attributes import score_attributes
from cxr_fastai.cohort.confounds import find_confounds
from cxr_fastai.cohort.source_confounds import cohort_floors
from cxr_fastai.cohort.wording import MIN_IMAGES_PER_CLASS, MIN_TELLING_AUROC
from cxr_fastai.cohort.counts import (
    ADULT,
    AGE_GROUPS,
    SAMPLE,
    Cohort,
    class_counts,
    finding_counts,
    gather,
    patient_counts,
    sampled,
    source_counts,
    tally,
)
from cxr_fastai.core import (
    SPLITS,
    ImageRejected,
    IntegrityError,
    UnknownName,
    make_folder,
    printable,
    sha256_text,
    unknown_name,
    write_json,
    write_text,
)
from cxr_fastai.manifest import Record, read_manifest
from cxr_fastai.recipes import NONE
from cxr_fastai.reporting.html import box as _box
from cxr_fastai.reporting.html import render
from cxr_fastai.reporting.text import share as percent

__all__ = ["explore", "Exploration", "Table"]

SHOTS = 8  # radiographs of a class on the page
SIDE, QUALITY = 128, 72  # px, the longer side of a thumbnail; of its JPEG
WIDE = 10  # columns that a terminal and a page still show whole
MOST_COLUMNS = 6  # of a table whose columns are a source's own words; the rest is counted together
QUANTITIES = {
    "width": ("width", "px", "{:.0f}"),
    "height": ("height", "px", "{:.0f}"),
    "aspect": ("width / height", "", "{:.2f}"),
    "brightness": ("mean gray", "", "{:.0f}"),
}


def explore(
    data,  # a folder that `cxr curate` wrote, or its Manifest
    out=None,  # folder for eda.html and eda.json; None: write nothing
    seed: int = 0,  # of the radiographs shown
    progress=None,  # as cxr_fastai.progress.bar: progress(iterable, total, what); None: silence
    split="all",  # all | train | valid | test: the images to count; of `all`, train's are shown
    manifest=None,  # the catalogue that the folder was curated with; None: the library's own
) -> Exploration:
    """Count, measure a sample of the pixels, and say what tells the classes that is not the disease. The same folder
    gives the same bytes. Raises `NotCurated`, `UnknownName` for no such split, `UsageError` for one without
    images, and `IntegrityError` for an image that cannot be read.
    """
    if split not in ("all", *SPLITS):
        raise UnknownName(unknown_name("split", split, ("all", *SPLITS)))
    data, catalog = read_manifest(data), load_catalog(manifest)
    cohort, shown = (
        gather(data.root, data.rows, data.recipe, catalog, split),
        "train" if split == "all" else split,
    )
    if out is not None:
        make_folder(out)  # an --out that cannot be written is told before the long part
    grid = {c: _grid(cohort.rows_of(c), shown, seed) for c in cohort.names}
    measured = [r for c in cohort.names for _, rows in sampled(cohort, c).values() for r in rows]
    gray = _map_pixels(_mean, cohort.root, measured, "measuring brightness", progress)
    drawn = [r for of in grid.values() for r in of]
    thumbs = _map_pixels(_thumbnail, cohort.root, drawn, "drawing thumbnails", progress)
    found = _explored(
        data, cohort, catalog, gray, dict(split=split, shown=shown, seed=seed), grid, thumbs
    )
    if out is not None:
        write_text(Path(out) / "eda.html", found.to_html())
        write_json(Path(out) / "eda.json", found.to_dict())  # last: where it stands, the page does
    return found


def _explored(data, cohort: Cohort, catalog, gray, asked: dict, grid, thumbs) -> Exploration:
    rows, classes = cohort.rows, {c: class_counts(cohort, c, gray) for c in cohort.names}
    sources = {s: source_counts(cohort, s, catalog) for s in tally(r.source for r in rows)}
    floors = cohort_floors(cohort)
    limits = floors.to_dict(list(cohort.names)) if floors else {}
    single = score_attributes(cohort)
    warnings = [
        dict(kind=w.kind, title=w.title, says=w.says, do=w.do, numbers=w.numbers)
        for w in find_confounds(cohort, gray)
    ]
    about = dict(
        title=data.recipe.title,
        recipe=data.recipe.name,
        task=data.recipe.task.value,
        **asked,
        images=len(rows),
        ages_known=sum(bool(r.age) for r in rows),
        patients=patient_counts(rows),
        manifest_sha256=data.sha256,
    )
    shots = {
        c: [
            {k: getattr(r, k) for k in ("path", "source", "age", "sex", "view", "split")}
            for r in of
        ]
        for c, of in grid.items()
    }
    return Exploration(
        about,
        classes,
        sources,
        finding_counts(rows),
        limits,
        single,
        warnings,
        _notes(sources, catalog),
        shots,
        thumbs,
    )


def _notes(sources, catalog) -> list[str]:
    strangers = [s for s in sources if s not in catalog]
    return (
        [
            f"The catalogue does not know {', '.join(strangers)}: title, age group and leave to share are unknown. "
            "Give the catalogue that the folder was curated with: --manifest CSV."
        ]
        if strangers
        else []
    )


# ---- pixels


def _map_pixels(fn, root: Path, rows: list[Record], what: str, progress) -> dict:
    """Path -> fn(pixels), each image once. Threads: decoding releases the GIL. Raises `IntegrityError` naming the file."""
    paths = [*dict.fromkeys(r.path for r in rows)]

    def one(path):
        try:
            return fn(images.decode(root / path))
        except ImageRejected as e:
            raise IntegrityError(
                f"{e}. It was readable when the folder was curated: curate the folder again."
            ) from e

    with ThreadPoolExecutor(cpu_count()) as pool:
        done = pool.map(one, paths)
        return dict(zip(paths, progress(done, len(paths), what) if progress else done))


def _mean(pixels) -> float:
    return float(pixels.mean())


def _thumbnail(pixels) -> tuple[str, int, int]:
    """(data URI of a small JPEG, width, height)."""
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    image.save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode(), *image.size


def _grid(rows: list[Record], split: str, seed: int) -> list[Record]:
    """SHOTS of a class's images, at random, each source in its turn."""
    turns, ranked = Counter(), []
    for r in sorted(
        (r for r in rows if r.split == split), key=lambda r: sha256_text(f"{seed}|{r.pixel_sha256}")
    ):
        ranked.append((turns[r.source], len(ranked), r))
        turns[r.source] += 1
    return [r for *_, r in sorted(ranked, key=lambda x: x[:2])[:SHOTS]]


# ---- what was found


@dataclass(frozen=True, repr=False)
class Table:
    """Counts; a row is a name, its counts, and what their shares are taken of."""

    title: str
    head: list[str]
    rows: list[tuple[str, list[int], int]]

    def __str__(self) -> str:
        return _aligned(
            [(self.title, *self.head, "all"), *((name, *n, of) for name, n, of in self.rows)]
        )

    __repr__ = __str__


@dataclass(frozen=True, repr=False)
class Exploration:
    """What a curated folder holds. Prints as tables and warnings, and makes a page."""

    about: dict  # task, split, images, patients, ..
    classes: dict[str, dict]  # class -> of cohort.class_counts
    sources: dict[str, dict]  # source -> of cohort.source_counts, the largest first
    findings: dict  # of cohort.finding_counts
    floors: dict  # of confounds.floors; empty where an image may have several classes
    alone: dict[
        str, dict
    ]  # attribute -> class -> AUROC of knowing nothing else, of confounds.alone
    warnings: list[dict]  # of confounds.warn
    notes: list[str]
    grid: dict[str, list[dict]]  # class -> the radiographs shown
    thumbs: dict[str, tuple] = field(default_factory=dict)  # path -> (data URI, width, height)

    def to_dict(self) -> dict:
        """Everything but the pictures, as strict JSON."""
        return dict(
            about=self.about,
            classes=self.classes,
            sources=self.sources,
            findings=self.findings,
            floors=self.floors,
            alone=self.alone,
            warnings=self.warnings,
            notes=self.notes,
            grid=self.grid,
        )

    @property
    def n_classes(self) -> int:
        return len(self.classes.keys() - {NONE})  # none is what an image of no class has

    @property
    def names(self) -> dict[str, str]:
        return {c: x["name"] for c, x in self.classes.items()}

    @property
    def summary(self) -> str:
        a, p = self.about, self.about["patients"]
        counts = [
            _count(a["images"], "radiograph"),
            _count(self.n_classes, "class", "classes"),
            _count(len(self.sources), "source"),
            f"{_count(p['patients'], 'named patient')}",
        ]
        return f"{a['recipe']}, {'all splits' if a['split'] == 'all' else 'split ' + a['split']}: {', '.join(counts)}"

    @property
    def splits(self) -> tuple[str, ...]:
        return SPLITS if self.about["split"] == "all" else (self.about["split"],)

    def tables(self) -> dict[str, Table]:
        """split, source, age_group, sex and view against the classes; findings against findings."""
        of, f, several = self.classes.values(), self.findings, self.about["task"] == "multi_label"
        by_split = [
            (
                x["name"],
                [*(x["split"].get(s, 0) for s in self.splits), *[x["unknown"]] * several],
                x["images"],
            )
            for x in of
        ]
        together = [
            (name, row, row[i]) for i, (name, row) in enumerate(zip(f["names"], f["counts"]))
        ]
        return dict(
            split=Table("class", [*self.splits, *["unknown"] * several], by_split),
            source=self._sources(),
            age_group=self._table("age_group", AGE_GROUPS),
            sex=self._table("sex", {"F": "F", "M": "M"}),
            view=self._table("view", {"PA": "PA", "AP": "AP"}),
            findings=Table("finding", f["names"], together),
        )

    def _sources(self) -> Table:
        """Sources down and classes across, or turned where that would be too wide."""
        if WIDE < len(self.classes) > len(self.sources):
            rows = [
                (x["name"], [x["source"].get(s, 0) for s in self.sources], x["images"])
                for x in self.classes.values()
            ]
            return Table("class", list(self.sources), rows)
        rows = [
            (s, [x["source"].get(s, 0) for x in self.classes.values()], n["images"])
            for s, n in self.sources.items()
        ]
        return Table("source", list(self.names.values()), rows)

    def _table(self, key: str, words: dict) -> Table:
        """Classes against the values of one column: those of `words` first, the commonest others, the rest, unknown."""
        totals = sum((Counter(x[key]) for x in self.classes.values()), Counter())
        own = [v for v in dict.fromkeys([*words, *tally(totals.elements())]) if v and totals[v]]
        shown, rest = own[:MOST_COLUMNS], own[MOST_COLUMNS:]
        columns = [
            *((words.get(v, v), [v]) for v in shown),
            *[("other", rest)] * bool(rest),
            *[("unknown", [""])] * bool(totals[""]),
        ]
        return Table(
            "class",
            [name for name, _ in columns],
            [
                (x["name"], [sum(x[key].get(v, 0) for v in vs) for _, vs in columns], x["images"])
                for x in self.classes.values()
            ],
        )

    def __str__(self) -> str:
        warned = "\n".join(
            f"{_wrapped(w['title'] + ': ' + w['says'], '! ')}\n{_wrapped(w['do'], '  ')}"
            for w in self.warnings
        )
        tables = [str(t) for t in self.tables().values() if t.rows and len(t.head) <= WIDE]
        looks = map(_aligned, self._looks())
        return "\n\n".join([self.summary, *self.notes, warned or "No warnings.", *tables, *looks])

    def _looks(self) -> tuple[list, list]:
        """A line a class: ages, and medians of size and brightness; AUROC of each attribute alone."""

        def middle(five, form):
            return "-" if five is None else form.format(five[2])

        head = (
            "class",
            "patients",
            "ages",
            "median age",
            *(f"median {what}" for what, *_ in QUANTITIES.values()),
        )
        rows = [
            (
                x["name"],
                x["patients"]["patients"],
                x["ages"]["known"],
                middle(x["ages"]["quantiles"], "{:g}"),
                *(middle(x[k]["quantiles"], form) for k, (*_, form) in QUANTITIES.items()),
            )
            for x in self.classes.values()
        ]
        known = ("AUROC of knowing only", *(a.replace("_", " ") for a in self.alone))
        return [head, *rows], [
            known,
            *(
                (name, *(_decimal(of[c]["auroc"], "-") for of in self.alone.values()))
                for c, name in self.names.items()
            ),
        ]

    def __repr__(self) -> str:
        return f"<Exploration of {self.summary}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def to_html(self) -> str:
        """The page: one file that fetches nothing and runs nothing."""
        together = any(n for i, row in enumerate(self.findings["counts"]) for n in row[i + 1 :])
        light = {
            c: {
                s: dict(n=b["images"], **_box(b["quantiles"], 255, *QUANTITIES["brightness"][1:]))
                for s, b in x["brightness"]["by_source"].items()
            }
            for c, x in self.classes.items()
        }
        return render(
            "audit",
            "eda.html",
            e=self,
            about=self.about,
            tables=self.tables(),
            strips=self._strips(),
            light=light,
            together=together,
            adult=ADULT,
            sample=SAMPLE,
            few=MIN_IMAGES_PER_CLASS,
            limit=MIN_TELLING_AUROC,
            percent=percent,
            decimal=lambda x: _decimal(x, "–"),
        )

    def _strips(self) -> dict[str, dict]:
        """Quantity -> what its box plots share, and that of each class."""
        out = {}
        for k, (what, unit, form) in QUANTITIES.items():
            five = {c: x[k]["quantiles"] for c, x in self.classes.items()}
            top = 255 if k == "brightness" else max((q[4] for q in five.values() if q), default=1)
            out[k] = dict(
                what=what,
                unit=unit,
                top=form.format(top),
                of={c: _box(q, top, unit, form) for c, q in five.items()},
            )
        return out


# ---- text


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _decimal(x, none: str) -> str:
    return none if x is None else f"{x:.2f}"


def _wrapped(text: str, begin: str) -> str:
    return fill(printable(text), 110, initial_indent=begin, subsequent_indent="  ")


def _aligned(rows) -> str:
    """Lines of columns; the first to the left, the others to the right."""
    rows = [[f"{v:,}" if isinstance(v, int) else printable(v) for v in row] for row in rows]
    wide = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join([row[0].ljust(wide[0]), *map(str.rjust, row[1:], wide[1:])]).rstrip()
        for row in rows
    )
