"""DICOM files that tests draw themselves: a film's levels, a header around them, and its codings."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

CR = ComputedRadiographyImageStorage
DX = DigitalXRayImageStorageForPresentation
# gdcm's names of what it can compress as
CODINGS = (
    "JPEGLosslessProcess14",
    "JPEGLosslessProcess14_1",
    "JPEGLSLossless",
    "JPEGLSNearLossless",
    "JPEG2000Lossless",
    "JPEG2000",
    "RLELossless",
    "DeflatedExplicitVRLittleEndian",
    "ImplicitVRLittleEndian",
    "ExplicitVRBigEndian",
)
SECRET = "SECRET^PATIENT"  # the name in every header: it must never come out


def film(
    bits: int = 12,
    is_signed: bool = False,
    rows: int = 72,
    columns: int = 64,
    seed: int = 0,
) -> np.ndarray:  # (rows, columns) levels that use all of the depth
    """Draw a shape of soft shades and a little noise."""
    y, x = np.mgrid[:rows, :columns]
    shade = np.sin(x / 9) * np.cos(y / 11) + np.random.default_rng(seed).normal(0, 0.03, y.shape)
    share = (shade - shade.min()) / (shade.max() - shade.min())
    levels = np.rint(share * ((1 << bits) - 1)).astype(np.int64)
    if is_signed:
        return (levels - (1 << (bits - 1))).astype(np.int16)
    return levels.astype(np.uint8 if bits == 8 else np.uint16)


def header(
    levels: np.ndarray,
    bits: int = 12,  # stored
    sop_class: str = DX,
    **elements: Any,  # keyword -> value; None takes it out
) -> Dataset:
    """Return a data set of such levels, native."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = "1.2.3.4"
    ds.Modality = "CR" if sop_class == CR else "DX"
    ds.PatientName = SECRET
    ds.PatientID = SECRET
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = levels.shape[-2:]
    ds.BitsAllocated = 8 * levels.dtype.itemsize
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = int(levels.dtype.kind == "i")
    ds.PixelData = levels.tobytes()
    ds["PixelData"].VR = "OW"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that are wrong on purpose
        for keyword, value in elements.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
    return ds


def lut(
    entries: np.ndarray,
    first: int = 0,
    bits: int = 12,
) -> list[Dataset]:
    """Return a sequence of one look-up table."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return [item]


def written(ds: Dataset) -> bytes:
    """Return a data set as a file."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def dicom(levels: np.ndarray, **elements: Any) -> bytes:
    """Return a file of such levels, `header` around them."""
    return written(header(levels, **elements))


def coded(
    data: bytes,
    coding: str,  # of CODINGS
) -> bytes:
    """Return a DICOM file in another coding, by gdcm."""
    import gdcm

    with TemporaryDirectory() as folder:
        before = Path(folder) / "before.dcm"
        after = Path(folder) / "after.dcm"
        before.write_bytes(data)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(before))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        syntax = getattr(gdcm.TransferSyntax, coding)
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change(), coding
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(after))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write(), coding
        return after.read_bytes()


def jpeg(
    levels: np.ndarray,  # (rows, columns) uint8
) -> bytes:
    """Return a JPEG of 8 bits."""
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=95)
    return file.getvalue()


def encapsulated(
    levels: np.ndarray,  # that the header tells of
    frames: list[bytes],  # compressed
    syntax: str = JPEGBaseline8Bit,
    bits: int = 8,
    **elements: Any,  # as for `header`
) -> bytes:
    """Return a file with compressed pixels of one's own."""
    ds = header(levels, bits=bits, **elements)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return written(ds)
