"""Which images a source holds and what it says of each. Reads folder names, file names, csv tables and npz labels by
the source's rules, returns Items and Rejects; decodes no image and changes no file."""
from __future__ import annotations
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from ..core import FINDINGS, IntegrityError, csv_rows, one_line
from ..images import is_image_name
from .catalog import Rule, Source, split_bar, split_list
from .tree import Tree

__all__ = ["Item", "Reject", "Listing", "list_source"]

JUNK_FOLDERS = {"__MACOSX"}
JUNK_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class Item:
    "An image of a source, with what the source says of it."
    source: str
    file: str                # on disk; its name may be a hash
    path: str                # relative to the source, with /; arrays: file.npz#train/0
    array: tuple[str, int]|None  # (key of the npz, row)
    source_label: str
    findings: tuple[str, ...]
    patients: tuple[str, ...]  # the first is the manifest's; more where two rows speak of one file
    radiograph: str          # declared identity, or ''
    view: str
    age: str
    sex: str
    official: str            # split that the source fixes, or ''
    rule: Rule

@dataclass(frozen=True, slots=True)
class Reject:
    "A file, or a table's row, that does not reach the folder: a row of rejects.csv."
    path: str
    sha256: str
    source: str
    stage: str    # list | table | label | filter | scan | recipe | split | quick
    reason: str
    message: str

REJECT_COLUMNS = ("path", "sha256", "source", "stage", "reason", "message")


@dataclass(frozen=True)
class Listing:
    items: list[Item]
    rejects: list[Reject]
    warnings: list[str]


# ---- files

@lru_cache(maxsize=256)
def glob_regex(glob:str)->re.Pattern:
    "A glob over / paths: * and ? stay within a folder, **/ crosses any number of them."
    parts = re.split(r"(\*\*/|\*|\?)", glob)
    return re.compile("".join({"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(p, re.escape(p)) for p in parts))

def is_junk(path:str)->bool:
    "What an operating system leaves in archives."
    p = PurePosixPath(path)
    return bool(JUNK_FOLDERS & set(p.parts)) or p.name in JUNK_NAMES or p.name.startswith("._")

def is_text(path:str)->bool:
    "Whether a name is valid UTF-8, so that a manifest can hold it."
    try: return bool(path.encode())
    except UnicodeEncodeError: return False

def match(globs, paths)->list[str]: return [p for p in paths if any(glob_regex(g).fullmatch(p) for g in globs)]


# ---- tables

def read_table(tree:Tree, rule:Rule, paths:list[str])->dict[str, list[dict]]:
    "File name, or stem, -> the rows that speak of it. The shallowest file that meets `rule.table` is read."
    found = sorted(match([rule.table], paths), key=lambda p: (p.count("/"), p))
    if not found:
        raise IntegrityError(f"{rule.source}: no table {rule.table!r} in {tree.where} (catalogue row {rule.row}). "
                             "Fetch the source whole, or mend the row.")
    file = tree.file(found[0])
    encoding = rule.encoding if rule.encoding == "latin-1" else "utf-8-sig"
    columns, table = csv_rows(file.read_bytes(), f"{file} (catalogue row {rule.row}, column encoding)", encoding)
    rows: dict[str, list[dict]] = {}
    _check_columns(rule, columns, file)
    for row in table:
        key = fill(rule.table_key, row)
        if not key: continue
        cells = {k: (v or "").strip() for k, v in row.items() if isinstance(v, str) or v is None}
        rows.setdefault(key, []).append(cells)
    return rows

def _check_columns(rule:Rule, have, file):
    named = set(FIELD.findall(rule.table_key)) | ({rule.label_key} if rule.label_from == "column" else set())
    for col in sorted(named - set(have)):
        raise IntegrityError(f"{file}: no column {col!r} (catalogue row {rule.row}); it has {', '.join(have)}.")

FIELD = re.compile(r"\{([^{}]+)\}")

def fill(template:str, fields:dict)->str:
    "The template with its {fields} put in; '' where one is unknown."
    names = FIELD.findall(template)
    if any(not (fields.get(n) or "").strip() for n in names): return ""
    return FIELD.sub(lambda m: fields[m[1]].strip(), template)


# ---- one source

def list_source(source:Source, tree:Tree)->Listing:
    """All images of a source.
    Raises `IntegrityError` where a glob or a table meets nothing: the files are not what the rows describe."""
    every = list(tree.files)
    paths = [p for p in every if not is_junk(p) and is_text(p)]
    rejects = [_reject(source, p, "list", "junk", "left by an operating system in the archive")
               for p in every if is_junk(p)]
    rejects += [_reject(source, ascii(p)[1:-1], "list", "name_not_utf8", "its name is no UTF-8: rename it")
                for p in every if not is_text(p)]
    rejects += [_reject(source, p if is_text(p) else ascii(p)[1:-1], "list", reason, message)
                for p, reason, message in tree.dropped]
    for g in source.globs:
        if not match([g], paths):
            seen = f"{len(paths)} other files, {paths[0]} the first" if paths else "no file at all"
            row = next(r.row for r in source.rules if g in split_list(r.glob))
            raise IntegrityError(f"{source.id}: nothing in {tree.where} meets the glob {g!r} "
                                 f"(catalogue row {row}); there is {seen}. "
                                 "Fetch the source whole, or mend the row.")
    met = match(source.globs, paths)
    outside = set(paths) - set(met)
    rejects += [_reject(source, p, "list", "outside_globs", "no glob of the catalogue meets it")
                for p in sorted(outside) if is_image_name(p)]
    if source.label_from == "shard":
        raise IntegrityError(f"{source.id}: TFRecord shards cannot be read yet. Curate nih_sample or nih_full instead.")
    pairs = _array_pairs(source, tree, met) if source.label_from == "array" else _file_pairs(source, tree, met, paths)
    found = list(pairs)
    items = [x for x in found if isinstance(x, Item)]
    rejects += [x for x in found if isinstance(x, Reject)]
    return Listing(items, rejects, _count_warnings(source, found))

def _reject(source:Source, path:str, stage:str, reason:str, message:str)->Reject:
    return Reject(path, "", source.id, stage, reason, one_line(message))

def _file_pairs(source:Source, tree:Tree, met:list[str], paths:list[str]):
    tables = {r.table: read_table(tree, r, paths) for r in {r.table: r for r in source.rules if r.table}.values()}
    official = _official_lists(source, tree, paths)
    used = set()
    for path in met:
        name, stem = PurePosixPath(path).name, PurePosixPath(path).stem
        keys = {t: next((k for k in (name, stem, path) if k in rows), None) for t, rows in tables.items()}
        used |= set(keys.items())
        rows = {t: tables[t].get(k, []) for t, k in keys.items()}
        yield _label(source, tree, path, rows, official)
    for t, rows in tables.items():
        for key in rows:
            if (t, key) not in used:
                yield _reject(source, key, "table", "missing_file", f"{t} has a row for it, but there is no such file")

def _official_lists(source:Source, tree:Tree, paths:list[str])->dict[str, set]:
    out = {}
    for r in source.rules:
        if not r.split.startswith("list:") or r.split in out: continue
        found = match(["**/" + r.split[5:]], paths)
        if not found:
            raise IntegrityError(f"{source.id}: no {r.split[5:]} in {tree.where}: "
                                 f"it names the official test set (row {r.row}). Fetch it too.")
        out[r.split] = set(tree.file(found[0]).read_text(encoding="utf-8").split())
    return out

def _label(source:Source, tree:Tree, path:str, rows:dict, official:dict)->Item|Reject:
    "The first rule that applies to the file makes it an Item; where none does, a Reject says what label was found."
    p = PurePosixPath(path)
    said, missing = [], False
    for rule in source.rules:
        if not any(glob_regex(g).fullmatch(path) for g in split_list(rule.glob)): continue
        if rule.table and not rows.get(rule.table): missing = True; continue
        m = re.search(rule.name_regex, path) if rule.name_regex else None
        if rule.name_regex and not m: continue
        table_rows = rows.get(rule.table) or [{}]
        groups = {k: v or "" for k, v in m.groupdict().items()} if m else {}
        fields = [{**row, **groups, "name": p.name, "stem": p.stem} for row in table_rows]
        labels = {_said(rule, f, p) for f in fields}
        if len(labels) > 1:
            return _reject(source, path, "table", "ambiguous_row",
                           f"rows of {rule.table} call it {' and '.join(sorted(labels))}")
        said.append(labels.pop())
        if (findings := _findings(source, rule, said[-1])) is not None:
            split = _official(rule, path, official)
            return _item(source, rule, tree.files[path], path, None, said[-1], findings, fields, split)
    if missing: return _reject(source, path, "table", "no_row", f"{source.table} has no row for it")
    why = f"for the label {said[0]!r}" if said else "fits its name"
    return _reject(source, path, "label", "unknown_label", f"no rule of {source.id} {why}")

def _said(rule:Rule, fields:dict, p:PurePosixPath)->str:
    if rule.label_from == "folder": return p.parent.name
    if rule.label_from == "name": return fields.get("label", "")
    if rule.label_from == "column": return fields.get(rule.label_key, "")
    return rule.label_value

def _findings(source:Source, rule:Rule, said:str)->tuple[str, ...]|None:
    "Findings of a label that this rule begins; several labels of a cell are joined by | and each needs a rule."
    parts = split_bar(said) or ("blank",)
    if parts[0] != rule.label_value: return None
    if len(parts) == 1: return split_bar(rule.findings)
    by = {r.label_value: split_bar(r.findings) for r in reversed(source.rules)}
    if not all(p in by for p in parts): return None
    found = {f for p in parts for f in by[p]}
    return tuple(f for f in FINDINGS if f in found)

def _official(rule:Rule, path:str, lists:dict)->str:
    if rule.split == "train": return "train"
    if rule.split.startswith("path:"):
        m = re.search(rule.split[5:], path)
        return next((k for k, v in m.groupdict().items() if v is not None), "") if m else ""
    if rule.split.startswith("list:"): return "test" if PurePosixPath(path).name in lists[rule.split] else ""
    return ""

def _item(source, rule, file, path, array, said, findings, fields:list[dict], official)->Item|Reject:
    f = fields[0]
    patients = tuple(dict.fromkeys(p for x in fields if (p := fill(rule.patient, x))))
    for what in ("modality", "view"):
        value, keep = fill(getattr(rule, what), f), getattr(rule, f"{what}_keep")
        if keep and (value or "blank").lower() not in keep.lower().split("|"):
            return _reject(source, path, "filter", what,
                           f"{what} {value or 'blank'!r} is none of {keep.replace('|', ', ')}")
    view, age, sex = (fill(template, f) for template in (rule.view, rule.age, rule.sex))
    return Item(source.id, file, path, array, said, findings, patients, fill(rule.radiograph, f),
                view_of(view), years(age), sex_of(sex), official, rule)

def _array_pairs(source:Source, tree:Tree, met:list[str]):
    "Items of PneumoniaMNIST-style files: arrays train_images, train_labels, val_..., test_...; any may be absent."
    import numpy as np
    for path in met:
        try: npz = np.load(tree.file(path), allow_pickle=False)
        except Exception as e:  # zipfile, numpy and OS errors
            raise IntegrityError(f"{path} in {tree.where}: no readable npz file: {one_line(e)}. Fetch it again.") from e
        for part, split in (("train", "train"), ("val", "valid"), ("test", "test")):
            if f"{part}_labels" not in npz or f"{part}_images" not in npz: continue
            for i, label in enumerate(npz[f"{part}_labels"].reshape(-1)):
                yield _array_item(source, tree.files[path], path, part, split, i, str(int(label)))

def _array_item(source, file, path, part, split, i, said)->Item|Reject:
    at = f"{path}#{part}/{i}"
    for rule in source.rules:
        if rule.label_value == said:
            fields = [{"name": at, "stem": at}]
            official = split if rule.split == "array" else ""
            return _item(source, rule, file, at, (f"{part}_images", i), said, split_bar(rule.findings), fields,
                         official)
    return _reject(source, at, "label", "unknown_label", f"no rule of {source.id} for the label {said!r}")

def _count_warnings(source:Source, found:list)->list[str]:
    "Counts that differ from the catalogue's, with both numbers, and labels without a rule."
    images = sum(not (isinstance(x, Reject) and x.reason == "missing_file") for x in found)
    said: dict[str, int] = {}
    for x in found:
        if isinstance(x, Item):
            for part in split_bar(x.source_label) or ("blank",): said[part] = said.get(part, 0) + 1
    counts = [("images", images, source.expected_total, "expected_total" in split_bar(source.unconfirmed))]
    counts += [(repr(r.label_value), said.get(r.label_value, 0), r.expected, "expected" in split_bar(r.unconfirmed))
               for r in source.rules]
    off = [f"{what} {have} of {want}{' (unconfirmed)' if doubt else ''}"
           for what, have, want, doubt in counts if want and have != int(want)]
    out = [f"{source.id}: found, of what the catalogue expects: {', '.join(off)}"] if off else []
    unknown = [x for x in found if isinstance(x, Reject) and x.reason == "unknown_label"]
    if unknown:
        first = unknown[0]
        out.append(f"{source.id}: {len(unknown)} images left out: {first.message} ({first.path} the first)")
    return out


# ---- words of the sources in one form

def view_of(said:str)->str:
    "PA, AP or L where the word says so, else the word."
    up = said.upper()
    if up.startswith(("AP", "PA")): return up[:2]
    return "L" if up in ("L", "LL", "LATERAL") else said

def years(said:str)->str:
    "Age in years from 065Y, 001D, 14 M, 65, 50+; '' where unknown or above 120."
    m = re.match(r"\s*(\d+(?:\.\d+)?)\s*([YMWD]?)", said.upper())
    if not m: return ""
    n = float(m[1]) / {"M": 12, "W": 365.25 / 7, "D": 365.25}.get(m[2], 1)
    return f"{round(n, 2):g}" if n <= 120 else ""

def sex_of(said:str)->str: return said[:1].upper() if said[:1].upper() in ("F", "M") else ""
