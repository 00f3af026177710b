"""Names that can be a folder on Linux, macOS and Windows alike.

A name -> why it is none, or a name like it that is one. It opens no file.
"""

from __future__ import annotations

import re
import unicodedata

from cxr_fastai.csv_cells import nfc

__all__ = ["why_unsafe", "safe_name", "folded", "MAX_NAME_BYTES"]

MARKS = frozenset(" _-.&+()")  # allowed beside letters, their accents and digits
# A name of a file may have 255 bytes on most file systems; an image's own and a temporary one's
# stand below it, in paths of 260 characters on Windows.
MAX_NAME_BYTES = 100
# Names that Windows keeps for devices, with any ending (Microsoft, Naming Files).
DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.I)


def folded(name: str) -> str:
    """Return what two names have in common that some file system takes for one."""
    return nfc(nfc(name).casefold())


def why_unsafe(name: str) -> str:
    """Say why a name cannot be a folder everywhere, for the end of a sentence; '' where it can."""
    if not name:
        return "it is empty"
    if name != nfc(name):
        return "its accents stand apart from their letters"
    wrong = sorted({character for character in name if not _is_allowed(character)})
    if wrong:
        return f"it holds {' '.join(map(repr, wrong))}: use letters, digits, blanks and _-.&+()"
    if name[0] in " .":
        return "it begins with a blank or a dot"
    if name[-1] in " .":
        return "it ends with a blank or a dot"
    if DEVICES.fullmatch(name):
        return "Windows keeps this name for a device"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return ""


def _is_allowed(character: str) -> bool:
    """Tell whether a character is a letter of any script, its accent, a digit, or one of MARKS."""
    return character in MARKS or unicodedata.category(character)[0] in "LMN"


def safe_name(name: str) -> str:
    """Return a name like `name` that can be a folder everywhere; '' where nothing is left of it."""
    kept = [character if _is_allowed(character) else "_" for character in nfc(name)]
    short = "".join(kept).encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    plain = " ".join(short.split()).strip(" .")
    return "" if why_unsafe(plain) or not plain.strip("_") else plain
