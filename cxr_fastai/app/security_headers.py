"""The headers that every answer has.

An answer in, the same answer with its headers out. No answer names a program or a version.
"""

from __future__ import annotations

from starlette.responses import Response

__all__ = ["CSP", "SECURITY_HEADERS", "secured"]

# No script or style but the files of this server, nothing from elsewhere, in nobody's frame.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With no-referrer a browser sends `Origin: null` for the form that signs in (Fetch, "append a
    # request Origin header"); to other sites same-origin says as little.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
HTTPS_ONLY = "max-age=31536000"  # s: a year


def secured(
    response: Response,
    https: bool,  # whether the browser speaks https
) -> Response:
    """Add the security headers that an answer has not set itself."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if https:
        response.headers.setdefault("strict-transport-security", HTTPS_ONLY)
    return response
