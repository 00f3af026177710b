"""trained_on.txt: which images and patients training or validation saw, a name a line.

Names in, the file's text out; the file in, its names out. With it a bundle can tell which images of
another folder are no test for it. Needs no torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from cxr_fastai.bundle.files import BUNDLE_JSON, read_bytes
from cxr_fastai.core import IntegrityError

__all__ = ["short_name", "names_text", "read_names"]

HASH_DIGITS = 16  # of an image's pixel_sha256; enough to tell it from all others


def short_name(
    name: str,  # an image's pixel_sha256, or a patient as namespace:id
) -> str:
    """Give a patient as he is named, an image by the first digits of its pixels' hash."""
    return name if ":" in name else name[:HASH_DIGITS]


def names_text(names: Iterable[str]) -> str:
    """Write the short names, sorted, each once, a line each; empty where there are none."""
    different = {short_name(name) for name in names}
    return "".join(f"{name}\n" for name in sorted(different))


def read_names(
    file: Path,
    expected_sha256: str,  # of bundle.json
) -> set[str]:
    """Read the short names. Raises `IntegrityError` where the list is missing or was changed."""
    data = read_bytes(file)
    if hashlib.sha256(data).hexdigest() != expected_sha256:
        raise IntegrityError(
            f"{file}: not the list that {BUNDLE_JSON} names: copy the bundle again."
        )
    return set(data.decode().split("\n")) - {""}
