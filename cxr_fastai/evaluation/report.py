"""Put a bundle to the test. Reads a bundle and a curated folder, returns a Report and, where a folder is given, writes
metrics.json, predictions.csv, confusion.png and report.html there; never trains, never touches an image."""
from __future__ import annotations
import base64, io, json, textwrap
from dataclasses import dataclass, field
from pathlib import Path
import numpy as np

from ..core import SPLITS, UsageError, atomic_path, make_folder, package_file, write_text
from ..manifest import read_manifest, write_rows
from .metrics import classification_metrics, decision_metrics, floors, source_metrics

__all__ = ["evaluate", "Report", "confusion_png"]

HEADLINE = (  # key of metrics, its name, whether it is a share of images, what it means
    ("accuracy", "accuracy", True, "Share of the images that were answered right."),
    ("balanced_accuracy", "balanced accuracy", True,
     "Mean recall of the classes that have images: a rare class counts as much as a common one."),
    ("macro_f1", "macro F1", False, "Mean F1 of the classes that have images; 1 is perfect."),
    ("macro_auroc", "macro AUROC", False,
     "Mean over the classes of the chance that an image of the class gets a higher probability for it than an image of "
     "another class; 0.5 is guessing."))
CLASS_COLUMNS = ("precision", "recall", "f1", "auroc")
INK, SOFT, FAINT = "#1c2733", "#52606d", "#7b8794"  # text of the picture; report.html has the same
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
    notes: list[str] = field(default_factory=list)       # what a reader must know beside the numbers
    about: dict[str, str] = field(default_factory=dict)  # what was evaluated on what
    decision: dict = field(default_factory=dict)         # of metrics.decision_metrics, where the bundle decides so

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
        share = f"{self._gain:,} of {_count(self.n, 'image')}"
        return f"above the source-only floor by {100*self._gain/self.n:.1f} points ({share})"

    @property
    def summary(self)->str:
        seen = sum(c["support"] > 0 for c in self.metrics["per_class"].values())
        counts = _count(self.n, "image"), _count(seen, "class", "classes"), _count(len(self.sources), "source")
        return f"{self.split} split: {', '.join(counts)}"

    def headline(self, none:str="-")->list[tuple[str, ...]]:
        "(name, model, majority floor, source-only floor, meaning) of each headline number, as text."
        columns = self.metrics, self.floors["majority"], self.floors["source_only"]
        def cells(key, fmt): return [fmt(c.get(key), none) for c in columns]
        return [(name, *cells(key, _percent if share else _decimal), says) for key, name, share, says in HEADLINE]

    def question(self, none:str="-")->list[tuple[str, str]]:
        "(name, value) of the yes or no that the bundle's threshold decides; empty where there is none."
        if not (d := self.decision): return []
        shares = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "prevalence")
        return [(f"not {self.names[d['negative']]}: AUROC", _decimal(d["auroc"], none)),
                (f"from {d['threshold']:.3f}, fixed on validation: {shares[0]}", _percent(d["accuracy"], none)),
                *((name.upper() if len(name) < 4 else name, _percent(d[name], none)) for name in shares[1:])]

    def to_dict(self)->dict:
        "Everything, as strict JSON. `vocab` is the order of the rows and columns of `confusion`."
        return dict(split=self.split, n=self.n, vocab=list(self.names), names=self.names, title=self.title,
                    metrics=self.metrics, decision=self.decision, floors=self.floors, by_source=self.sources,
                    above_source_only_floor=self.above_floor, notes=self.notes, about=self.about)

    def __str__(self)->str:
        head = [("", "model", "majority floor", "source-only floor"), *(row[:4] for row in self.headline())]
        rows = [(self.names[c], f"{m['support']:,}", *(_decimal(m[k]) for k in CLASS_COLUMNS))
                for c, m in self.metrics["per_class"].items()]
        per_class = [("class", "n", "precision", "recall", "F1", "AUROC"), *rows]
        words = [f"Accuracy is {self.verdict}.", *self.notes]
        question = ["", *_table([("", "value"), *self.question()])] if self.decision else []
        return "\n".join([self.summary, "", *_table(head), "", *words, *question, "", *_table(per_class)])

    def to_html(
        self,
        page:bool=True, # a whole page with the confusion matrix; False: the tables, to stand in another page
    )->str:
        "Self-contained html: inline style, pictures inside, no script, nothing fetched."
        import jinja2
        env = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                                 lstrip_blocks=True)
        env.filters.update(percent=lambda x: _percent(x, "–"), decimal=lambda x: _decimal(x, "–"),
                           thousands="{:,}".format)
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
    progress=None,     # as cxr_fastai.progress.bar: progress(iterable, total, what); None: silence
)->Report:
    """Answer every image of one split as the bundle does, and count. Raises `UsageError` for a
    split that is unknown or empty and for classes that the bundle does not know; an unreadable image ends the run."""
    data = read_manifest(data)
    rows = _rows(data, split)
    if out is not None: make_folder(out)  # an --out that cannot be written is told before the long part
    if isinstance(bundle, (str, Path)): bundle = _load_bundle(bundle)
    _check_classes(bundle, data, split, rows)
    paths, vocab = [Path(data.root)/r["path"] for r in rows], list(bundle.vocab)
    if progress: paths = progress(paths, len(rows), f"reading {_count(len(rows), 'image')}")
    probs = np.asarray(bundle.probs(paths, bs=bs))
    answers = bundle.answers(probs)
    report = _report(bundle, data, split, rows, probs, answers, vocab)
    if out is not None: _write(report, rows, probs, answers, Path(out))
    return report

def _load_bundle(path):
    from ..bundle import load_bundle  # torch: not needed by who brings a bundle, or only reads a Report
    return load_bundle(path)

def _rows(data, split:str)->list[dict]:
    "The rows of one split. Raises `UsageError` where there is no such split, or no image in it."
    rows = data.part(split).to_dict("records")
    if rows: return rows
    have = ", ".join(f"{s} {len(data.part(s)):,}" for s in SPLITS)
    raise UsageError(f"{data.root} has no images in split {split!r}: it has {have}. Choose another --split.")

def _check_classes(bundle, data, split:str, rows:list[dict]):
    "Raise `UsageError` unless every image has one of the bundle's classes."
    if bundle.meta["task"] != "single_label":
        raise UsageError(f"{bundle.path} is a {bundle.meta['task']} bundle: evaluate counts single_label answers only.")
    unknown = sorted({r["label"] for r in rows} - set(bundle.vocab))
    if not unknown: return
    names = ", ".join(map(repr, unknown))
    raise UsageError(f"{data.root}, split {split}: class {names} is none of the bundle's, which knows "
                     f"{', '.join(bundle.vocab)}. Curate the data for the bundle's recipe: "
                     f"cxr curate --recipe {bundle.meta['recipe']['name']}.")

def _report(bundle, data, split:str, rows:list[dict], probs, preds, vocab:list[str])->Report:
    targs, sources = np.array([vocab.index(r["label"]) for r in rows]), [r["source"] for r in rows]
    limits, decision = floors(targs, sources, vocab), bundle.meta.get("decision")
    asked = decision_metrics(targs, probs, vocab, decision["negative"], decision["threshold"]) if decision else {}
    return Report(classification_metrics(targs, probs, vocab, preds), limits,
                  source_metrics(targs, probs, sources, vocab, preds),
                  len(rows), split, {c: bundle.display.get(c, c) for c in vocab}, data.recipe.title,
                  _notes(bundle, data, split, limits), _about(bundle, data), asked)


def _notes(bundle, data, split:str, limits:dict)->list[str]:
    "What a reader must know beside the numbers."
    notes, sources = [], limits["source_only"]["answers"]
    if bundle.meta["manifest_sha256"] != data.sha256:
        notes.append("This folder was curated separately: whether its images were in training is not known.")
    elif split == "train":
        notes.append("The model was trained on these images: the numbers do not tell how it does on new ones.")
    elif split == "valid": notes.append("The validation split steers training; judge the model by its test split.")
    if len(sources) == 1:
        notes.append("All images come from one source: the source-only floor equals the majority floor.")
    elif limits["source_only"]["accuracy"] == 1:
        notes.append("Every source here holds one class: no accuracy on these images can tell reading a radiograph "
                     "from recognising its source.")
    return notes

def _about(bundle, data)->dict[str, str]:
    "What was evaluated on what; identities, and no paths of this machine."
    meta = bundle.meta
    facts = {"network": meta["arch"], "weights (SHA-256)": meta.get("weights_sha256"),
             "trained for recipe": meta["recipe"]["name"], "trained on manifest (SHA-256)": meta["manifest_sha256"],
             "images curated for recipe": data.recipe.name, "images of manifest (SHA-256)": data.sha256}
    return {k: str(v) for k, v in facts.items() if v}


# ---- files

def _write(report:Report, rows:list[dict], probs, answers, out:Path):
    "The four files; metrics.json last, so that where it stands the others do."
    png = report.to_png()
    write_rows(out/"predictions.csv", *_predictions(rows, probs, list(report.names), answers))
    with atomic_path(out/"confusion.png") as part: part.write_bytes(png)
    write_text(out/"report.html", report.to_html())
    strict = json.dumps(report.to_dict(), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(out/"metrics.json", strict + "\n")

def _predictions(rows:list[dict], probs, vocab, answers)->tuple[list[dict], list[str]]:
    "Rows and columns of predictions.csv. 9 digits give back every float32: metrics can be computed again from it."
    kept, of_class = ["path", "source", "group", "label"], [f"p_{c}" for c in vocab]
    table = [{**{k: r[k] for k in kept}, "predicted": vocab[int(a)],
              **{k: f"{x:.9g}" for k, x in zip(of_class, p)}} for r, p, a in zip(rows, probs, answers)]
    return table, [*kept, "predicted", *of_class]

def confusion_png(
    confusion,      # (c, c) counts, a row a true class
    names,          # (c,) class names
    title:str="",
)->bytes:
    "Counts and row percentages on one blue scale, as a PNG. Draws without pyplot: a notebook's backend stays as it is."
    from matplotlib.figure import Figure
    counts, c = np.asarray(confusion), len(names)
    totals = counts.sum(1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    cell, size = (1.8, 12) if c <= 3 else (1.05, 11) if c <= 8 else (0.72, 9)  # side of a cell in inches; points
    fig = Figure(figsize=(cell*c, cell*c), facecolor="white")
    ax = fig.add_axes((0, 0, 1, 1))  # the cells fill the figure; names and title stand outside, kept by bbox_inches
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), k in np.ndenumerate(counts): _cell(ax, i, j, k, share[i, j], totals[i, 0], size)
    _axes(ax, c, names, totals[:, 0])
    ax.set_title(title, loc="left", pad=12, fontsize=11, color=INK, parse_math=False)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=150, bbox_inches="tight", pad_inches=0.2, metadata={"Software": None})
    return buffer.getvalue()

def _cell(ax, i:int, j:int, count:int, share:float, total:int, size:float):
    "One cell: its count, below it its share of the row; a row without images holds dashes."
    color = "white" if share > 0.62 else INK if count else FAINT  # where white on the blue reads as well as ink
    style = dict(ha="center", color=color)
    if not count: return ax.text(j, i, "0" if total else "–", va="center", fontsize=size, **style)
    ax.text(j, i, f"{count:,}", va="bottom", fontsize=size, fontweight="bold" if i == j else "normal", **style)
    ax.text(j, i + 0.06, _percent(share), va="top", fontsize=size - 2.5, **style)

def _axes(ax, c:int, names, totals):
    "Class names on both axes, white lines between cells."
    wrapped = ["\n".join(textwrap.wrap(str(n), 12 if 3 < c <= 8 else 22)[:3]) for n in names]
    turned = dict(rotation=40, ha="right", rotation_mode="anchor") if c > 8 else {}
    ax.set_xticks(range(c), wrapped, parse_math=False, fontsize=10, color=INK, **turned)
    rows = [f"{name}\nn = {total:,}" for name, total in zip(wrapped, totals)]
    ax.set_yticks(range(c), rows, parse_math=False, fontsize=10, color=INK)
    ax.set_xticks(np.arange(c + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(c + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("answered class", fontsize=11, color=SOFT, labelpad=10)
    ax.set_ylabel("true class", fontsize=11, color=SOFT, labelpad=10)


# ---- text

def _percent(x, none:str="-")->str: return none if x is None else f"{100*x:.1f} %"

def _decimal(x, none:str="-")->str: return none if x is None else f"{x:.3f}"

def _count(n:int, one:str, many:str="")->str: return f"{n:,} {one if n == 1 else many or one + 's'}"

def _table(rows)->list[str]:
    "Lines of columns; the first to the left, the others to the right."
    widths = [max(map(len, column)) for column in zip(*rows)]
    def line(first, *rest): return "  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]).rstrip()
    return [line(*row) for row in rows]
