"""What comes of each kind of DICOM file, held against pydicom's own steps, and how soon.

.venv/bin/python benchmarks/dicom_kinds.py [--films FOLDER] [--side 3000] [--rounds 5]

The files are those that the tests draw (tests/toy_dicoms.py, tests/hostile_dicoms.py),
with those that pydicom ships, and those of FOLDER where one is given. Three tables: kinds that are
read, with the greatest gray level by which they differ from pydicom's apply_modality_lut,
apply_voi_lut and inversion; kinds that are refused, with their reason; and the time that a film of
12 bits takes, as a multiple of pydicom's decoding alone.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import read

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS)]

from hostile_dicoms import TABLE  # noqa: E402
from toy_dicoms import CODINGS, coded, dicom, encapsulated, film, jpeg, lut  # noqa: E402

BITS = (8, 10, 12, 14, 16)
TIMED = ("native", "RLELossless", "JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless")
CURVE = np.rint(4095 * (np.arange(4096) / 4095) ** 0.6).astype(np.int64)


def by_pydicom(data: bytes) -> np.ndarray | None:  # (rows, columns) uint8; None: it decodes none
    """Return what pydicom's own steps give, its scale brought to 8 bits."""
    ds = pydicom.dcmread(io.BytesIO(data))
    try:
        levels = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds).astype(np.float64)
    except (RuntimeError, NotImplementedError):
        return None
    least, greatest = scale_of(ds)
    shares = (levels - least) / (greatest - least)
    if ds.PhotometricInterpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE":
        shares = 1 - shares
    return np.rint(np.round(shares * 255, 6)).astype(np.uint8)


def scale_of(ds: pydicom.Dataset) -> tuple[float, float]:
    """Return the ends of the scale of pydicom's result."""
    for keyword in ("VOILUTSequence", "ModalityLUTSequence"):
        if keyword in ds:
            return 0, 2 ** ds[keyword][0].LUTDescriptor[2] - 1
    top = 2**ds.BitsStored - 1
    least = -(2 ** (ds.BitsStored - 1)) if ds.PixelRepresentation else 0
    slope = float(ds.get("RescaleSlope", 1))
    intercept = float(ds.get("RescaleIntercept", 0))
    return least * slope + intercept, (least + top) * slope + intercept


def kinds() -> dict[str, bytes]:
    """Draw a file of each kind that is read."""
    found = {}
    for bits in BITS:
        for is_signed in (False, True):
            levels = film(bits, is_signed, rows=200, columns=180)
            sign = "signed" if is_signed else "unsigned"
            for photometric in ("MONOCHROME2", "MONOCHROME1"):
                plain = dicom(levels, bits=bits, PhotometricInterpretation=photometric)
                found[f"{bits} bits, {sign}, {photometric}"] = plain
    levels = film(12, rows=200, columns=180)
    window = {"WindowCenter": 2000, "WindowWidth": 2600}
    for coding in CODINGS:
        found[f"12 bits, {coding}"] = coded(dicom(levels, **window), coding)
    eight = film(8, rows=200, columns=180)
    found["8 bits, JPEG baseline"] = encapsulated(eight, [jpeg(eight)])
    shown = {
        "window, LINEAR": window,
        "window, LINEAR_EXACT": {**window, "VOILUTFunction": "LINEAR_EXACT"},
        "window, SIGMOID": {**window, "VOILUTFunction": "SIGMOID"},
        "first of several windows": {"WindowCenter": [2000, 9], "WindowWidth": [2600, 9]},
        "rescale and window": {**window, "RescaleSlope": 2, "RescaleIntercept": -1000},
        "VOI LUT": {"VOILUTSequence": lut(CURVE)},
        "VOI LUT before a window": {"VOILUTSequence": lut(CURVE), **window},
        "modality LUT": {"ModalityLUTSequence": lut(CURVE * 16, bits=16)},
        "PresentationLUTShape INVERSE": {"PresentationLUTShape": "INVERSE", **window},
    }
    for what, elements in shown.items():
        for photometric in ("MONOCHROME2", "MONOCHROME1"):
            elements = {**elements, "PhotometricInterpretation": photometric}
            found[f"{what}, {photometric}"] = dicom(levels, **elements)
    return found


def print_read(files: dict[str, bytes]) -> None:
    """Print what is read, and how far it is from pydicom's steps."""
    print("\n| kind | read as | notes | from pydicom |\n| --- | --- | --- | ---: |")
    for what, data in files.items():
        try:
            found = read(data, name=what)
        except ImageRejected as e:
            print(f"| {what} | refused: {e.reason} | | |")
            continue
        expected = by_pydicom(data)
        size = f"{found.width} x {found.height}, {found.bits} bits"
        far = "pydicom decodes none"
        if expected is not None:
            far = str(np.abs(expected.astype(int) - found.pixels).max())
        print(f"| {what} | {size}, {found.mode} | {', '.join(found.notes)} | {far} |")


def print_refused() -> None:
    """Print what is refused, and the sentence."""
    print("\n| kind | reason | message |\n| --- | --- | --- |")
    for files in TABLE.values():
        for what, make in files.items():
            try:
                read(make(), name="film.dcm")
                print(f"| {what} | READ | |")
            except ImageRejected as e:
                words = str(e).removeprefix("film.dcm: ")
                print(f"| {what} | {e.reason} | {words} |")


def print_shipped() -> None:
    """Print what comes of the DICOM files that pydicom ships: of CT, MR and other kinds."""
    root = Path(pydicom.__file__).parent / "data"
    answers: Counter[str] = Counter()
    for file in sorted(root.rglob("*")):
        if not file.is_file() or file.read_bytes()[128:132] != b"DICM":
            continue
        try:
            read(file)
            answers["read"] += 1
        except ImageRejected as e:
            answers[e.reason] += 1
    told = ", ".join(f"{reason} {n}" for reason, n in answers.most_common())
    print(f"\nof the {sum(answers.values())} DICOM files in pydicom: {told}")


def seconds(what, rounds: int) -> float:
    """Return the least time of some calls."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        what()
        times.append(time.perf_counter() - begun)
    return min(times)


def print_times(
    side: int,  # pixels
    rounds: int,
) -> None:
    """Print how long a film takes, as a multiple of pydicom's decoding and of all its steps."""
    levels = film(12, rows=side, columns=side)
    plain = dicom(levels, WindowCenter=2000, WindowWidth=2600)
    print(f"\n{side} x {side} pixels of 12 bits, the least of {rounds} rounds\n")
    print("| coding | read, s | pydicom pixel_array | pydicom, all steps |")
    print("| --- | ---: | ---: | ---: |")
    for coding in TIMED:
        data = plain if coding == "native" else coded(plain, coding)
        read(data)  # starts gdcm's process
        ours = seconds(lambda data=data: read(data), rounds)
        bare = seconds(lambda data=data: pydicom.dcmread(io.BytesIO(data)).pixel_array, rounds)
        whole = seconds(lambda data=data: by_pydicom(data), rounds)
        print(f"| {coding} | {ours:.2f} | x {ours / bare:.2f} | x {ours / whole:.2f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=Path, help="a folder of DICOM files of one's own")
    parser.add_argument("--side", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print_read(kinds())
    if args.films is not None:
        files = sorted(file for file in args.films.rglob("*") if file.is_file())
        print_read({file.name: file.read_bytes() for file in files})
    print_refused()
    print_shipped()
    print_times(args.side, args.rounds)


if __name__ == "__main__":
    main()
