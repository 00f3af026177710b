"""What reading the headers of a folder of DICOM costs, beside decoding it.

.venv/bin/python benchmarks/dicom_headers.py [FOLDER] [--files 3000] [--size 1024] [--rounds 3]

Without a FOLDER it writes one, of drawn films of 12 bits with headers of 40 elements. Prints the
medians of rounds that take turns, in one process: listing the folder and telling its pictures,
reading the headers, decoding the pixels, and the whole fingerprint of the scan. Decoding is
measured on a sample.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cxr_fastai.curation.copies.fingerprint import fingerprint
from cxr_fastai.curation.own.dicom_headers import read_headers
from cxr_fastai.curation.own.user_folder import user_tree
from cxr_fastai.images import decode
from cxr_fastai.phantom import draw
from cxr_fastai.reporting.text import table

SAMPLE = 100  # files that are decoded
FILMS = 20  # drawn ones; each file has one of them, with noise of its own
PATIENT_WORDS = ("PatientID", "PatientName", "PatientSex", "PatientAge", "PatientBirthDate")


def main() -> None:
    """Measure."""
    args = _arguments()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(args.folder) if args.folder else _written(Path(made), args.files, args.size)
        print("\n".join(_table(folder, args.rounds)))


def _arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


# ---- a folder


def _written(root: Path, files: int, size: int) -> Path:
    """Write drawn films as a disc has them; return their folder."""
    films = [draw("normal", seed, 256) for seed in range(FILMS)]
    for number in range(files):
        rng = np.random.default_rng(number)
        side = size // 256
        levels = np.kron(films[number % FILMS], np.ones((side, side), np.uint16)) * np.uint16(16)
        levels += rng.integers(0, 16, levels.shape, np.uint16)
        place = root / "films" / f"PAT{number // 2:05}" / f"ST{number % 2:05}" / "IM00001"
        place.parent.mkdir(parents=True)
        _write(place, levels, number)
    return root / "films"


def _write(file: Path, levels: np.ndarray, number: int) -> None:
    """Write a computed radiograph of 12 bits."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ComputedRadiographyImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.ViewPosition, ds.StudyDate = "CR", "PA", "20190203"
    values = (f"{number // 2:07}", "A^NAME", "F", "054Y", "19640101")
    for word, value in zip(PATIENT_WORDS, values):
        setattr(ds, word, value)
    for element in range(0x10, 0x28):  # as machines fill their headers
        ds.add_new(0x00180000 + 0x1400 + element, "LO", "a text of a machine")
    ds.Rows, ds.Columns = levels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = levels.tobytes()
    ds.save_as(file, enforce_file_format=True)


# ---- what it costs


def _table(folder: Path, rounds: int) -> list[str]:
    """Measure a folder, and tell it."""
    found = user_tree(folder)
    files = {path: found.tree.files[path] for path in found.images}
    paths = list(files.values())
    sample = paths[:: max(len(paths) // SAMPLE, 1)][:SAMPLE]
    steps: dict[str, Callable[[], int]] = {
        "listing": lambda: len(user_tree(folder).images),
        "headers": lambda: len(read_headers(files, ("patient",)).fields),
        "decoding": lambda: sum(decode(path).size > 0 for path in sample),
        "fingerprint": lambda: sum(bool(fingerprint(path).sha256) for path in sample),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(_each(step))
    each = {name: statistics.median(taken) for name, taken in times.items()}
    rows = [("step", "ms a file", "of decoding")]
    for name, seconds in each.items():
        rows.append((name, f"{1000 * seconds:.2f}", f"{seconds / each['decoding']:.1%}"))
    return [f"{len(paths):,} files, {len(sample)} of them decoded", *table(rows, left=1)]


def _each(step: Callable[[], int]) -> float:
    """Return the seconds that a step takes for each file."""
    begun = time.perf_counter()
    files = step()
    return (time.perf_counter() - begun) / files


if __name__ == "__main__":
    main()
