"""Every hostile image and DICOM that the tests of the decoder make, as bytes, for tests of what stands above it."""

import importlib.util
from pathlib import Path

HERE = Path(__file__).parent
# Names that a file system takes and no page, csv or terminal may believe.
ODD_NAMES = (
    "<script>alert(1)<.png",
    '"><img src=x onerror=alert(1)>.png',
    "'&amp;{{ 7 * 7 }}{% raw %}.png",
    "line\nbreak\r.png",
    "\u202egpj.exe.png",
    "\x1b[2J\x07.png",
    '=HYPERLINK("x").png',
    "bad\udcff\udcfe.png",
    "-out.png",
    "\u2028.png",
    "e\u0301\U0001f600.png",
    "x" * 251 + ".png",
)


def _table(name):
    "The table of a test module: (reason, what, how to make it)."
    spec = importlib.util.spec_from_file_location(f"{name}_table", HERE / "images" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "CASES", None) or module.TABLE


def hostile_files():
    "(reason, what, bytes) of every file that this Pillow can write."
    found = []
    for table in ("test_hostile_images", "test_hostile_dicom"):
        for reason, what, make in _table(table):
            try:
                found.append((reason, what, make()))
            except (OSError, KeyError):
                continue  # a form that this Pillow does not write
    return found
