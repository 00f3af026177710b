"""DICOM files, drawn here: a computed radiograph whose header says what a test wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import Dataset
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
