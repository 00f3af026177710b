"""The first door, curation to training and evaluation: manifest.csv, one row an image. Reads and writes a curated
folder's manifest and checks it; never reads pixels."""
from __future__ import annotations
import csv, hashlib, io, json
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path

from .core import SPLITS, NotCurated, UnknownName, csv_rows, unknown_name, write_text
from .recipes import Recipe

__all__ = ["Record", "Manifest", "read_manifest", "read_curation", "manifest_text", "write_manifest",
           "write_rows", "COLUMNS", "MANIFEST", "CURATION"]

MANIFEST, CURATION = "manifest.csv", "curation.json"


@dataclass(frozen=True)
class Record:
    "A row of manifest.csv. All text; an empty cell is unknown."
    path: str            # of the image, relative to the folder, with /
    sha256: str          # of the source file's bytes, 64 hex digits
    pixel_sha256: str    # of width, height and the upright 8-bit gray pixels, 64 hex digits; its start names the file
    phash: str           # 64-bit perceptual hash, 16 hex digits
    source: str          # source id of the catalogue
    upstream: str        # the sources it re-publishes, pipe-joined; empty: it is the original
    original_path: str   # where the file lay in the source; arrays: file.npz#split/row
    source_label: str    # the source's own words
    label: str           # class slug of the recipe
    findings: str        # pipe-joined, of core.FINDINGS; blank = unknown
    patient: str         # namespace:id, blank = unknown
    group: str           # connected by same patient or same radiograph; no split cuts it
    split: str           # train | valid | test
    view: str            # PA | AP | L | the source's word
    age: str             # years
    sex: str             # F | M
    width: str           # px, upright
    height: str          # px, upright
    mode: str            # of the source file: Pillow's mode and bit depth, as L/8, I;16/12
    licence: str

COLUMNS = tuple(f.name for f in fields(Record))
REQUIRED = ("path", "sha256", "pixel_sha256", "source", "label", "group", "split")


@dataclass(frozen=True)
class Manifest:
    "A curated folder's rows and the recipe it was curated for."
    root: Path
    rows: list[Record]
    recipe: Recipe
    sha256: str          # of manifest.csv's bytes
    curation: dict = field(repr=False, default_factory=dict)  # curation.json: what was asked for

    @property
    def vocab(self)->list[str]: return self.recipe.vocab

    @cached_property
    def df(self):
        "All rows as a pandas DataFrame of text; columns as in `COLUMNS`."
        import pandas as pd
        return pd.DataFrame([vars(r) for r in self.rows], columns=list(COLUMNS), dtype="str")

    def part(self, split:str):
        "The rows of one split, as a DataFrame. Raises `UnknownName`."
        if split not in SPLITS: raise UnknownName(unknown_name("split", split, SPLITS))
        return self.df[self.df["split"] == split].reset_index(drop=True)

    def counts(self)->dict[tuple[str, str, str], int]:
        "(class, source, split) -> images."
        out: dict = {}
        for r in self.rows: out[r.label, r.source, r.split] = out.get((r.label, r.source, r.split), 0) + 1
        return out

    def _repr_html_(self)->str:
        return f"<p>{len(self.rows)} images, recipe {self.recipe.name}</p>{self.df.head(8).to_html()}"


def to_csv(rows:list[dict], columns)->str:
    "Rows as csv text: \\n line ends, quotes where needed."
    out = io.StringIO()
    w = csv.DictWriter(out, columns, lineterminator="\n")
    quoted = csv.DictWriter(out, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
    w.writeheader()
    for row in rows:  # csv before Python 3.13 does not quote a carriage return, and readers end the line there
        (quoted if any("\r" in v for v in row.values()) else w).writerow(row)
    return out.getvalue()

def write_rows(path, rows:list[dict], columns)->bool:
    "Write a csv, whole or not at all; False where it stands already."
    return write_text(path, to_csv(rows, columns))

def manifest_text(
    rows:list[Record],  # in any order; they stand in that of their paths
    vocab:list[str],    # the classes that a label may be
)->str:
    "manifest.csv of checked rows. Raises `NotCurated` for a row that breaks a promise."
    rows = sorted(rows, key=lambda r: r.path)
    check_rows(rows, vocab, "the manifest to write")
    return to_csv([vars(r) for r in rows], COLUMNS)

def write_manifest(root:Path, rows:list[Record], vocab:list[str])->bool:
    "Check and write a folder's manifest.csv. False where it stands already. Raises `NotCurated`."
    return write_text(Path(root)/MANIFEST, manifest_text(rows, vocab))

def check_rows(rows:list[Record], vocab:list[str], where:str):
    "The promises of a manifest: cells filled, names known, paths unique, no group or patient in two splits."
    seen, home = set(), {}
    for i, r in enumerate(rows, 2):
        at = f"{where}, row {i}"
        for col in REQUIRED:
            if not getattr(r, col): raise NotCurated(f"{at}, column {col}: empty. Curate the folder again.")
        if r.split not in SPLITS: raise NotCurated(f"{unknown_name('split', r.split, SPLITS, at)}")
        if r.label not in vocab: raise NotCurated(f"{unknown_name('class', r.label, vocab, at)}")
        if r.path in seen: raise NotCurated(f"{at}, column path: {r.path!r} stands twice. Curate the folder again.")
        seen.add(r.path)
        for key in (("group", r.group), ("patient", r.patient)):
            if key[1] and home.setdefault(key, r.split) != r.split:
                raise NotCurated(f"{at}: {key[0]} {key[1]!r} is in {home[key]} and in {r.split}: a model would be "
                                 "tested on what it was trained on. Curate the folder again.")

def read_manifest(
    data, # a folder that `cxr curate` wrote, or a Manifest
)->Manifest:
    "Read and check a curated folder. Raises `NotCurated` naming file, row and column."
    if isinstance(data, Manifest): return data
    root = Path(data)
    file = root/MANIFEST
    if not file.is_file(): raise NotCurated(_not_curated(root))
    curation = read_curation(root)
    recipe = Recipe.from_dict(curation.get("recipe") or {}, f"{root/CURATION} [recipe]")
    data = file.read_bytes()
    rows = _parse(data, file)
    check_rows(rows, recipe.vocab, str(file))
    return Manifest(root, rows, recipe, hashlib.sha256(data).hexdigest(), curation)

def read_curation(root:Path)->dict:
    "curation.json of a folder: what it was curated for. Raises `NotCurated`."
    file = Path(root)/CURATION
    try: curation = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise NotCurated(f"{file}: {e}. Curate the folder again, into an empty one.") from e
    if isinstance(curation, dict): return curation
    raise NotCurated(f"{file}: no JSON object. Curate the folder again, into an empty one.")

def _not_curated(root:Path)->str:
    if not root.exists(): return f"no folder {root}: give one that `cxr curate --out {root}` wrote."
    return (f"{root} holds no {MANIFEST}: it is not a curated folder. "
            "Curate it first: cxr curate --mirror DIR --out FOLDER.")

def _parse(data:bytes, file:Path)->list[Record]:
    columns, table = csv_rows(data, file, error=NotCurated)
    if tuple(columns) != COLUMNS:
        have = ",".join(columns) or "missing"
        raise NotCurated(f"{file}, row 1: columns are {have}; expected {','.join(COLUMNS)}.")
    rows = []
    for i, d in enumerate(table, 2):
        if len(d) != len(COLUMNS) or None in d.values():
            raise NotCurated(f"{file}, row {i}: expected {len(COLUMNS)} cells. Curate the folder again.")
        rows.append(Record(**d))
    return rows
