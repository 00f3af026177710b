"""Everything that the server refuses, in plain words: what it is, and what to do.

A code and values -> a `Refusal`, which http.py turns into JSON for programs and a page for
browsers. The codes are a vocabulary: openapi.json lists them, metrics count them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Refusal", "REFUSALS", "refusal"]


@dataclass(frozen=True)
class Kind:
    """One kind of refusal."""

    status: int
    says: str  # what happened, with {values}
    do: str  # what can be done about it, with {values}


# code -> what it is
REFUSALS: dict[str, Kind] = {
    "not_http": Kind(400, "This is no HTTP request.", "Send one."),
    "host_missing": Kind(400, "The request has no Host header, or several.", "Send one."),
    "form_broken": Kind(
        400, "The form cannot be read: {what}.", "Send multipart/form-data with parts named files."
    ),
    "body_short": Kind(
        400, "The body ended before its Content-Length.", "Send as many bytes as are announced."
    ),
    "no_film": Kind(
        400, "There is no file in the request.", "Send image files in parts named files."
    ),
    "one_film": Kind(
        400,
        "This address takes one film, and the request holds several.",
        "Send each in a request of its own; POST /predict takes several.",
    ),
    "length_wrong": Kind(
        400, "Content-Length is no plain number.", "Send the number of bytes of the body."
    ),
    "query_wrong": Kind(400, "{what}.", "{do}."),
    "header_twice": Kind(400, "The header {name} stands in the request twice.", "Send it once."),
    "body_unwanted": Kind(
        400, "This address takes no body.", "Ask without one, or send films to /predict."
    ),
    "token_missing": Kind(
        401,
        "This server answers only who has its token.",
        "Send the header Authorization: Bearer TOKEN, or sign in on the page.",
    ),
    "token_wrong": Kind(401, "This is not the server's token.", "Ask who runs the server for it."),
    "other_site": Kind(
        403,
        "The request comes from the page of another site.",
        "Use this server's own page, or a program.",
    ),
    "not_found": Kind(404, "There is nothing at this address.", "The page is at /."),
    "method_wrong": Kind(405, "{method} is not understood here.", "Use {allowed}."),
    "body_slow": Kind(
        408,
        "The request took too long to come in.",
        "Send fewer films at once, or from a faster connection.",
    ),
    "headers_slow": Kind(
        408, "The headers of the request took too long to come in.", "Send it again."
    ),
    "length_missing": Kind(
        411, "The request does not say how long it is.", "Send a Content-Length header."
    ),
    "body_large": Kind(
        413, "The request is larger than {max_mb} MB.", "Send fewer films at once, or smaller ones."
    ),
    "files_many": Kind(
        413, "There are more than {max_files} files in the request.", "Send them in several."
    ),
    "form_large": Kind(
        413, "The form is larger than {max_bytes} bytes.", "Send the form of the page."
    ),
    "address_long": Kind(414, "The address is too long.", "Ask for one that the page shows."),
    "no_picture": Kind(
        415,
        "None of what was sent is a picture: {why}",
        "Send radiographs as PNG, JPEG, TIFF, DICOM or another picture format.",
    ),
    "type_wrong": Kind(
        415,
        "This content type is not understood: {type}.",
        "Send multipart/form-data with parts named files, or one film as image/*, "
        "application/dicom or application/octet-stream.",
    ),
    "form_wrong": Kind(415, "This address takes a form of the page.", "Send it as {type}."),
    "encoding_wrong": Kind(
        415, "The body has a Content-Encoding.", "Send it as it is, without compression."
    ),
    "host_wrong": Kind(
        421,
        "The server does not answer under this name.",
        "Use the address that it printed when it started, or start it with --name HOST.",
    ),
    "unreadable": Kind(
        422,
        "None of what was sent can be read: {why}",
        "Send the files as they were made: PNG, JPEG, TIFF, DICOM or another picture format.",
    ),
    "too_often": Kind(
        429, "More than {per_minute} requests in a minute.", "Try again in {seconds} s."
    ),
    "headers_large": Kind(431, "The headers are too long.", "Send fewer or shorter ones."),
    "busy": Kind(
        503, "The server is busy with other films.", "Try again in {seconds} s; nothing was kept."
    ),
    "late": Kind(
        503,
        "The answer took too long, and was given up.",
        "Try again in {seconds} s with fewer films.",
    ),
    "starting": Kind(503, "The model is being loaded.", "Try again in {seconds} s."),
    "stopping": Kind(503, "The server is being stopped.", "Try again once it runs again."),
    "connections": Kind(503, "Too many connections are open.", "Try again in {seconds} s."),
    # A mistake of this server. The tests fail on it; it is no 503, as waiting mends nothing.
    "unexpected": Kind(
        500,
        "The server made a mistake, and kept nothing of the request.",
        "Report it with the line that the server printed; other requests are answered.",
    ),
}


@dataclass
class Refusal(Exception):
    """A request that is refused."""

    status: int
    code: str  # of REFUSALS
    says: str
    do: str
    headers: Mapping[str, str] = field(default_factory=dict)  # of the answer, as Retry-After

    def to_dict(self) -> dict[str, Any]:
        """Return what a program is told."""
        told = {"status": self.status, "code": self.code, "says": self.says, "do": self.do}
        return {"error": told}


def refusal(
    code: str,  # of REFUSALS
    headers: Mapping[str, str] | None = None,  # of the answer
    **values: object,  # that its words hold
) -> Refusal:
    """Make the refusal of a kind."""
    kind = REFUSALS[code]
    says = kind.says.format(**values)
    do = kind.do.format(**values)
    return Refusal(kind.status, code, says, do, headers or {})
