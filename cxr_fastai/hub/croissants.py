"""croissant.json of a folder, for the folder as it lies on the Hub.

The file that curation wrote and the manifest as it goes -> the same description with that manifest
and those folders. It describes nothing anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cxr_fastai.core import IntegrityError, one_line
from cxr_fastai.manifest import MANIFEST
from cxr_fastai.strict_json import parse_json

__all__ = ["croissant_there"]

SHORT_HASH = 12  # digits, in the version


def croissant_there(
    file: Path,  # croissant.json
    manifest: bytes,  # manifest.csv as it goes
    folders: Iterable[str],  # of images, as they go
) -> str:  # JSON
    """Return the description of the folder on the Hub. Raises `IntegrityError`."""
    try:
        record: dict[str, Any] = parse_json(file.read_bytes())
        sha256 = hashlib.sha256(manifest).hexdigest()
        for entry in record["distribution"]:
            if entry["@id"] == MANIFEST:
                entry |= {"contentSize": f"{len(manifest)} B", "sha256": sha256}
            else:
                entry["includes"] = [f"{folder}/*.png" for folder in sorted(folders)]
        version = str(record["version"]).partition("+")[0]
        record["version"] = f"{version}+{sha256[:SHORT_HASH]}"
    except (AttributeError, LookupError, OSError, TypeError, ValueError) as e:
        raise IntegrityError(
            f"{file} is not as `cxr curate` writes it ({one_line(e)[:80]}): curate the folder "
            "again."
        ) from e
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
