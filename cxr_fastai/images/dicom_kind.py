"""Whether a DICOM file is one plain radiograph, and how its levels are stored.

A DicomFile -> a Form, or `ImageRejected` with the reason. It looks at no pixel. What it says of a
file are words of this module and of DICOM's own dictionaries, never a text of the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxr_fastai.images.dicom_file import DICOMDIR, DicomFile
from cxr_fastai.images.radiograph import rejected
from cxr_fastai.images.size import check_size

__all__ = ["KIND_KEYWORDS", "MODALITIES", "Form", "form_of"]

# Read are computed, digital and scanned radiographs (RG: conventional film). Not fluoroscopy (RF),
# angiography (XA), panoramic dental (PX), nor mammography (MG).
MODALITIES = ("CR", "DX", "RG")
PROJECTIONS = {
    "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography Image
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray Image, for presentation
}
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # as RSNA's chest films are, of modality CR
RAW = "1.2.840.10008.5.1.4.1.1.1.1.1"  # Digital X-Ray Image, for processing
# other modalities that DICOM PS3.3 C.7.3.1.1.1 defines: what may be said of a file
OTHER_MODALITIES = {
    *("ANN", "AR", "AS", "AU", "BDUS", "BI", "BMD", "CD", "CF", "CP", "CS", "CT", "DD", "DF"),
    *("DG", "DM", "DOC", "DR", "DS", "EC", "ECG", "EEG", "EMG", "EOG", "EPS", "ES", "FA", "FID"),
    *("FS", "GM", "HC", "HD", "IO", "IOL", "IVOCT", "IVUS", "KER", "KO", "LEN", "LP", "LS", "MA"),
    *("MG", "MR", "MS", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPV", "OSS", "OT", "PA", "PLAN"),
    *("POS", "PR", "PT", "PX", "REG", "RESP", "RF", "RTDOSE", "RTIMAGE", "RTPLAN", "RTRECORD"),
    *("RTSTRUCT", "RWV", "SC", "SEG", "SM", "SMR", "SR", "SRF", "ST", "STAIN", "TG", "US", "VA"),
    *("VF", "XA", "XC", "XRF"),
}
GRAY = ("MONOCHROME1", "MONOCHROME2")
COLOURS = {
    *("RGB", "PALETTE COLOR", "HSV", "ARGB", "CMYK", "XYB", "YBR_FULL", "YBR_FULL_422"),
    *("YBR_PARTIAL_420", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT"),
}
WHOLE_NUMBERS = (
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit"),
    "PixelRepresentation",
)
KIND_KEYWORDS = (
    *("Modality", "SOPClassUID", "PresentationIntentType", "NumberOfFrames"),
    "PhotometricInterpretation",
    *WHOLE_NUMBERS,
)
TWO_BYTES = 0xFFFF  # what a number of the header can be
FOUR_BYTES = 0xFFFFFFFF  # ... the number of frames
LEAST_BITS = 8  # of a level; fewer show no lung


@dataclass(frozen=True)
class Form:
    """How the levels of a radiograph are stored."""

    rows: int
    columns: int
    allocated: int  # bits a level takes: 8 or 16
    stored: int  # bits of them that count, 8 to 16
    high_bit: int  # the uppermost of these
    is_signed: bool
    photometric: str  # of GRAY

    @property
    def least(self) -> int:
        """The least level that can be stored."""
        return -(1 << (self.stored - 1)) if self.is_signed else 0

    @property
    def greatest(self) -> int:
        """The greatest level that can be stored."""
        return self.least + (1 << self.stored) - 1


def form_of(
    file: DicomFile,  # opened with KIND_KEYWORDS at least
    name: str,  # for messages
) -> Form:
    """Return how its levels are stored. Raises `ImageRejected` where it is no plain radiograph."""
    _check_modality(file, name)
    _check_pixel_data(file, name)
    photometric = _photometric(file, name)
    numbers = {keyword: _whole_number(file, keyword, name) for keyword in WHOLE_NUMBERS}
    check_size(numbers["Columns"], numbers["Rows"], "DICOM", name)
    _check_bits(numbers, name)
    return Form(
        rows=numbers["Rows"],
        columns=numbers["Columns"],
        allocated=numbers["BitsAllocated"],
        stored=numbers["BitsStored"],
        high_bit=numbers["HighBit"],
        is_signed=numbers["PixelRepresentation"] == 1,
        photometric=photometric,
    )


def _check_modality(
    file: DicomFile,
    name: str,  # for messages
) -> None:
    """Refuse whatever is no radiograph, or does not say that it is one."""
    modality = file.text("Modality")
    sop_class = file.text("SOPClassUID") or file.sop_class
    if file.sop_class == DICOMDIR or sop_class == DICOMDIR:
        text = "a DICOMDIR, the index of DICOM files, not a picture; name the files themselves"
        raise rejected("other_modality", name, text)
    if sop_class == RAW or file.text("PresentationIntentType") == "FOR PROCESSING":
        text = "raw data of a detector (FOR PROCESSING), not made to be looked at"
        raise rejected("other_modality", name, text)
    if sop_class in PROJECTIONS and modality in ("", *MODALITIES):
        return
    if sop_class in ("", SECONDARY_CAPTURE) and modality in MODALITIES:
        return
    text = f"{_what(modality, sop_class)}, not a radiograph ({', '.join(MODALITIES)})"
    raise rejected("other_modality", name, text)


def _what(
    modality: str,  # as the file has it
    sop_class: str,  # UID
) -> str:
    """Return what a DICOM file holds, in words of the dictionaries of DICOM."""
    from pydicom.uid import UID_dictionary

    known = UID_dictionary.get(sop_class)
    kind = known[0].removesuffix(" Storage") if known else "unknown object"
    if modality in OTHER_MODALITIES or modality in MODALITIES:
        return f"DICOM of modality {modality} ({kind})"
    if modality:
        return f"DICOM of no known modality ({kind})"
    return f"DICOM that states no modality ({kind})"


def _check_pixel_data(
    file: DicomFile,
    name: str,  # for messages
) -> None:
    """Refuse a file without pixels, of floats, or of several frames."""
    if file.has_float_pixels:
        raise rejected("format_not_allowed", name, "DICOM of floating point pixels is not read")
    if file.pixels is None and not file.fragments:
        raise rejected("no_pixels", name, "DICOM without pixel data")
    frames = file.numbers("NumberOfFrames")
    is_stated = bool(file.text("NumberOfFrames")) or "NumberOfFrames" in file.broken
    if is_stated and (len(frames) != 1 or not 1 <= frames[0] <= FOUR_BYTES):
        raise rejected("damaged", name, "damaged DICOM: its NumberOfFrames is none")
    if is_stated and frames != (1.0,):
        raise rejected("multi_frame", name, f"DICOM of {frames[0]:,.0f} frames, not one picture")


def _photometric(
    file: DicomFile,
    name: str,  # for messages
) -> str:  # of GRAY
    """Return whether 0 is white (MONOCHROME1) or black (MONOCHROME2)."""
    photometric = file.text("PhotometricInterpretation")
    if photometric in GRAY:
        return photometric
    if photometric in COLOURS:
        text = f"DICOM in colour ({photometric}) is not read, only {' and '.join(GRAY)}"
        raise rejected("format_not_allowed", name, text)
    text = f"damaged DICOM: its PhotometricInterpretation is none of {', '.join(GRAY)} or a colour"
    raise rejected("damaged", name, text)


def _whole_number(
    file: DicomFile,
    keyword: str,
    name: str,  # for messages
) -> int:
    """Return a number that every picture of DICOM must state."""
    numbers = file.numbers(keyword)
    if len(numbers) != 1 or not 0 <= numbers[0] <= TWO_BYTES or not numbers[0].is_integer():
        raise rejected("damaged", name, f"damaged DICOM: it does not state its {keyword}")
    return int(numbers[0])


def _check_bits(
    numbers: dict[str, int],  # by their keywords
    name: str,  # for messages
) -> None:
    """Refuse levels stored in another way than 8 to 16 bits, each in its own bytes."""
    allocated = numbers["BitsAllocated"]
    stored = numbers["BitsStored"]
    high_bit = numbers["HighBit"]
    if numbers["SamplesPerPixel"] != 1:
        text = f"damaged DICOM: gray of {numbers['SamplesPerPixel']} samples a pixel"
        raise rejected("damaged", name, text)
    if allocated not in (8, 16):
        text = f"DICOM of {allocated} BitsAllocated is not read, only of 8 and 16"
        raise rejected("format_not_allowed", name, text)
    if stored < LEAST_BITS:
        text = f"DICOM of {stored} BitsStored is not read, only of {LEAST_BITS} to 16"
        raise rejected("format_not_allowed", name, text)
    if numbers["PixelRepresentation"] not in (0, 1):
        text = "damaged DICOM: its PixelRepresentation is neither 0 nor 1"
        raise rejected("damaged", name, text)
    if not stored - 1 <= high_bit < allocated:
        text = f"{stored} bits stored, {allocated} allocated, the highest is bit {high_bit}"
        raise rejected("damaged", name, f"damaged DICOM: it contradicts itself: {text}")
