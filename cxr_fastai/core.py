"""The house's nouns and its error tree. Standard library only; every other room may import this one, it imports none.

CxrError                 exit code
├── UsageError           2   what was asked for cannot be done as asked
│   ├── UnknownName      2   a name that is none of the allowed ones
│   ├── CatalogError     2   a wrong row of data_manifest.csv
│   ├── RecipeError      2   a wrong key or value in a recipe file
│   └── NotCurated       2   a folder that `cxr curate` did not write, or whose manifest is wrong
├── SourceUnavailable    3   a source, or weights, that cannot be had from here
├── IntegrityError       4   bytes or counts that are not what they claim to be
│   ├── ImageRejected    4   a file that is no readable radiograph; carries a reason code
│   └── NotTrained       4   a bundle whose network never learned
└── StorageError         5   disk or permission
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

__all__ = [
    "CxrError",
    "UsageError",
    "UnknownName",
    "CatalogError",
    "RecipeError",
    "NotCurated",
    "SourceUnavailable",
    "IntegrityError",
    "ImageRejected",
    "NotTrained",
    "StorageError",
    "FINDINGS",
    "SPLITS",
    "Task",
    "FolderWarning",
    "Prediction",
    "atomic_path",
    "write_text",
    "write_json",
    "make_folder",
    "check_writable",
    "csv_rows",
    "SURPLUS",
    "sha256_file",
    "sha256_text",
    "unknown_name",
    "cache_dir",
    "package_file",
    "one_line",
    "printable",
    "size_text",
]


class CxrError(Exception):
    """One line for people: what, where, what was found, what to do."""

    exit_code = 1


class UsageError(CxrError):
    exit_code = 2


class UnknownName(UsageError):
    pass


class CatalogError(UsageError):
    pass


class RecipeError(UsageError):
    pass


class NotCurated(UsageError):
    pass


class SourceUnavailable(CxrError):
    exit_code = 3


class IntegrityError(CxrError):
    exit_code = 4


class NotTrained(IntegrityError):
    pass


class StorageError(CxrError):
    exit_code = 5


class ImageRejected(IntegrityError):
    """A file that is no readable radiograph. `reason` is a code of `images.REASONS`."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self):
        return type(self), (self.reason, str(self))  # crosses process borders whole


# ---- vocabulary

# What a radiograph shows, in one vocabulary for all sources; recipes map these to classes.
# NIH's fourteen are those of ChestX-ray14 (Wang et al. 2017, arXiv 1705.02315);
# `pneumonia` is pneumonia of unknown cause.
NIH_FINDINGS = (
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "edema",
    "effusion",
    "emphysema",
    "fibrosis",
    "hernia",
    "infiltration",
    "mass",
    "nodule",
    "pleural_thickening",
    "pneumonia",
    "pneumothorax",
)
FINDINGS = (
    "no_finding",
    *NIH_FINDINGS,
    "bacterial_pneumonia",
    "viral_pneumonia",
    "fungal_pneumonia",
    "lipoid_pneumonia",
    "covid_19",
    "ards",
    "tuberculosis",
    "lung_opacity",
    "abnormal",
)
# What a finding leaves open: pneumonia of unknown cause may be bacterial. Under a recipe of several findings these are
# then unknown, neither present nor absent.
LEAVES_OPEN = {
    "abnormal": FINDINGS[1:],
    "pneumonia": (
        "bacterial_pneumonia",
        "viral_pneumonia",
        "fungal_pneumonia",
        "lipoid_pneumonia",
        "covid_19",
    ),
    "lung_opacity": (
        "atelectasis",
        "consolidation",
        "edema",
        "infiltration",
        "mass",
        "nodule",
        "pneumonia",
        "bacterial_pneumonia",
        "viral_pneumonia",
        "fungal_pneumonia",
        "covid_19",
        "tuberculosis",
    ),
    "covid_19": ("pneumonia", "viral_pneumonia", "lung_opacity", "consolidation", "infiltration"),
    "ards": ("edema", "consolidation", "infiltration", "lung_opacity"),
}
SPLITS = ("train", "valid", "test")
SURPLUS = "(surplus)"  # csv_rows: cells beyond the columns


class Task(str, Enum):
    """What a recipe asks of an image. Written to files as its value, a plain string."""

    SINGLE_LABEL = "single_label"  # one class an image
    MULTI_LABEL = "multi_label"  # any number of classes, each present, absent or unknown

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class FolderWarning:
    """What a reader must know of a folder before a score on it is believed.

    Rooms ask for `kind`; nothing searches the sentences.
    """

    kind: str  # of one vocabulary, as class_of_one_source; each room lists the kinds that it gives
    says: str  # one sentence, whose numbers are of this folder
    do: str = ""  # what a person can do about it
    title: str = ""  # a few words, for a heading
    numbers: dict | list | None = None  # what `says` was made from, as strict JSON

    def __str__(self) -> str:
        return self.says

    def to_dict(self) -> dict:
        """All fields, as strict JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Prediction:
    """What a bundle says of one radiograph."""

    label: str | None  # the class, or None where it abstained
    probs: dict[str, float]  # class -> probability, 0-1; sums to 1 for a single-label task
    thresholds: dict[str, float] = field(
        default_factory=dict
    )  # class -> least probability to answer it;
    # empty: highest wins
    abstained: bool = False
    reason: str = ""  # why it abstained


def unknown_name(
    kind: str,  # what the name names: "class", "source id"
    name: str,  # what was given
    allowed,  # the names that exist
    where: str = "",  # file and row, if it stands in one
) -> str:
    """The sentence for a name that does not exist: received, allowed, nearest."""
    allowed = list(allowed)
    near = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}{' in ' + where if where else ''}: expected one of {', '.join(allowed)}.{hint}"


def one_line(text) -> str:
    """`text` with line breaks and runs of blanks folded, for an error or a csv cell."""
    return " ".join(str(text).split())


def size_text(
    n,  # bytes
) -> str:
    """A size as people read it: 812 bytes, 3.4 kB, 2.1 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.1f} {unit}" if unit != "bytes" else f"{n:.0f} bytes"
        n /= 1000
    return f"{n:,.1f} TB"


def printable(text) -> str:
    """One line that no terminal takes for commands: line breaks, escapes, bidi marks, broken Unicode spelled out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


# ---- files


def _storage_error(path, e: OSError) -> StorageError:
    why = e.strerror or e
    return StorageError(
        f"cannot write {path}: {why}. Choose another --out, or free space or permission there."
    )


def check_writable(path):
    """Raise `StorageError` where a folder `path` could not be made or written to; changes nothing."""
    at = Path(path)
    while not at.exists() and at != at.parent:
        at = at.parent
    if not at.is_dir():
        raise StorageError(f"cannot write {path}: {at} is a file. Choose another --out.")
    if not os.access(at, os.W_OK | os.X_OK):
        raise StorageError(
            f"cannot write {path}: permission denied in {at}. "
            "Choose another --out, or change its permission."
        )


def make_folder(path) -> Path:
    """Create `path` and its parents. Raises `StorageError` where that cannot be done or written to."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _storage_error(path, e) from e
    check_writable(path)
    return path


@contextmanager
def atomic_path(
    path,
    sync=True,  # also against power loss; False where thousands of files can be written again
):
    """Yield a temporary path beside `path`; on success it becomes `path`, on failure nothing is left.
    Raises `StorageError`.
    """
    path = Path(path)
    part = path.with_name(f".{path.name[:80]}.{os.getpid()}.part")
    try:
        yield part
        if sync:
            with open(part, "rb") as f:
                os.fsync(f.fileno())
        os.replace(part, path)
    except OSError as e:
        raise _storage_error(path, e) from e
    finally:
        if part.exists():
            part.unlink()


def write_text(path, text: str) -> bool:
    """Write `text` as UTF-8, whole or not at all. Returns False, writing nothing, where the file already holds it."""
    path, data = Path(path), text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    with atomic_path(path) as part:
        part.write_bytes(data)
    return True


def write_json(path, obj) -> bool:
    """Write `obj` as indented JSON with a final newline, whole or not at all."""
    return write_text(path, json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def csv_rows(
    data: bytes,  # of a csv file
    where,  # names it in errors
    encoding="utf-8-sig",
    error=IntegrityError,  # what a file that is no csv raises
) -> tuple[list[str], list[dict]]:
    """(columns, rows) of a csv; a row's missing cells are None, surplus ones stand under `SURPLUS`."""
    try:
        reader = csv.DictReader(io.StringIO(data.decode(encoding), newline=""), restkey=SURPLUS)
        return list(reader.fieldnames or ()), list(reader)
    except UnicodeDecodeError as e:
        raise error(
            f"{where}: not {encoding.removesuffix('-sig')}: {e.reason} at byte {e.start}."
        ) from e
    except csv.Error as e:
        raise error(f"{where}: no readable csv: {e}.") from e


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            h.update(chunk)
    return h.hexdigest()


def cache_dir() -> Path:
    """Where what can be computed again is kept: $CXR_CACHE, or cxr_fastai in the user's cache folder."""
    if env := os.environ.get("CXR_CACHE"):
        return Path(env)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cxr_fastai"


def package_file(*parts: str) -> Path:
    """A data file that travels in the package: a recipe, a template, data_manifest.csv."""
    return Path(__file__).parent.joinpath(*parts)
