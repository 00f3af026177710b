"""How every page of the house is made: self-contained html that fetches nothing and runs nothing.

A template's name and values in, html out; pixels in, small pictures inside the page out. Every text
is escaped, and marks that would turn or hide what stands beside it are spelled out. Writes no file.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from cxr_fastai.core import package_file, printable
from cxr_fastai.reporting.text import decimal, percent, share, span

__all__ = ["render", "data_uri", "thumbnail", "box"]

THUMBNAIL_SIDE = 128  # px, the longer side
THUMBNAIL_QUALITY = 70  # of its JPEG
NONE = "–"  # what a page shows where there is no number


def render(
    room: str,  # folder of the package that holds the template, as "auditing" or "curation/folder"
    template: str,  # its file name; templates of reporting can be extended and imported
    page: bool = True,  # False: the body alone with its style, for a notebook
    **values: Any,
) -> str:
    """Fill a template. A name that it uses and is not given is an error."""
    return str(_environment(room).get_template(template).render(values, page=page))


@cache
def _environment(room: str) -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([package_file(room), package_file("reporting")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals["share"] = share
    environment.filters.update(
        thousands="{:,}".format,
        breaks=_breaks,
        coded=_coded,
        command=_command,
        percent=lambda x: percent(x, NONE),
        decimal=lambda x, places=3: decimal(x, NONE, places),
        span=lambda x, as_share=True: span(x, as_share, NONE),
    )
    return environment


def _shown(value: Any) -> Any:
    """Return markup as it is; any other value as text that no reader takes for commands."""
    if hasattr(value, "__html__"):
        return value
    return printable(value)


def _breaks(text: object) -> Any:
    """Return the text, escaped, with places where a long name may be broken."""
    from markupsafe import Markup, escape

    escaped = str(escape(printable(text)))  # an entity holds none of the two marks
    return Markup(re.sub(r"([_/])", r"\1<wbr>", escaped))


# A command in backticks, or a flag: what is typed as it stands.
TYPED = re.compile(r"`([^`]+)`|(?<![\w-])(--[a-z][a-z-]*[a-z])")


def _coded(text: object) -> Any:
    """Return the text, escaped, with commands and flags as code; no flag breaks at a hyphen."""
    from markupsafe import Markup, escape

    return Markup(TYPED.sub(_code, str(escape(printable(text)))))


def _command(text: object) -> Any:
    """Return a whole command, escaped, as code."""
    from markupsafe import Markup, escape

    return Markup(f"<code>{_words(str(escape(printable(text))))}</code>")


def _code(found: re.Match[str]) -> str:
    """Set a command or flag as code; a path in it may break where it must."""
    return f"<code>{_words(found[1] or found[2])}</code>"


def _words(typed: str) -> str:
    """Keep each flag of a command, which is escaped, on one line."""
    words = []
    for word in typed.split(" "):
        words.append(f"<span>{word}</span>" if word.startswith("--") else word)
    return " ".join(words)


# ---- pictures inside a page


def data_uri(
    data: bytes,  # of a picture file
    kind: str = "png",  # png | jpeg
) -> str:
    """Return a picture as a URI that holds it."""
    text = base64.b64encode(data).decode()
    return f"data:image/{kind};base64,{text}"


def thumbnail(
    pixels: np.ndarray,  # (h, w) uint8
    side: int = THUMBNAIL_SIDE,  # px, at most, of the longer side
    quality: int = THUMBNAIL_QUALITY,  # of the JPEG
    resample: Image.Resampling = Image.Resampling.BILINEAR,
) -> tuple[str, int, int]:
    """Return (data URI of a small JPEG, its width, its height in px)."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), resample)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    uri = data_uri(buffer.getvalue(), "jpeg")
    return uri, image.width, image.height


def box(
    five: Sequence[float] | None,  # least, quartiles and greatest
    top: float,  # where the scale ends; it begins at 0
    unit: str = "",
    form: str = "{:.0f}",
) -> dict[str, Any]:
    """Describe a box plot for the macro `strip` of parts.html: percent of `top`, and in words.

    Empty where there are no numbers.
    """
    if five is None:
        return {}
    least, low, middle, high, most = (form.format(value) for value in five)
    at = [100 * value / top for value in five]
    blank_unit = f" {unit}" if unit else ""
    words = f"median {middle}{blank_unit}, half of them {low} to {high}, range {least} to {most}"
    return {
        "at": [f"{x:.1f}" for x in at],
        "width": f"{at[3] - at[1]:.1f}",
        "least": least,
        "middle": middle,
        "most": most,
        "half": f"{low} to {high}",
        "words": words,
    }
