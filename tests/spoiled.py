"""What the fuzz tests are made of: cells, tables, records, recipes, bytes, names, numbers, and ways to spoil each.

Every strategy draws small inputs near to valid ones, since random bytes alone are refused at the first door.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import json
import os
import shutil
from pathlib import Path

from hypothesis import strategies as st

ODD_TEXTS = (
    "", " ", "\0", "nan", "-1", "1e999", "NaN", "=1+1", "a/../b", "é", "é", "\ud800", "\udcff",
    "|", "||", "?", "*", "[", "{", "{}", "{0}", "{x", "%s", "\\", "C:\\x", "(", "**", "yes", "no", "none", "normal",
    "covid_19", "no_finding", "train", "test", "x" * 300, "x" * 5000, "9" * 5000, "١٢", "²", "\r", "\n", "a\nb", ",",
    "folder", "file", "column", "columns", "table", "http", "kaggle", "local", "one", "*.csv", "true",
)  # fmt: skip


def _stays(text: str) -> bool:
    """A word that, taken for a path to write, leads nowhere out of the folder of its case."""
    return not text.startswith(("/", "..", "~"))


texts = st.sampled_from(ODD_TEXTS) | st.text(max_size=12).filter(_stays)
cells = st.sampled_from(ODD_TEXTS) | st.text(st.characters(codec="utf-8"), max_size=12)

NUMBERS = (
    "-1", "0", "1", "-0", "1e9", "1e400", "-1e400", "nan", "inf", "0x10", "1_0", "10" * 40, "9" * 5000, "", " ", "one",
    "²", "٣", ".5", "1.", "4294967296", "-9223372036854775809", "1,2", "1,,2", "0.0000001",
)  # fmt: skip
numbers = st.sampled_from(NUMBERS) | st.integers().map(str) | st.floats().map(str)


# ---- values of JSON and TOML

ODD_VALUES = (
    None, True, False, 0, -1, 1, 3, 10**400, -(10**30), 2**63, 1e308, -0.0, 0.5, float("nan"), float("inf"),
    "", "x", "9" * 400, [], {}, [[]], [{}], {"": ""}, [None], ["a", "a"], {"a": {"b": []}}, [1, "1"], "\ud800",
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.sampled_from(ODD_VALUES).map(copy.deepcopy) | st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def spoiled_record(draw, record: dict) -> dict:
    """A record of JSON with one to three places, at any depth, replaced, taken out or added."""
    spoiled = copy.deepcopy(record)
    for _ in range(draw(st.integers(1, 3))):
        _spoil(draw, spoiled)
    return spoiled


def _spoil(draw, node) -> None:
    """Change one place of a dict or list, perhaps below it."""
    keys = sorted(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key = draw(st.sampled_from(keys))
    deeper = isinstance(node[key], (dict, list)) and node[key]
    if deeper and draw(st.booleans()):
        _spoil(draw, node[key])
        return
    how = draw(st.sampled_from(("replace", "replace", "remove", "add")))
    if how == "remove":
        del node[key]
    elif how == "add" and isinstance(node, dict):
        node[draw(texts)] = draw(values)
    else:
        node[key] = draw(values)


def each_place(node, path: tuple = ()):
    """Every place of nested dicts and lists, as the keys that lead to it."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield (*path, key)
        yield from each_place(node[key], (*path, key))


def each_spoiled(record: dict):
    """The record with each odd value in each of its places."""
    for path in each_place(record):
        for value in ODD_VALUES:
            spoiled = copy.deepcopy(record)
            node = spoiled
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = copy.deepcopy(value)
            yield path, spoiled


def deep(levels: int = 3000) -> bytes:
    """JSON nested deeper than a parser goes."""
    return b"[" * levels + b"]" * levels


@st.composite
def json_files(draw, record: dict) -> bytes:
    """A JSON file near to one that holds `record`."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from((deep(), deep(200000), b'{"a":' * 2000)))
    data = json.dumps(draw(spoiled_record(record))).encode("utf-8", "surrogatepass")
    return draw(bent_bytes(data)) if draw(st.integers(0, 4)) == 0 else data


# ---- bytes


@st.composite
def bent_bytes(draw, data: bytes) -> bytes:
    """Bytes cut off, overwritten at one place, or replaced altogether."""
    how = draw(st.sampled_from(("cut", "overwrite", "insert", "random", "encoding")))
    at = draw(st.integers(0, len(data)))
    few = draw(st.binary(min_size=1, max_size=8))
    if how == "cut":
        return data[:at]
    if how == "overwrite":
        return data[:at] + few + data[at + len(few) :]
    if how == "insert":
        return data[:at] + few * draw(st.sampled_from((1, 100))) + data[at:]
    if how == "encoding":
        encoding = draw(st.sampled_from(("utf-16", "utf-32", "utf-8-sig")))
        return data.decode("utf-8", "replace").encode(encoding)
    return draw(st.binary(max_size=64))


# ---- tables


def table_of(columns: list, rows: list) -> bytes:
    """A csv of UTF-8; what UTF-8 cannot say is written in its own way."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([columns, *rows])
    return out.getvalue().encode("utf-8", "surrogatepass")


@st.composite
def csv_files(draw, columns: list, rows: list) -> bytes:
    """A csv near to one of these columns and rows."""
    columns, rows = list(columns), [list(row) for row in rows]
    for _ in range(draw(st.integers(1, 3))):
        how = draw(
            st.sampled_from(("cell", "cell", "cell", "column", "header", "row", "short", "twice"))
        )
        row = draw(st.integers(0, len(rows) - 1))
        at = draw(st.integers(0, len(columns) - 1))
        if how == "cell" and at < len(rows[row]):
            rows[row][at] = draw(cells)
        elif how == "column" and len(columns) > 1:
            del columns[at]
            rows = [cells_[:at] + cells_[at + 1 :] for cells_ in rows]
        elif how == "header":
            columns[at] = draw(cells)
        elif how == "row":
            rows.append(draw(st.lists(cells, max_size=5)))
        elif how == "short":
            rows[row] = rows[row][:at]
        elif how == "twice":
            columns.append(columns[at])
            rows = [[*cells_, draw(cells)] for cells_ in rows]
    data = table_of(columns, rows)
    return draw(bent_bytes(data)) if draw(st.integers(0, 4)) == 0 else data


# ---- recipes


def toml_of(value) -> str:
    """A value as TOML writes it inline."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        inner = ", ".join(f"{toml_of(str(k))} = {toml_of(v)}" for k, v in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_of, value))}]"
    return json.dumps(str(value), ensure_ascii=True)


@st.composite
def recipe_files(draw, recipe: dict) -> bytes:
    """A recipe file near to one of `recipe`."""
    record = draw(spoiled_record(recipe))
    lines = [f"{toml_of(str(key))} = {toml_of(value)}" for key, value in record.items()]
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return draw(bent_bytes(data)) if draw(st.integers(0, 4)) == 0 else data


# ---- names and trees

ODD_NAMES = (
    "é", "é", " ", "a b", ".hidden", "a.", "..", ".", "...", "-", "--out", "x" * 300, "x/" * 3000, "a\nb", "\udcff",
    "\ud800", "a\0b", "*", "[a]", "a;b", "C:", "__MACOSX", ".DS_Store", "Thumbs.db", "CON", "\x1b[2J", "‮",
    "/dev/null", "/proc/self/mem", "",
)  # fmt: skip
names = st.sampled_from(ODD_NAMES) | st.text(min_size=1, max_size=8).filter(_stays)


def spoil_tree(draw, root: Path) -> None:
    """Change one to three files or folders below a folder."""
    for _ in range(draw(st.integers(1, 3))):
        places = sorted(path for path in root.rglob("*") if not path.is_symlink())
        if places:
            _spoil_place(draw, draw(st.sampled_from(places)))


def _spoil_place(draw, place: Path) -> None:
    """Put another thing in the place of a file or folder, or beside it; odd names may not be possible."""
    how = draw(
        st.sampled_from(
            ("bend", "remove", "folder", "loop", "nothing", "locked", "pipe", "odd", "rename")
        )
    )
    if how in ("odd", "rename"):
        name = draw(names)
        beside = place.parent / name if name else place
        _try_name(place, beside, how == "rename")
        return
    if how == "locked":
        _unlink_copy(place)
        place.chmod(0)
        return
    if how == "bend":
        if place.is_file():
            data = draw(bent_bytes(place.read_bytes()))
            place.unlink()
            place.write_bytes(data)
        return
    _remove(place)
    if how == "folder":
        place.mkdir()
    elif how == "loop":
        place.symlink_to(place.name)
    elif how == "nothing":
        place.symlink_to("nowhere")
    elif how == "pipe":
        os.mkfifo(place)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()


def _unlink_copy(place: Path) -> None:
    """Give a linked file bytes of its own, so that its mode is its own too."""
    if place.is_file():
        data = place.read_bytes()
        place.unlink()
        place.write_bytes(data)


def _try_name(place: Path, beside: Path, move: bool) -> None:
    """Move a file or folder to an odd name, or write a file of that name; not outside its folder."""
    if beside.parent != place.parent or beside.name in ("", ".", ".."):
        return
    try:
        if move:
            place.rename(beside)
        elif not beside.exists():
            beside.write_bytes(b"odd")
    except (OSError, ValueError):
        return  # no file can have this name here


# ---- what the house wrote


def rows_of(file: Path) -> tuple[list[str], list[list[str]]]:
    rows = list(csv.reader(file.read_text().splitlines()))
    return rows[0], rows[1:]


def put(file: Path, data: bytes) -> None:
    """Write a file anew: what stands there is a link to the world's."""
    file.unlink(missing_ok=True)
    file.write_bytes(data)


def spoil_curated(draw, data: Path) -> None:
    """Change manifest.csv, curation.json, or the images."""
    what = draw(st.sampled_from(("manifest", "curation", "tree", "nothing")))
    if what == "manifest":
        put(data / "manifest.csv", draw(csv_files(*rows_of(data / "manifest.csv"))))
    elif what == "curation":
        record = json.loads((data / "curation.json").read_text())
        put(data / "curation.json", draw(json_files(record)))
    elif what == "tree":
        spoil_tree(draw, data)


def spoil_bundle(draw, bundle: Path) -> None:
    """Change bundle.json, the weights, or the tree."""
    what = draw(st.sampled_from(("meta", "meta", "meta", "weights", "tree", "nothing")))
    if what == "meta":
        record = json.loads((bundle / "bundle.json").read_text())
        put(bundle / "bundle.json", draw(json_files(record)))
    elif what == "weights":
        weights = draw(bent_bytes((bundle / "model.safetensors").read_bytes()))
        put(bundle / "model.safetensors", weights)
        record = json.loads((bundle / "bundle.json").read_text())
        record["weights_sha256"] = hashlib.sha256(weights).hexdigest()
        put(bundle / "bundle.json", json.dumps(record).encode())
    elif what == "tree":
        spoil_tree(draw, bundle)
