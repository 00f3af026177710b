"""What makes a radiograph recognisable: hashes of its bytes, its pixels and its look.
Reads files, returns Fingerprints."""
from __future__ import annotations
import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from ..core import ImageRejected, one_line
from ..images import read

__all__ = ["Fingerprint", "Unreadable", "fingerprint", "pixel_sha256", "phash"]


@dataclass(frozen=True)
class Fingerprint:
    sha256: str        # of the file's bytes; of an array's row, of its own bytes
    pixel_sha256: str  # of width, height and the decoded pixels
    phash: str         # 64 bits as 16 hex digits
    width: int         # px, upright
    height: int
    mode: str          # Pillow's mode and the bit depth of the file: L/8, I;16/12

@dataclass(frozen=True)
class Unreadable:
    sha256: str
    reason: str        # a code of images.REASONS
    message: str


def pixel_sha256(
    pixels:np.ndarray, # (height, width) uint8
)->str:
    "SHA-256 of size and pixels: equal for the same picture in any container."
    h = hashlib.sha256(f"{pixels.shape[1]}x{pixels.shape[0]}:".encode())
    h.update(np.ascontiguousarray(pixels).data)
    return h.hexdigest()

def _dct_matrix(n:int)->np.ndarray:
    "(n, n) float64 orthogonal DCT-II."
    k, i = np.mgrid[0:n, 0:n]
    m = np.cos(np.pi * k * (2*i + 1) / (2*n)) * np.sqrt(2/n)
    m[0] /= np.sqrt(2)
    return m

_DCT = _dct_matrix(32)[:8]

def phash(
    pixels:np.ndarray, # (height, width) uint8
)->str:
    """64-bit perceptual hash as 16 hex digits: signs of the 8x8 lowest DCT-II coefficients of a 32 px thumbnail against
    their median (Zauner 2010, as in ImageHash). It finds resized copies; it cannot tell two chests apart on its own."""
    small = Image.fromarray(pixels).resize((32, 32), Image.Resampling.LANCZOS)
    low = _DCT @ np.asarray(small, dtype=np.float64) @ _DCT.T
    low = np.round(low, 6)  # so that the last bits of a platform's arithmetic decide nothing
    return np.packbits(low > np.median(low)).tobytes().hex()

@lru_cache(maxsize=2)
def _array(file:str, key:str)->np.ndarray: return np.load(file, allow_pickle=False)[key]

def source_bytes(
    file:str,  # path
    array,     # None, or (key, row) of an npz
):
    "What `images.read` takes: the file's bytes, or the array's row."
    if array is None:
        with open(file, "rb") as f: return f.read()
    return _array(str(file), array[0])[array[1]]

def fingerprint(file:str, array=None)->Fingerprint|Unreadable:
    "Fingerprint of one image; an image that cannot be read gives `Unreadable`, never an error."
    try: data = source_bytes(file, array)
    except OSError as e:
        reason = "missing_file" if isinstance(e, FileNotFoundError) else "unreadable"
        return Unreadable("", reason, one_line(e.strerror or e))
    sha = hashlib.sha256(data if array is None else data.tobytes()).hexdigest()
    try: image = read(data)
    except ImageRejected as e: return Unreadable(sha, e.reason, one_line(e))
    return Fingerprint(sha, pixel_sha256(image.pixels), phash(image.pixels), image.width, image.height,
                       f"{image.mode}/{image.bits}")
