"""DICOM files, drawn here: a computed radiograph whose header says what a test wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import Dataset, Sequence
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from cxr_fastai.phantom import draw

SIZE = 96  # px


def film(seed: int, kind: str = "normal", size: int = SIZE) -> np.ndarray:
    "A drawn chest, (size, size) uint8."
    return draw(kind, seed, size=size)


def dataset(pixels: np.ndarray, **tags) -> Dataset:
    "A computed radiograph, MONOCHROME2, of as many bits as `pixels` have; `tags` by keyword."
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ComputedRadiographyImageStorage
    ds.SOPInstanceUID = "1.2.3.4"
    ds.Modality = "CR"
    bits = pixels.dtype.itemsize * 8
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    ds.PixelData = pixels.tobytes()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def write_dicom(file: Path, pixels: np.ndarray, **tags) -> Path:
    "Write a computed radiograph; its folders are made."
    file.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(file, dataset(pixels, **tags), enforce_file_format=True)
    return file


def write_index(file: Path) -> Path:
    "Write a DICOMDIR: the index of a disc, with no pixels."
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.FileSetID = "DISC"
    file.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(file, ds, enforce_file_format=True)
    return file


# ---- a header full of what must not leave it

CANARY = "CANARY7357"
CANARY_UID = "1.2.7357.7357.7357"
CANARY_DATE = "19330707"
# What a program that read any of them would have to write.
CANARIES = (CANARY, CANARY.lower(), "7357.7357", CANARY_DATE, "1933-07-07", "07.07.1933")
# Elements without which no decoder reads the film, or knows it for one.
NEEDED = (
    "SOPClassUID",
    "Modality",
    "PhotometricInterpretation",
    "PresentationIntentType",
    "PresentationLUTShape",
    "VOILUTFunction",
    "PixelIntensityRelationship",
    "ImageType",
)
VALUES = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"), CANARY),
    "UI": CANARY_UID,
    "DA": CANARY_DATE,
    "DT": CANARY_DATE,
    "UN": CANARY.encode(),
    "OB": CANARY.encode(),
}
NOT_FILLED = ("SpecificCharacterSet", "PixelData", "DataSetTrailingPadding")


def with_canaries(ds: Dataset, keep: tuple[str, ...] = ()) -> Dataset:
    "Fill every element of text, date, UID or unknown bytes that DICOM has, private and meta too."
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        is_data = tag >> 16 not in (0, 2, 0x7FE0, 0xFFFC)
        if is_data and vr in VALUES and keyword not in (*NEEDED, *NOT_FILLED, *keep):
            ds.add_new(tag, vr, VALUES[vr])
    block = ds.private_block(0x0029, CANARY, create=True)
    block.add_new(1, "LO", CANARY)
    inner = Dataset()
    inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = CANARY, CANARY, CANARY
    ds.ViewCodeSequence = Sequence([inner])
    meta = ds.file_meta
    meta.SourceApplicationEntityTitle = CANARY
    meta.PrivateInformationCreatorUID = CANARY_UID
    meta.PrivateInformation = CANARY.encode()
    meta.MediaStorageSOPInstanceUID = CANARY_UID
    return ds


def canaries_in(data: bytes) -> list[str]:
    "Which canaries some bytes hold."
    return [text for text in CANARIES if text.encode() in data or text.encode("utf-16-le") in data]
