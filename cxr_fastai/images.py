"""Read a radiograph: path, bytes, binary file or array in, upright 8-bit gray pixels out. The house's only decoder.

Scanning, hashing, training, evaluation and prediction all call `read` or `decode`, so that they see the same pixels.
It never trusts an extension, never opens a format off `FORMATS`, never salvages a damaged file, never keeps metadata,
never prints, never writes (`write_png` apart) and leaves no setting of Pillow or of the warnings module changed.
A file that is no readable radiograph raises `core.ImageRejected`, whose `reason` is a key of `REASONS`.
"""
from __future__ import annotations
import io, os, re, stat, struct, threading, warnings, zlib
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
import numpy as np
from PIL import (BmpImagePlugin, GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin,
                 TiffImagePlugin, WebPImagePlugin)
from .core import ImageRejected, UsageError, one_line, printable

__all__ = ["REASONS", "MAX_PIXELS", "MAX_BYTES", "MIN_SIDE", "FORMATS", "DECODER_VERSION", "Radiograph", "read",
           "decode", "resize", "write_png", "is_image_name"]

REASONS = {
    "missing_file": "There is no file of that name, or it is a link to nothing.",
    "unreadable": "The operating system does not let it be read: permission, a folder, a device, a failing disk.",
    "empty_file": "The file holds no bytes.",
    "not_an_image": "The content is no picture: text, HTML, an archive, a side file, an array of another shape.",
    "format_not_allowed": "A picture in a format, or a variant of one, that is not read here.",
    "truncated": "The picture ends before its last row: a download or copy that stopped. Never filled up with gray.",
    "damaged": "The picture's bytes contradict themselves: a wrong checksum, a broken header, undecodable data.",
    "too_large": "More pixels or bytes than any radiograph has, or than memory holds.",
    "too_small": "Fewer pixels than can show anything.",
    "not_finite": "A floating point picture that holds NaN or infinity.",
    "dicom": "A DICOM file; these are not read yet.",
}
MAX_PIXELS = 64_000_000  # radiographs reach about 4k x 5k = 20 megapixels; Pillow only warns at 89 and stops at 179
MAX_BYTES = 1 << 29      # 64 megapixels of four 16-bit channels, uncompressed
MIN_SIDE = 8             # pixels; a technical least: PneumoniaMNIST is 28 x 28
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "MPO")
DECODER_VERSION = 1      # raise when any file's pixels change: what was computed from them is then stale


@dataclass(eq=False)
class Radiograph:
    "One decoded picture, and what had to be done to it."
    pixels: np.ndarray = field(repr=False)  # (height, width) uint8, C-contiguous, upright, read-only; 0 is black
    format: str                  # one of FORMATS, or "array"
    mode: str                    # Pillow's mode of the file, or the array's dtype
    bits: int                    # meaningful depth found: 1, 8, 10, 12, 14, 16 or 32
    width: int                   # pixels, of the upright picture
    height: int
    notes: tuple[str, ...] = ()  # exif_rotated, exif_unreadable, first_frame, alpha_composited, cmyk, high_byte_only,
                                 # extension_mismatch, range_stretched, white_is_zero


def read(
    source,         # a path, bytes, a binary file, or an array (h, w) or (h, w, 1-4) of bool, integers or floats
    name:str|None=None,  # what messages call it; taken from the source if not given
)->Radiograph:
    "Decode one picture. Raises `ImageRejected`, whose message starts with the name."
    if isinstance(source, np.ndarray): return _read_array(source, name or "array")
    data, name = _bytes_of(source, name)
    if not data: raise _rejected("empty_file", name, "the file is empty (0 bytes)")
    if len(data) > MAX_BYTES: raise _too_many_bytes(len(data), name)
    kind = _sniff(data)
    if kind not in _READERS: raise _unwelcome(data, name)
    return _READERS[kind](data, kind, name)

def decode(
    source,  # as for `read`
)->np.ndarray: # (h, w) uint8, upright, read-only
    "The pixels alone."
    return read(source).pixels

def resize(
    pixels:np.ndarray,  # (h, w) uint8, as from `decode`
    size:int,           # side of the square, pixels
)->np.ndarray: # (size, size) uint8, a new array that may be written to
    """Squash to a square with Pillow's antialiased bilinear filter, for training, evaluation and prediction alike.
    No crop: the corners hold the costophrenic angles. No padding: bars would tell the source. So aspect is lost."""
    _check_pixels(pixels)
    if size < 1: raise UsageError(f"cannot resize to {size} pixels: expected a side of 1 or more")
    if pixels.shape == (size, size): return pixels.copy()
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))

def write_png(
    pixels:np.ndarray,  # (h, w) uint8
    path,               # any name: the content is PNG. `core.atomic_path` makes it whole or not at all
):
    "Save as 8-bit gray PNG without any metadata; the same pixels give the same bytes."
    _check_pixels(pixels)
    Image.fromarray(pixels).save(path, "PNG", compress_level=1)

def is_image_name(
    name,  # file name or path
)->bool:
    "Whether a listing should look at this file, by its extension alone. DICOM is, so that each is rejected by name."
    return os.path.splitext(os.fspath(name))[1].lower() in _SUFFIXES


# ---- errors

_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow raises for bad data.
_BAD = (*_BOMB, OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, MemoryError, ArithmeticError,
        LookupError, TypeError, AttributeError, AssertionError, RuntimeError)
_CUT = re.compile("truncated|unexpected end|not enough|end of file", re.I)
_VARIANT = re.compile("unknown pixel mode|unknown data organi|unsupported|not supported|cannot handle|not yet", re.I)

def _rejected(reason:str, name:str, text)->ImageRejected:
    return ImageRejected(reason, f"{printable(one_line(name))}: {one_line(text)}")

def _too_many_bytes(n:int, name:str)->ImageRejected:
    return _rejected("too_large", name, f"{n:,} bytes, more than the limit of {MAX_BYTES:,}")

def _check_size(w:int, h:int, what:str, name:str):
    "Hold the size a header states against the limits, before anything is decoded."
    if w * h > MAX_PIXELS:
        raise _rejected("too_large", name, f"{what} of {w} x {h} pixels, more than the limit of {MAX_PIXELS:,}")
    if min(w, h) < MIN_SIDE:
        raise _rejected("too_small", name, f"{what} of {w} x {h} pixels, less than {MIN_SIDE} on a side")

def _check_pixels(pixels):
    if not (isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 2 and pixels.size):
        found = f"{pixels.dtype} of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise UsageError(f"expected (height, width) uint8 pixels, as `decode` gives them, received {found}")

def _broken(e:BaseException, data:bytes, kind:str, name:str)->ImageRejected:
    "The rejection for whatever Pillow raised while it read `data`."
    text = str(e) or type(e).__name__
    if isinstance(e, _BOMB): return _rejected("too_large", name, f"{kind} too large: {text}")
    if isinstance(e, MemoryError): return _rejected("too_large", name, f"{kind} needs more memory than there is")
    if _VARIANT.search(text): return _rejected("format_not_allowed", name, f"a {kind} of a kind not read: {text}")
    if _CUT.search(text) or _is_cut(data, kind): return _rejected("truncated", name, f"truncated {kind}: {text}")
    return _rejected("damaged", name, f"damaged {kind}: {text}")

def _is_cut(data:bytes, kind:str)->bool:
    "Whether a file that did not decode lacks its end."
    if kind == "PNG": return b"IEND" not in data
    if kind == "JPEG": return b"\xff\xd9" not in data[-64:]
    if kind == "GIF": return b";" not in data[-16:]
    if kind == "WEBP": return 8 + int.from_bytes(data[4:8], "little") > len(data)
    if kind == "BMP": return int.from_bytes(data[2:6], "little") > len(data)
    return _tiff_is_cut(data)

def _tiff_is_cut(data:bytes)->bool:
    "Whether the directory, or a strip or tile it lists, runs beyond the end."
    try:
        if _tiff_directory(data)[2].stop > len(data): return True
        with _strict():
            tags = TiffImagePlugin.TiffImageFile(io.BytesIO(data)).tag_v2
            starts, sizes = (tags.get(273) or tags.get(324) or ()), (tags.get(279) or tags.get(325) or ())
            return any(a + n > len(data) for a, n in zip(starts, sizes))
    except struct.error: return True
    except _BAD: return False


# ---- what is it

_SUFFIXES = {
    ".png": "PNG", ".apng": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".mpo": "JPEG",
    ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".dib": "BMP", ".webp": "WEBP", ".gif": "GIF",
    ".dcm": "DICOM", ".dicom": "DICOM"}
_MAGIC = {"PNG": (b"\x89PNG\r\n\x1a\n",), "JPEG": (b"\xff\xd8\xff",), "GIF": (b"GIF87a", b"GIF89a"),
          "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")}
_OTHER_PICTURES = {
    "PSD": (b"8BPS",), "EPS": (b"%!PS", b"\xc5\xd0\xd3\xc6"), "PDF": (b"%PDF",), "ICO": (b"\0\0\1\0",),
    "CUR": (b"\0\0\2\0",), "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "), "DDS": (b"DDS ",), "ICNS": (b"icns",), "SGI": (b"\x01\xda",),
    "PPM": tuple(b"P%d%c" % (n, c) for n in range(1, 7) for c in b" \t\r\n"), "PFM": (b"PF\n", b"Pf\n"),
    "SUN": (b"\x59\xa6\x6a\x95",), "PCX": (b"\n\5\1",), "QOI": (b"qoif",), "FITS": (b"SIMPLE  =",),
    "BLP": (b"BLP1", b"BLP2"), "FTEX": (b"FTEX",), "WMF": (b"\xd7\xcd\xc6\x9a",), "GRIB": (b"GRIB",),
    "BUFR": (b"BUFR",), "MSP": (b"DanM", b"LinS"), "XPM": (b"/* XPM */",), "XBM": (b"#define ",), "NRRD": (b"NRRD000",)}
_OTHER_FILES = {
    "a Git LFS pointer, not the picture itself": (b"version https://git-lfs",), "a gzip archive": (b"\x1f\x8b",),
    "a ZIP archive": (b"PK\3\4", b"PK\5\6"), "a RAR archive": (b"Rar!",), "a 7-Zip archive": (b"7z\xbc\xaf",),
    "a side file of macOS (AppleDouble)": (b"\0\5\x16\7",), "a NumPy array file": (b"\x93NUMPY",),
    "an HDF5 file": (b"\x89HDF",)}
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes; "BM" alone also begins words

def _sniff(data:bytes)->str|None:
    "The format by content, a key of `_READERS`; None for anything else."
    if data[128:132] == b"DICM": return "DICOM"
    for kind, magics in _MAGIC.items():
        if data.startswith(magics): return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP": return "WEBP"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS: return "BMP"
    return None

def _unwelcome(data:bytes, name:str)->ImageRejected:
    "The rejection of content that is on no list, named by its first bytes as far as these tell."
    picture = next((what for what, magics in _OTHER_PICTURES.items() if data.startswith(magics)), None)
    if data[4:8] == b"ftyp": picture = "AVIF, HEIC or video"
    if picture: return _rejected("format_not_allowed", name, f"{picture} is not read, only {', '.join(FORMATS)}")
    other = next((what for what, magics in _OTHER_FILES.items() if data.startswith(magics)), None) or _text_kind(data)
    return _rejected("not_an_image", name, f"{other}, not an image")

def _text_kind(data:bytes)->str:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")) or b"<html" in head: return "an HTML page"
    if head.startswith(b"<"): return "an XML or SVG file"
    if not re.search(rb"[^\t\n\f\r\x20-\x7e\x80-\xff]", data[:1024]): return "text"
    return f"content of no known format (it starts with {data[:8].hex(' ')})"

def _bytes_of(source, name:str|None)->tuple[bytes, str]:
    "All the bytes of a source, and the name it goes by."
    if isinstance(source, (bytes, bytearray, memoryview)): return bytes(source), name or "image"
    if isinstance(source, (str, os.PathLike)): return _file_bytes(source, name or os.fsdecode(source))
    if not hasattr(source, "read") or isinstance(source, io.TextIOBase):
        raise UsageError("expected a path, bytes, a file opened with 'rb', or a NumPy array, "
                         f"received {type(source).__name__}")
    given = getattr(source, "name", None)
    name = name or (given if isinstance(given, str) else "image")
    try:
        if getattr(source, "seekable", bool)(): source.seek(0)
        return source.read(), name
    except OSError as e: raise _rejected("unreadable", name, e.strerror or e) from e

def _file_bytes(path, name:str)->tuple[bytes, str]:
    try:
        st = os.stat(path)
        if stat.S_ISDIR(st.st_mode): raise _rejected("unreadable", name, "a folder, not a file")
        if not stat.S_ISREG(st.st_mode): raise _rejected("unreadable", name, "a pipe or device, not a file")
        if st.st_size > MAX_BYTES: raise _too_many_bytes(st.st_size, name)
        with open(path, "rb") as f: return f.read(), name
    except (FileNotFoundError, NotADirectoryError) as e: raise _rejected("missing_file", name, "no such file") from e
    except (OSError, ValueError) as e: raise _rejected("unreadable", name, getattr(e, "strerror", None) or e) from e


# ---- pictures, by Pillow

# One constructor a format, not `Image.open`: nothing off the list can be opened, and a refusal keeps its cause.
_OPENERS = {"PNG": PngImagePlugin.PngImageFile, "JPEG": JpegImagePlugin.jpeg_factory,
            "TIFF": TiffImagePlugin.TiffImageFile, "BMP": BmpImagePlugin.BmpImageFile,
            "WEBP": WebPImagePlugin.WebPImageFile, "GIF": GifImagePlugin.GifImageFile}
_ORIENTATION = 0x0112  # the EXIF and TIFF tag
_PHOTOMETRIC = 262     # the TIFF tag: 0 is WhiteIsZero, 1 is BlackIsZero
# As in ImageOps.exif_transpose, which would also rewrite the EXIF, and so trip over a broken one.
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}
_HAS_EXIF = {"exif", "xmp", "Raw profile type exif"}  # keys of info under which an orientation may stand
_LOCK = threading.Lock()  # warning filters and Pillow's switches belong to the whole process

@contextmanager
def _strict():
    """Pillow without warnings on stderr (libtiff's own lines come from C and stay) and without filling up truncated
    files. Yields whether the importing program had asked for such filling up."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try: yield lenient
        finally: ImageFile.LOAD_TRUNCATED_IMAGES = lenient

def _read_picture(data:bytes, kind:str, name:str)->Radiograph:
    "Decode bytes of one of the formats of `_OPENERS`."
    notes = ["extension_mismatch"] if _SUFFIXES.get(os.path.splitext(name)[1].lower(), kind) != kind else []
    try:
        positive = _black_is_zero(data) if kind == "TIFF" else None
        im, lenient = _open(positive or data, kind, name, notes)
        mode, form = im.mode, im.format
        # PNG and JPEG decode without a warning, so without the lock: threads can do so side by side.
        with _strict() if lenient or kind not in ("PNG", "JPEG") else nullcontext(): im.load()
        pixels, bits = _gray(_upright(im, notes), name, notes)
    except _BAD as e: raise _broken(e, data, kind, name) from e
    if positive:
        notes.append("white_is_zero")
        pixels = 255 - pixels
    return _radiograph(pixels, form, mode, bits, notes)

def _radiograph(pixels:np.ndarray, form:str, mode:str, bits:int, notes:list)->Radiograph:
    pixels.flags.writeable = False  # Pillow's buffer is so already; a copy of it would cost as much as decoding a JPEG
    return Radiograph(pixels, form, mode, bits, pixels.shape[1], pixels.shape[0], tuple(notes))

def _open(data:bytes, kind:str, name:str, notes:list)->tuple[ImageFile.ImageFile, bool]:
    "Read the header, hold its size against the limits, check what `load` does not. Also what `_strict` yields."
    with _strict() as lenient:
        im = _OPENERS[kind](io.BytesIO(data))
        _check_size(*im.size, kind, name)
        if kind == "PNG":  # load() passes over a wrong IDAT checksum; verify() sees it, and uses the file up
            im.verify()
            im = _OPENERS[kind](io.BytesIO(data))
        if getattr(im, "is_animated", False): notes.append("first_frame")
        if im.mode[0] != "I" and ";16" in str(im.tile[:1]): notes.append("high_byte_only")  # 16-bit colour, by Pillow
        if kind == "TIFF" and im.tag_v2.get(_ORIENTATION) in _TURNS: notes.append("exif_rotated")  # turns as it loads
    return im, lenient

def _upright(im:ImageFile.ImageFile, notes:list)->Image.Image:
    "Turn a loaded picture as its EXIF or XMP says."
    if im.info.keys().isdisjoint(_HAS_EXIF): return im
    with _strict():
        try: turn = _TURNS.get(im.getexif().get(_ORIENTATION))
        except _BAD:  # a broken side note is no broken picture
            notes.append("exif_unreadable")
            return im
    if turn is None: return im
    notes.append("exif_rotated")
    return im.transpose(turn)

def _tiff_directory(data:bytes)->tuple[str, int, range]:
    "A TIFF's byte order, where in an entry its value stands, and where the entries of its first directory start."
    order, big = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    offset, number, step, value = ("Q", "Q", 20, 12) if big else ("I", "H", 12, 8)  # BigTIFF, or the usual
    start, = struct.unpack_from(order + offset, data, 8 if big else 4)
    entries, = struct.unpack_from(order + number, data, start)
    first = start + struct.calcsize(order + number)
    return order, value, range(first, first + entries * step, step)

def _black_is_zero(data:bytes)->bytes|None:
    """A TIFF whose PhotometricInterpretation is WhiteIsZero, marked BlackIsZero; None for any other. As it is, Pillow
    inverts 1 to 8 bits, leaves 16 and refuses big-endian 16; marked so it inverts none, and `_read_picture` all."""
    try:
        order, value, entries = _tiff_directory(data)
        for at in entries:
            tag, kind = struct.unpack_from(order + "HH", data, at)
            if tag != _PHOTOMETRIC: continue
            code, at = order + ("I" if kind == 4 else "H"), at + value
            if struct.unpack_from(code, data, at)[0] != 0: return None
            return data[:at] + struct.pack(code, 1) + data[at+struct.calcsize(code):]
    except struct.error: pass  # a broken directory is Pillow's to report
    return None


# ---- to 8-bit gray

def _gray(im:Image.Image, name:str, notes:list)->tuple[np.ndarray, int]:
    "(h, w) uint8 pixels of a loaded picture in any mode, and its bits."
    if im.mode == "L" and "transparency" not in im.info: return np.asarray(im), 8
    if im.mode[0] not in "IF": return _flatten(im, notes), 1 if im.mode == "1" else 8
    levels = np.asarray(im)
    pixels, bits = _to_8bit(levels, name, notes)
    clear = im.info.get("transparency")
    if isinstance(clear, int) and (levels == clear).any():
        pixels[levels == clear] = 0
        notes.append("alpha_composited")
    return pixels, bits

def _flatten(im:Image.Image, notes:list)->np.ndarray:
    "Gray of a picture of 8-bit channels or less, on black where it is transparent. Colour profiles are not applied."
    if im.mode == "CMYK": notes.append("cmyk")  # Pillow has undone Adobe's inversion by then
    alpha = None
    if im.mode in ("La", "RGBa"):  # premultiplied: these channels are already on black
        im = Image.merge(im.mode[:-1], im.split()[:-1])
    elif im.has_transparency_data:
        im = im.convert("RGBA")
        alpha = im.getchannel("A")
    if im.mode not in ("RGB", "1"): im = im.convert("RGB")  # from RGB, equal channels give exactly that channel
    gray = im.convert("L")
    if alpha is not None and alpha.getextrema()[0] < 255:
        notes.append("alpha_composited")
        return ((np.asarray(gray) * np.asarray(alpha, np.uint16) + 127) // 255).astype(np.uint8)
    return np.asarray(gray)

def _to_8bit(levels:np.ndarray, name:str, notes:list)->tuple[np.ndarray, int]:
    "Levels of any number type as uint8 by their bit depth, and that depth. Never clips: Pillow's convert('L') would."
    if levels.dtype == bool: return levels * np.uint8(255), 1
    if levels.dtype == np.uint8: return np.array(levels, order="C"), 8
    if levels.dtype.kind == "f": return _float_to_8bit(levels, name, notes), 32
    lo, hi = int(levels.min()), int(levels.max())
    if lo < 0 or hi > 0xffff: return _stretch(levels, notes), 32
    if hi % 257 == 0 and not (levels % 257).any():  # 8 bits widened to 16, also where it is too dark to need 16
        return (levels // 257).astype(np.uint8), 8
    bits = next(b for b in (8, 10, 12, 14, 16) if hi < 1 << b)  # 12-bit values in a 16-bit file are the usual export
    full = (1 << bits) - 1
    table = ((np.arange(full + 1, dtype=np.uint32) * 255 + full // 2) // full).astype(np.uint8)
    return table[levels], bits

def _float_to_8bit(levels:np.ndarray, name:str, notes:list)->np.ndarray:
    if not np.isfinite(levels).all(): raise _rejected("not_finite", name, "the picture holds NaN or infinite values")
    lo, hi = levels.min(), levels.max()
    if lo < 0 or hi > 255: return _stretch(levels, notes)
    return np.rint(levels * 255. if hi <= 1 else levels).astype(np.uint8)

def _stretch(levels:np.ndarray, notes:list)->np.ndarray:
    "Least to greatest value onto 0-255, for numbers that say nothing of their range."
    notes.append("range_stretched")
    half = levels.astype(np.float64) / 2  # halves: the difference of two extremes must not overflow
    lo, hi = half.min(), half.max()
    return np.rint((half - lo) / ((hi - lo) or 1) * 255).astype(np.uint8)


# ---- arrays, and the door for DICOM

def _read_array(a:np.ndarray, name:str)->Radiograph:
    "An array by the rules for files: 2-D gray; 3-D with 1 (gray), 2 (gray + alpha), 3 (RGB) or 4 (RGBA) channels last."
    if a.dtype.kind not in "buif" or not (a.ndim == 2 or a.ndim == 3 and a.shape[2] in (1, 2, 3, 4)):
        raise _rejected("not_an_image", name, f"an array of {a.dtype} and shape {a.shape}; expected numbers in "
                                              "(height, width) or (height, width, 1 to 4 channels)")
    _check_size(a.shape[1], a.shape[0], f"an array of {a.dtype}", name)
    notes = []
    pixels, bits = _to_8bit(a[..., 0] if a.shape[2:] == (1,) else a, name, notes)
    if pixels.ndim == 3: pixels = _flatten(Image.fromarray(pixels), notes)
    return _radiograph(np.ascontiguousarray(pixels), "array", str(a.dtype), bits, notes)

def _read_dicom(data:bytes, kind:str, name:str)->Radiograph:
    "The door for a DICOM reader: bytes in, Radiograph out (modality LUT, then window, MONOCHROME1 inverted last)."
    raise _rejected("dicom", name, "DICOM is not read yet; export it as PNG or TIFF, 8 or 16 bits")

_READERS = {**dict.fromkeys(_OPENERS, _read_picture), "DICOM": _read_dicom}  # what `_sniff` finds -> who reads it
