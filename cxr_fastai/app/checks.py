"""Who may ask: the names that the server answers under, and the pages that it answers to.

Headers in, nothing or a `Refusal` out. Against DNS rebinding (a page elsewhere whose name suddenly
means this machine) and against pages elsewhere that post here with a visitor's session.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping

from cxr_fastai.app.refusals import refusal

__all__ = ["headers_of", "check_host", "check_origin", "is_https", "is_loopback", "host_name"]

# Of which a second one would change what a request means, or who asks.
ONCE = {
    "host",
    "origin",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "authorization",
    "cookie",
    "expect",
    "sec-fetch-site",
    "x-forwarded-proto",
}
OWN_PAGES = ("same-origin", "none")  # values of Sec-Fetch-Site; none: typed by a person


def headers_of(
    pairs: Iterable[tuple[bytes, bytes]],  # of the ASGI scope
) -> dict[str, str]:  # names in lower case
    """Return the headers of a request. Raises `Refusal` where one stands twice that must not."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1")
        if name in headers and name in ONCE:
            raise refusal("header_twice", name=name)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


# ---- names


def host_name(
    host: str,  # header Host, or the part of an origin behind ://
) -> str:  # in lower case, without port and brackets; empty: it is none
    """Return the name or address of a host."""
    name, port = host, ""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    elif host.count(":") == 1:
        name, _, port = host.partition(":")
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return ""
    return name.lower().removesuffix(".")


def is_loopback(
    name: str,  # of `host_name`
) -> bool:
    """Tell whether a name means this machine alone, whatever a name server says."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_host(
    headers: Mapping[str, str],
    own: str,  # address at which the connection came in
    names: Collection[str],  # beside it, of --name
) -> None:
    """Raise `Refusal` where a request is for another host.

    A name that the browser looked up may have been made to mean this machine; localhost, loopback
    addresses and the address of the connection itself cannot be.
    """
    host = headers.get("host", "")
    if not host:
        raise refusal("host_missing")
    name = host_name(host)
    if is_loopback(name) or (name and name == own.lower()):
        return
    if name not in {host_name(each) for each in names}:
        raise refusal("host_wrong")


# ---- pages


def check_origin(
    headers: Mapping[str, str],
    names: Collection[str],  # of --name
) -> None:
    """Raise `Refusal` where the page of another site posts.

    A browser says where a request comes from, and no script can make it say otherwise. A program
    says nothing.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in OWN_PAGES:
        raise refusal("other_site")
    origin = headers.get("origin")
    if origin is None or (origin == "null" and site == "same-origin"):
        return
    scheme, _, host = origin.partition("://")
    is_own = host == headers.get("host") or host in names
    if scheme not in ("http", "https") or not is_own:
        raise refusal("other_site")


def is_https(
    headers: Mapping[str, str],
    scheme: str,  # of the connection
) -> bool:
    """Tell whether the browser speaks https, as a reverse proxy says. It only adds protection."""
    return scheme == "https" or headers.get("x-forwarded-proto", "").lower() == "https"
