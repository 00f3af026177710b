"""What the header of a DICOM file says of whose film it is, and how it was taken.

The beginning of a file -> DicomFacts, made of an allow-list of elements; the patient's name is none
of them. Values that are no word of a known list, no date and no age are left out, so that no free
text leaves it, but for the patient's id: that is there to be hashed. It reads no pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from cxr_fastai.core import ImageRejected, StrPath
from cxr_fastai.images.dicom_file import DicomFile, open_dicom
from cxr_fastai.images.sniff import sniff

__all__ = ["ALLOWED", "DicomFacts", "dicom_facts", "is_placeholder"]

# All that is read of a header here.
ALLOWED = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientAge",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ViewPosition",
    "ViewCodeSequence",
    "PatientOrientation",
    "Rows",  # says whether the beginning of the file holds the whole header
)
# Bytes of a file that hold its header: those of the radiographs among pydicom's test files end
# before 13,000. A file whose header is longer is read again, up to the second number.
HEAD_BYTES = (1 << 16, 1 << 24)

# View position as people and machines write it (DICOM PS3.3 C.8.1.1, CR Series), in one form.
VIEWS = {
    "PA": ("PA", "POSTEROANTERIOR", "POSTERO-ANTERIOR", "PA ERECT", "PA UPRIGHT"),
    "AP": ("AP", "ANTEROPOSTERIOR", "ANTERO-POSTERIOR", "AP ERECT", "AP SUPINE", "AP PORTABLE"),
    "L": ("L", "LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT", "LEFT LATERAL", "RIGHT LATERAL"),
    "LLD": ("LLD",),  # left side down: the patient lies, the beam is horizontal
    "RLD": ("RLD",),
    "LLO": ("LLO", "LAO", "LPO"),  # oblique
    "RLO": ("RLO", "RAO", "RPO"),
}
# The same as codes of SNOMED (DICOM PS3.16 CID 4010, DX View), as SCT and as SRT.
VIEW_CODES = {
    "PA": ("272479007", "R-40888", "R-10214"),
    "AP": ("399348003", "R-10206"),
    "L": ("399067008", "R-102CD", "399173006", "R-10236", "399198007", "R-10232"),
    "LLO": ("399184004", "R-10238", "399135007", "399006002"),
    "RLO": ("399236003", "399356000", "399038007"),
}
AGE = re.compile(r"\d{1,3}[DWMY]?")
DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
TIME = re.compile(r"\d{2}:?\d{2}(:?\d{2})?")
DAYS_A_YEAR = 365.25
WHOLE_YEARS_FROM = 2  # an age that is made of two dates says no more than that, from then on
NO_BIRTH_DATES = (date(1, 1, 1), date(1900, 1, 1))  # written where none is known
# Words that stand for an id where a file was made anonymous, or nobody knew who it was.
NO_ID_WORDS = frozenset(
    (
        *("anon", "anonym", "anonymous", "anonymized", "anonymised", "anonymize", "anonymise"),
        *("deidentified", "de", "identified", "unidentified", "identity", "pseudonymized"),
        *("removed", "redacted", "masked", "hidden", "deleted", "cleared", "blank", "empty"),
        *("unknown", "unk", "unspecified", "undefined", "unassigned", "unavailable", "missing"),
        *("no", "not", "none", "null", "nil", "na", "nan", "available", "known"),
        *(
            "patient",
            "patientid",
            "pat",
            "subject",
            "person",
            "id",
            "pid",
            "name",
            "noname",
            "noid",
        ),
        *("default", "dummy", "test", "example", "sample", "confidential", "private"),
        *("unbekannt", "anonymisiert", "inconnu", "anonyme", "desconocido", "anonimo", "anónimo"),
        *("desconhecido", "anônimo", "sconosciuto"),
    )
)
NO_ID_PART = re.compile(r"0+|x{2,}")
NOT_AVAILABLE = re.compile(r"#?n[./]a\.?")


@dataclass(frozen=True)
class DicomFacts:
    """What a header says; '' where it says nothing that can be told."""

    # whose film it is: to be hashed, and never written or printed; '' for a placeholder too
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)  # of the id, as a hospital's name
    studied: str = field(repr=False)  # date and time of the study: to be sorted by, never written
    view: str  # PA | AP | L | LLD | RLD | LLO | RLO
    age: str  # 065Y, 14M, 65, 0.5
    sex: str  # F | M


NOTHING_SAID = DicomFacts("", "", "", "", "", "")


def dicom_facts(
    file: StrPath,
) -> DicomFacts | None:  # None: no DICOM, or nothing is installed that reads it
    """Read what the header of a file says: nothing, where it is damaged.

    It raises nothing: the decoder says what is wrong.
    """
    for size in HEAD_BYTES:
        try:
            head = _beginning(file, size)
            if sniff(head) != "DICOM":
                return None
            opened = open_dicom(head, "header", ALLOWED, head_only=True)
        except OSError:
            return None
        except ImageRejected as e:
            return None if e.reason == "missing_extra" else NOTHING_SAID
        if opened.numbers("Rows") or len(head) < size:
            break
    return _facts(opened)


def _beginning(file: StrPath, size: int) -> bytes:
    """Return the first bytes of a file."""
    with open(file, "rb") as f:
        return f.read(size)


def _facts(opened: DicomFile) -> DicomFacts:
    """Take the facts out of a header."""
    patient_id = opened.text("PatientID")
    return DicomFacts(
        patient_id="" if is_placeholder(patient_id) else patient_id,
        issuer=opened.text("IssuerOfPatientID"),
        studied=_studied(opened),
        view=_view(opened),
        age=_age(opened),
        sex=_sex(opened),
    )


# ---- who


def is_placeholder(
    patient_id: str,
) -> bool:
    """Tell whether an id names nobody: empty, 0, Anonymized, UNKNOWN, XXX, N/A."""
    folded = patient_id.casefold()
    if NOT_AVAILABLE.fullmatch(folded):
        return True
    parts = re.findall(r"[^\W\d_]+|\d+", folded)
    return all(part in NO_ID_WORDS or NO_ID_PART.fullmatch(part) for part in parts)


def _sex(opened: DicomFile) -> str:
    """Return F or M; '' for O, other, and anything else."""
    sex = opened.text("PatientSex").upper()
    return sex if sex in ("F", "M") else ""


def _age(opened: DicomFile) -> str:
    """Return the age as it stands there, or the years from birth to study; '' where unknown."""
    age = opened.text("PatientAge").upper().replace(" ", "")
    if AGE.fullmatch(age):
        return age
    born = _date(opened.text("PatientBirthDate"))
    studied = _date(opened.text("StudyDate"))
    if not born or not studied or born in NO_BIRTH_DATES or studied < born:
        return ""
    is_before_birthday = (studied.month, studied.day) < (born.month, born.day)
    years = studied.year - born.year - is_before_birthday
    if years >= WHOLE_YEARS_FROM:
        return str(years)
    return f"{(studied - born).days / DAYS_A_YEAR:.2f}"


# ---- when


def _date(text: str) -> date | None:
    """Read a date as DICOM writes it, or with the dots of ACR-NEMA; None where it is none."""
    found = DATE.fullmatch(text)
    if not found:
        return None
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def _studied(opened: DicomFile) -> str:
    """Return date and time of the study in an order that texts have; '' without a date."""
    day = _date(opened.text("StudyDate"))
    if day is None:
        return ""
    time = TIME.match(opened.text("StudyTime"))
    return day.isoformat() + (f" {time[0].replace(':', '')}" if time else "")


# ---- how


def _view(opened: DicomFile) -> str:
    """Return the view; '' where it is not stated, or stated in two ways that differ."""
    position = " ".join(opened.text("ViewPosition").upper().replace("_", " ").split())
    stated = {_key_of(position, VIEWS)}
    for item in opened.items("ViewCodeSequence"):
        stated.add(_key_of(str(item.get("CodeValue", "")).strip(), VIEW_CODES))
    stated.discard("")
    if not stated:
        return _view_by_sides(opened)
    return stated.pop() if len(stated) == 1 else ""


def _key_of(
    text: str,
    texts_of: Mapping[str, Sequence[str]],
) -> str:
    """Return the key that has a text among its own; ''."""
    for key, texts in texts_of.items():
        if text in texts:
            return key
    return ""


def _view_by_sides(opened: DicomFile) -> str:
    """Return L where rows run to the front or back of the patient, columns to the feet; else ''.

    PA and AP look the same by that (DICOM PS3.3 C.7.6.1.1.1).
    """
    sides = [side.upper() for side in opened.texts("PatientOrientation")]
    return "L" if sides in (["A", "F"], ["P", "F"]) else ""
