"""Put a bundle to the test. Reads a bundle and a curated folder, returns a Report and, where a folder is given, writes
metrics.json, predictions.csv, confusion.png and report.html there; never trains, never touches an image."""
from __future__ import annotations
import base64, io, json, textwrap
from dataclasses import dataclass, field
from pathlib import Path
import numpy as np

from ..core import SPLITS, IntegrityError, UsageError, atomic_path, make_folder, package_file, write_text
from ..manifest import read_manifest, write_rows
from .metrics import classification_metrics, floors, source_metrics

__all__ = ["evaluate", "Report", "confusion_png"]

HEADLINE = (  # key of metrics, its name, whether it is a share of images, what it means
    ("accuracy", "accuracy", True, "Share of the images that were answered right."),
    ("balanced_accuracy", "balanced accuracy", True, "Mean recall of the classes that have images: a rare class counts as much "
     "as a common one."),
    ("macro_f1", "macro F1", False, "Mean F1 of the classes that have images; 1 is perfect."),
    ("macro_auroc", "macro AUROC", False, "Mean over the classes of the chance that an image of the class gets a higher "
     "probability for it than an image of another class; 0.5 is guessing."))
CLASS_COLUMNS = ("precision", "recall", "f1", "auroc")
BATCHES_A_CALL = 8  # batches between two calls of `progress`
NOT_ABOVE = "not above the source-only floor: a model that only recognises the source would do as well"


@dataclass(frozen=True)
class Report:
    "What `evaluate` found. Prints as a table, shows as html in a notebook."
    metrics: dict           # of metrics.classification_metrics
    floors: dict            # of metrics.floors
    sources: dict           # of metrics.source_metrics
    n: int                  # images
    split: str
    names: dict[str, str]   # class slug -> name to show, in vocab order
    title: str = ""         # of the folder's recipe
    notes: list[str] = field(default_factory=list)     # what a reader must know beside the numbers
    about: dict[str, str] = field(default_factory=dict)  # what was evaluated on what

    @property
    def above_floor(self)->bool: return self._gain > 0

    @property
    def _gain(self)->int:
        "Images answered right beyond what the source-only floor answers right."
        return round((self.metrics["accuracy"] - self.floors["source_only"]["accuracy"])*self.n)

    @property
    def verdict(self)->str:
        "Accuracy beside the source-only floor, in words."
        if not self.above_floor: return NOT_ABOVE
        return f"above the source-only floor by {100*self._gain/self.n:.1f} points ({self._gain:,} of {self.n:,} images)"

    @property
    def summary(self)->str:
        seen = sum(c["support"] > 0 for c in self.metrics["per_class"].values())
        return f"{self.split} split: {_count(self.n, 'image')}, {_count(seen, 'class', 'classes')}, {_count(len(self.sources), 'source')}"

    def headline(self, none:str="-")->list[tuple[str, ...]]:
        "(name, model, majority floor, source-only floor, meaning) of each headline number, as text."
        def cells(key, fmt): return [fmt(d.get(key), none) for d in (self.metrics, self.floors["majority"], self.floors["source_only"])]
        return [(name, *cells(key, _percent if share else _decimal), says) for key, name, share, says in HEADLINE]

    def to_dict(self)->dict:
        "Everything, as strict JSON. `vocab` is the order of the rows and columns of `confusion`."
        return dict(split=self.split, n=self.n, vocab=list(self.names), names=self.names, title=self.title, metrics=self.metrics,
                    floors=self.floors, by_source=self.sources, above_source_only_floor=self.above_floor, notes=self.notes,
                    about=self.about)

    def __str__(self)->str:
        head = [("", "model", "majority floor", "source-only floor"), *(row[:4] for row in self.headline())]
        rows = [(self.names[c], f"{m['support']:,}", *(_decimal(m[k]) for k in CLASS_COLUMNS))
                for c, m in self.metrics["per_class"].items()]
        per_class = [("class", "n", "precision", "recall", "F1", "AUROC"), *rows]
        return "\n".join([self.summary, "", *_table(head), "", f"Accuracy is {self.verdict}.", *self.notes, "", *_table(per_class)])

    def to_html(
        self,
        page:bool=True, # a whole page with the confusion matrix; False: the tables, to stand in another page
    )->str:
        "Self-contained html: inline style, pictures inside, no script, nothing fetched."
        import jinja2
        env = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        env.filters.update(percent=lambda x: _percent(x, "–"), decimal=lambda x: _decimal(x, "–"), thousands=lambda x: f"{x:,}")
        template = env.from_string(package_file("evaluation", "report.html").read_text(encoding="utf-8"))
        png = base64.b64encode(self.to_png()).decode() if page else ""
        return template.render(r=self, page=page, png=png, columns=CLASS_COLUMNS)

    def to_png(self)->bytes: return confusion_png(self.metrics["confusion"], list(self.names.values()), self.summary)

    def _repr_html_(self)->str: return self.to_html(page=False)


def evaluate(
    bundle,            # a bundle, or its folder
    data,              # a curated folder, or its Manifest
    split:str="test",  # train | valid | test
    out=None,          # folder for metrics.json, predictions.csv, confusion.png and report.html; None: write nothing
    bs:int=64,         # images a batch
    progress=None,     # called with (images done, images in all) now and then
)->Report:
    """Answer every image of one split with the class of highest probability, and count. Raises `UsageError` for a split that
    is unknown or empty and for classes that the bundle does not know; an image that cannot be read ends the run."""
    if isinstance(bundle, (str, Path)): bundle = _load_bundle(bundle)
    data, vocab = read_manifest(data), list(bundle.vocab)
    rows = _rows(data, split, bundle)
    paths = [Path(data.root)/r["path"] for r in rows]
    probs = _predict(bundle, paths, bs, progress)
    targs, sources = np.array([vocab.index(r["label"]) for r in rows]), [r["source"] for r in rows]
    limits = floors(targs, sources, vocab)
    report = Report(classification_metrics(targs, probs, vocab), limits, source_metrics(targs, probs, sources, vocab),
                    len(rows), split, {c: bundle.display.get(c, c) for c in vocab}, data.recipe.title,
                    _notes(bundle, data, split, limits), _about(bundle, data))
    if out is not None: _write(report, rows, probs, out)
    return report


# ---- what is evaluated

def _load_bundle(path):
    from ..bundle import load_bundle  # torch: not needed by who brings a bundle, or only reads a Report
    return load_bundle(path)

def _rows(data, split:str, bundle)->list[dict]:
    "The rows of one split. Raises `UsageError` where there are none, or where the bundle does not know their class."
    rows = data.part(split).to_dict("records")
    if not rows:
        have = ", ".join(f"{s} {len(data.part(s)):,}" for s in SPLITS)
        raise UsageError(f"{data.root} has no images in split {split!r}: it has {have}. Choose another --split.")
    unknown = sorted({r["label"] for r in rows} - set(bundle.vocab))
    if unknown:
        recipe = _recipe_name(bundle)
        raise UsageError(f"{data.root}, split {split}: class {', '.join(map(repr, unknown))} is none of the bundle's, which knows "
                         f"{', '.join(bundle.vocab)}. Curate the data for the bundle's recipe{f': cxr curate --recipe {recipe}' if recipe else ''}.")
    return rows

def _recipe_name(bundle)->str:
    recipe = bundle.meta.get("recipe") or ""
    return str(recipe.get("name", "") if isinstance(recipe, dict) else recipe)

def _predict(bundle, paths, bs:int, progress)->np.ndarray:
    "(n, c) probabilities. Raises `IntegrityError` naming the first image whose numbers are not finite."
    step, parts = bs*BATCHES_A_CALL, []
    for i in range(0, len(paths), step):
        parts.append(np.asarray(bundle.probs(paths[i:i+step], bs=bs)))
        if progress: progress(min(i + step, len(paths)), len(paths))
    probs = np.concatenate(parts)
    bad = np.flatnonzero(~np.isfinite(probs).all(1))
    if len(bad):
        raise IntegrityError(f"{bundle.path}: no finite probabilities for {len(bad):,} of {len(paths):,} images, the first is "
                             f"{paths[bad[0]]}. The weights are damaged: train again, or take another bundle.")
    return probs

def _notes(bundle, data, split:str, limits:dict)->list[str]:
    "What a reader must know beside the numbers."
    notes, sources = [], limits["source_only"]["answers"]
    if bundle.meta.get("manifest_sha256") != data.sha256:
        notes.append("This folder was curated separately: whether its images were in training is not known.")
    elif split == "train": notes.append("The model was trained on these images: the numbers do not tell how it does on new ones.")
    elif split == "valid": notes.append("The validation split steers training; judge the model by its test split.")
    if len(sources) == 1: notes.append("All images come from one source: the source-only floor equals the majority floor.")
    elif limits["source_only"]["accuracy"] == 1:
        notes.append("Every source here holds one class: no accuracy on these images can tell reading a radiograph from "
                     "recognising its source.")
    return notes

def _about(bundle, data)->dict[str, str]:
    "What was evaluated on what, without paths of this machine."
    facts = {"model architecture": bundle.meta.get("arch"), "model recipe": _recipe_name(bundle),
             "model trained on manifest": bundle.meta.get("manifest_sha256"),
             "images curated for recipe": data.recipe.name, "images of manifest": data.sha256}
    return {k: str(v) for k, v in facts.items() if v}


# ---- files

def _write(report:Report, rows:list[dict], probs, out):
    "The four files; metrics.json last, so that where it stands the others do."
    out = make_folder(out)
    png = report.to_png()
    write_rows(out/"predictions.csv", *_predictions(rows, probs, list(report.names)))
    with atomic_path(out/"confusion.png") as part: part.write_bytes(png)
    write_text(out/"report.html", report.to_html())
    write_text(out/"metrics.json", json.dumps(report.to_dict(), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")

def _predictions(rows:list[dict], probs, vocab)->tuple[list[dict], list[str]]:
    "Rows and columns of predictions.csv; 9 digits give back every float32, so the metrics can be computed again from it."
    kept, of_class = ["path", "source", "group", "label"], [f"p_{c}" for c in vocab]
    table = [{**{k: r[k] for k in kept}, "predicted": vocab[int(p.argmax())], **{k: f"{x:.9g}" for k, x in zip(of_class, p)}}
             for r, p in zip(rows, probs)]
    return table, [*kept, "predicted", *of_class]

def confusion_png(
    confusion,      # (c, c) counts, a row a true class
    names,          # (c,) class names
    title:str="",
)->bytes:
    "Counts and row percentages on one blue scale, as a PNG. Draws without pyplot, so that a notebook's backend stays as it is."
    from matplotlib.figure import Figure
    counts, c = np.asarray(confusion), len(names)
    totals = counts.sum(1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    cell, size = (1.05, 11) if c <= 8 else (0.72, 9)  # side of a cell in inches, count in points
    fig = Figure(figsize=(cell*c + 2, cell*c + 2), facecolor="white")
    ax = fig.add_subplot()
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), k in np.ndenumerate(counts): _cell(ax, i, j, k, share[i, j], totals[i, 0], size)
    _axes(ax, c, names, totals[:, 0])
    fig.suptitle(title, x=0.5, y=0.98, fontsize=12, color="#1c2733", parse_math=False)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=150, bbox_inches="tight", pad_inches=0.2, metadata={"Software": None})
    return buffer.getvalue()

def _cell(ax, i:int, j:int, count:int, share:float, total:int, size:float):
    "One cell: its count, below it its share of the row; a row without images holds dashes."
    color = "white" if share > 0.55 else "#1c2733" if count else "#9aa5b1"
    if not total: return ax.text(j, i, "–", ha="center", va="center", fontsize=size, color=color)
    ax.text(j, i - (0.1 if count else 0), f"{count:,}", ha="center", va="center", fontsize=size, color=color,
            fontweight="bold" if i == j else "normal")
    if count: ax.text(j, i + 0.2, f"{100*share:.1f} %", ha="center", va="center", fontsize=size - 2.5, color=color)

def _axes(ax, c:int, names, totals):
    "Class names on both axes, white lines between cells."
    wrapped = ["\n".join(textwrap.wrap(str(n), 13 if c <= 8 else 22)[:3]) for n in names]
    turned = dict(rotation=40, ha="right", rotation_mode="anchor") if c > 8 else {}
    ax.set_xticks(range(c), wrapped, parse_math=False, fontsize=10, color="#1c2733", **turned)
    ax.set_yticks(range(c), [f"{w}\nn = {t:,}" for w, t in zip(wrapped, totals)], parse_math=False, fontsize=10, color="#1c2733")
    ax.set_xticks(np.arange(c + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(c + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("answered class", fontsize=11, color="#52606d", labelpad=10)
    ax.set_ylabel("true class", fontsize=11, color="#52606d", labelpad=10)


# ---- text

def _percent(x, none:str="-")->str: return none if x is None else f"{100*x:.1f} %"

def _decimal(x, none:str="-")->str: return none if x is None else f"{x:.3f}"

def _count(n:int, one:str, many:str="")->str: return f"{n:,} {one if n == 1 else many or one + 's'}"

def _table(rows)->list[str]:
    "Lines of columns; the first to the left, the others to the right."
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths))).rstrip() for row in rows]
