"""Plain http(s): the addresses in the catalogue's column download.

A Source -> a Check or a Plan; it downloads nothing. A URL's #fragment names the file where its
path does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from cxr_fastai.catalog import Source, split_list
from cxr_fastai.core import CatalogError
from cxr_fastai.curation.fetch.mirrors import mirror_way
from cxr_fastai.curation.fetch.plan import Check, Part, Plan, Refused, refusal
from cxr_fastai.curation.fetch.server import Replies, size_at

__all__ = ["check_web", "plan_web"]

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class Address(NamedTuple):
    """One file of the catalogue's column download."""

    url: str  # without its fragment
    file_name: str
    pin: str  # SHA-256, or blank

    @property
    def is_archive(self) -> bool:
        """Whether it is to be unpacked."""
        return self.file_name.lower().endswith(ARCHIVE_SUFFIXES)


def check_web(source: Source) -> Check:
    """Ask whether all files would come, and how large they are. Raises `Refused`."""
    addresses = _addresses(source)
    if not addresses:
        raise _no_address(source)
    replies = _replies(source)
    sizes = []
    for address in addresses:
        server = urlsplit(address.url).hostname or ""
        sizes.append(size_at(source, address.url, server, replies))
    noun = "file" if len(sizes) == 1 else "files"
    return Check("ready", f"{len(sizes)} {noun}", size=_total(sizes))


def _total(sizes: Sequence[int | None]) -> int | None:
    """Add sizes up; None where one of them is not known."""
    known = [size for size in sizes if size]
    if len(known) < len(sizes):
        return None
    return sum(known)


def plan_web(
    source: Source,
    version: str,  # of no meaning here: addresses have none
) -> Plan:
    """Plan every file of the catalogue's row. Asks no server. Raises `Refused`, `CatalogError`."""
    addresses = _addresses(source)
    if not addresses:
        raise _no_address(source)
    return Plan("", tuple(_part(address) for address in addresses))


def _part(address: Address) -> Part:
    """Plan one file; its key leaves out the query, which may be a signature that runs out."""
    return Part(
        name=address.file_name,
        archive=address.is_archive,
        strip=0,
        pin=address.pin,
        where=address.url,
        key=address.url.partition("?")[0],
    )


# ---- the catalogue's row


def _addresses(source: Source) -> list[Address]:
    """Read the columns download and pin. Raises `CatalogError`."""
    urls = split_list(source.download)
    pins = split_list(source.pin) or [""] * len(urls)
    if len(pins) != len(urls):
        raise CatalogError(
            f"{source.id}, column pin: {len(pins)} for {len(urls)} downloads: "
            "give one SHA-256 a download, joined by ' ; ', or leave the cell blank."
        )
    addresses = []
    for url, pin in zip(urls, pins):
        bare = url.partition("#")[0]
        addresses.append(Address(bare, _file_name(source, url), pin))
    _check_names(source, addresses)
    return addresses


def _check_names(source: Source, addresses: Sequence[Address]) -> None:
    """Raise `CatalogError` where two files would have one name in the tree."""
    plain = Counter(address.file_name for address in addresses if not address.is_archive)
    twice = sorted(name for name, times in plain.items() if times > 1)
    if twice:
        raise CatalogError(
            f"{source.id}, column download: two files are named {twice[0]!r}: "
            "name each by a #fragment of its URL."
        )


def _file_name(source: Source, url: str) -> str:
    """Return the name of the file behind a URL. Raises `CatalogError`."""
    place = f"{source.id}, column download"
    try:
        parts = urlsplit(url)
    except ValueError as e:
        raise CatalogError(f"{place}: no URL: {e}.") from e
    _check_url(parts, place)
    name = unquote(parts.fragment) or PurePosixPath(unquote(parts.path)).name
    is_special = name in ("", ".", "..") or re.search(r"[/\\:]", name)
    if is_special or not name.isprintable():
        raise CatalogError(
            f"{place}: {parts.hostname}{parts.path} names no file: add #NAME, as in #images.zip."
        )
    return name


def _check_url(parts: SplitResult, place: str) -> None:
    """Raise `CatalogError` for a URL with a password, or of another scheme than http(s)."""
    if parts.username or parts.password:
        raise CatalogError(
            f"{place}: a URL with a user or password: a catalogue is no place "
            "for them. Put the files into a mirror."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CatalogError(
            f"{place}: a URL with scheme {parts.scheme!r}: "
            "expected http://HOST/... or https://HOST/..."
        )


# ---- refusals


def _no_address(source: Source) -> Refused:
    """Say that the catalogue knows no address of the files."""
    first = f"Download it from {source.url}, then " if source.url else "To have it, "
    return refusal(
        source,
        "no_download",
        "no address to download it from is known",
        f"{first}{mirror_way(source)}.",
    )


def _replies(source: Source) -> Replies:
    """Say what a web server's statuses mean."""
    page = source.url or "its page"
    wants_sign_in = Check(
        "sign_in",
        "the server wants you to sign in (401)",
        f"Sign in at {page}, and {mirror_way(source)}.",
    )
    withholds = Check(
        "forbidden",
        "the server does not give it to you (403)",
        f"Read the terms at {page}, and {mirror_way(source)}.",
    )
    has_moved = Check(
        "moved",
        "the file is not there (404)",
        f"Look at {page} for its new place and correct the "
        f"catalogue's column download, or {mirror_way(source)}.",
    )
    return {401: wants_sign_in, 403: withholds, 404: has_moved}
