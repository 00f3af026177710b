"""What makes a radiograph recognisable: hashes of its bytes, its pixels and its look, and its local features.
Reads files, returns Fingerprints.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from cxr_fastai.core import ImageRejected, one_line
from cxr_fastai.curation.copies.features import extract
from cxr_fastai.curation.sources.tfrecord import Place, image_bytes
from cxr_fastai.images import read

__all__ = ["Fingerprint", "Unreadable", "fingerprint", "pixel_sha256", "phash"]

SIDE = 64  # pixels: what a phash is computed from has one to two times as many a side


@dataclass(frozen=True)
class Fingerprint:
    sha256: str  # of the file's bytes; of an array's row or an image in a shard, of its own bytes
    pixel_sha256: str  # of width, height and the decoded pixels
    phash: str  # 64 bits as 16 hex digits
    width: int  # px, upright
    height: int
    mode: str  # Pillow's mode and the bit depth of the file: L/8, I;16/12
    notes: tuple[str, ...] = ()  # keys of images.NOTES, sorted
    brightness: float = 0.0  # mean gray, 0-255
    sketch: bytes = field(default=b"", repr=False)  # Features, packed; empty: none were asked for

    def __post_init__(self):  # JSON gives a list back
        object.__setattr__(self, "notes", tuple(sorted(self.notes)))


@dataclass(frozen=True)
class Unreadable:
    sha256: str
    reason: str  # a code of images.REASONS
    message: str


def pixel_sha256(
    pixels: np.ndarray,  # (height, width) uint8
) -> str:
    """SHA-256 of size and pixels: equal for the same picture in any container."""
    h = hashlib.sha256(f"{pixels.shape[1]}x{pixels.shape[0]}:".encode())
    h.update(np.ascontiguousarray(pixels).data)
    return h.hexdigest()


@lru_cache(maxsize=512)
def _cosines(side: int, cell: int) -> np.ndarray:
    """(8, cells) lowest DCT-II basis of `side` pixels, averaged `cell` by `cell`; the last cell may be narrower."""
    edges = np.append(np.arange(0, side, cell), side)
    centres, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    waves = np.cos(np.pi * np.arange(8)[:, None] * centres / side) * widths / side
    waves[0] /= np.sqrt(2)
    return waves


def phash(
    pixels: np.ndarray,  # (height, width) uint8
) -> str:
    """64-bit perceptual hash as 16 hex digits: signs of the 8x8 lowest DCT-II coefficients against their median (Zauner
    2010). It finds resized copies; it cannot tell two chests apart on its own.
    ImageHash takes the DCT of a 32 px thumbnail; here cells of pixels are averaged, and the DCT knows where they lie.
    On 7,864 real radiographs the two differ by 0.46 of 64 bits (6 at most). This one takes a fifth of the time, and
    177 resized copies are nearer by it: 0.31 bits apart against 0.44.
    """
    h, w = pixels.shape
    y, x = max(h // SIDE, 1), max(w // SIDE, 1)
    image = Image.frombuffer(
        "L", (w, h), np.ascontiguousarray(pixels), "raw", "L", 0, 1
    )  # copies nothing
    cells = image.reduce((x, y)) if x * y > 1 else pixels
    low = _cosines(h, y) @ np.asarray(cells, dtype=np.float64) @ _cosines(w, x).T
    low = low.round(9).ravel()  # so that the last bits of a platform's arithmetic decide nothing
    rank = np.sort(low)
    return np.packbits(low > (rank[31] + rank[32]) / 2).tobytes().hex()


@lru_cache(maxsize=2)
def _array(file: str, key: str) -> np.ndarray:
    return np.load(file, allow_pickle=False)[key]


def source_bytes(
    file: str,  # path
    array,  # None, (key, row) of an npz, or tfrecord.Place in a shard
):
    """What `images.read` takes: the file's bytes, the array's row, or the bytes of an image in a shard."""
    if array is None:
        with open(file, "rb") as f:
            return f.read()
    if isinstance(array, Place):
        return image_bytes(file, array)
    return _array(str(file), array[0])[array[1]]


def fingerprint(
    file,  # path
    array=None,  # as for `source_bytes`
    name: str = "",  # the file's name in its source: messages start with it, its extension is compared with the content
    features=True,  # local features too, which `find_links` needs
) -> Fingerprint | Unreadable:
    """Fingerprint of one image; an image that cannot be read gives `Unreadable`, never an error."""
    try:
        data = source_bytes(file, array)
    except OSError as e:
        reason = "missing_file" if isinstance(e, FileNotFoundError) else "unreadable"
        return Unreadable("", reason, one_line(e.strerror or e))
    except ImageRejected as e:
        return Unreadable("", e.reason, one_line(e))
    sha = hashlib.sha256(data if isinstance(data, bytes) else data.tobytes()).hexdigest()
    if isinstance(array, Place):
        name += " (in a shard)"  # an id, which claims no format by its ending
    try:
        image = read(data, name or None)
    except ImageRejected as e:
        return Unreadable(sha, e.reason, one_line(e))
    return Fingerprint(
        sha,
        pixel_sha256(image.pixels),
        phash(image.pixels),
        image.width,
        image.height,
        f"{image.mode}/{image.bits}",
        image.notes,
        round(cv2.mean(image.pixels)[0], 2),
        extract(image.pixels).pack() if features else b"",
    )
