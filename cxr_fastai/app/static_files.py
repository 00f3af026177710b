"""The files that the pages load: a fixed list, which travels with the package.

A name in, bytes and media type out. No other file can be asked for, whatever the name holds.
"""

from __future__ import annotations

from functools import cache

from cxr_fastai.core import package_file

__all__ = ["STATIC", "static_bytes"]

CSS = "text/css; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"

# name -> media type
STATIC = {
    "style.css": CSS,
    "viewer.css": CSS,
    "answer.js": SCRIPT,
    "app.js": SCRIPT,
    "asking.js": SCRIPT,
    "csv.js": SCRIPT,
    "dom.js": SCRIPT,
    "gather.js": SCRIPT,
    "heat.js": SCRIPT,
    "keys.js": SCRIPT,
    "pictures.js": SCRIPT,
    "server.js": SCRIPT,
    "sign_in.js": SCRIPT,
    "similar.js": SCRIPT,
    "theme.js": SCRIPT,
    "viewer.js": SCRIPT,
    "viewer_controls.js": SCRIPT,
    "viewer_geometry.js": SCRIPT,
    "viewer_gestures.js": SCRIPT,
    "viewer_pixels.js": SCRIPT,
    "viewer_said.js": SCRIPT,
    "viewer_words.js": SCRIPT,
    "worklist.js": SCRIPT,
}


@cache
def static_bytes(
    name: str,  # of STATIC
) -> bytes:
    """Return a file of the list. Raises `KeyError` for any other name."""
    if name not in STATIC:
        raise KeyError(name)
    return package_file("app", "static", name).read_bytes()
