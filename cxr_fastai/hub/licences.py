"""Who may pass a folder on: what the catalogue says of each source, and nothing else.

A Manifest and a catalogue -> the licences, or an error that names the sources. The rule is that of
the dataset card: a source that is not marked as shareable is not to be published.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Source
from cxr_fastai.core import UsageError, printable
from cxr_fastai.manifest import Manifest
from cxr_fastai.reporting.text import count

__all__ = ["check_licence", "check_shareable", "hidden_sources", "licence_words"]

HUB_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,60}")  # cc-by-4.0, apache-2.0, other
LOCAL = "local"  # transport of a source that is a folder of somebody's own
WHY = {"no": "its licence forbids it", "unknown": "whether it may be shared is not known"}


def check_licence(licence: str) -> str:
    """Return a licence as the Hub names it. Raises `UsageError` for what cannot be one."""
    if HUB_LICENCE.fullmatch(licence) is None:
        raise UsageError(
            f"licence {printable(licence)!r}: expected one as the Hub names it, as cc-by-4.0, "
            "cc0-1.0, apache-2.0 or other."
        )
    return licence


def hidden_sources(
    data: Manifest,
    catalog: Mapping[str, Source],
) -> set[str]:
    """Return the sources that are a folder of somebody's own: their files have no public names."""
    named = {row.source for row in data.rows}
    if data.curation.get("own"):
        return named
    return {name for name in named if name in catalog and catalog[name].transport == LOCAL}


def check_shareable(
    data: Manifest,
    catalog: Mapping[str, Source],
    licence: str = "",  # under which the owner gives his own images
) -> None:
    """Raise `UsageError` unless all sources may be passed on, naming each that may not."""
    is_own = bool(data.curation.get("own"))
    if licence and not is_own:
        raise UsageError(
            f"{flag('licence')} is for a folder of your own: the licences of this one's sources "
            "stand in the catalogue."
        )
    images = Counter(row.source for row in data.rows)
    if is_own:
        _check_own(data, images, licence)
        return
    refused = {}
    for name in sorted(images):
        why = _why_not(name, data, catalog)
        if why:
            refused[name] = why
    if refused:
        raise UsageError(_refusal(data, images, refused))


def _refusal(
    data: Manifest,
    images: Mapping[str, int],  # source -> images
    refused: Mapping[str, str],  # source -> why it may not be passed on
) -> str:
    """Name each source that may not be passed on, and those that may."""
    told = []
    for name, why in refused.items():
        n = count(images[name], "image")
        told.append(f"{name} ({n}: {why})")
    free = sorted(images.keys() - refused.keys())
    way = "None of its sources may."
    if free:
        way = f"Curate it of the others alone: {flag('only', ','.join(free))}."
    return f"{data.root} may not be passed on. Not to be published: {'; '.join(told)}. {way}"


def _why_not(
    name: str,  # of a source
    data: Manifest,
    catalog: Mapping[str, Source],
) -> str:
    """Say why a source may not be passed on; '' where it may."""
    if name not in catalog:
        return f"no catalogue here knows it: {flag('manifest', 'CSV')} gives the folder's own"
    source = catalog[name]
    if source.redistribute != "yes":
        return WHY.get(source.redistribute, WHY["unknown"])
    stated = sorted({row.licence for row in data.rows if row.source == name})
    if stated != [source.licence]:
        shown = " and ".join(repr(each) for each in stated)
        return f"manifest.csv states the licence {shown}, the catalogue {source.licence!r}"
    return ""


def _check_own(
    data: Manifest,
    images: Counter[str],
    licence: str,
) -> None:
    """Raise `UsageError` for a folder of one's own that nobody gave a licence."""
    if licence:
        check_licence(licence)
        return
    named = ", ".join(f"{name} ({count(n, 'image')})" for name, n in sorted(images.items()))
    raise UsageError(
        f"{data.root} holds images of your own without a licence: {named}. If they are yours to "
        f"give, and the patients' consent or an ethics board lets you, say under which: "
        f"{flag('licence', 'cc-by-4.0')}."
    )


def licence_words(
    data: Manifest,
    licence: str,  # of the owner; '': those of the sources
) -> str:
    """Name the licences of a folder, each with its sources."""
    if licence:
        return licence
    of: dict[str, set[str]] = {}
    for row in data.rows:
        of.setdefault(row.licence or "none stated", set()).add(row.source)
    return "; ".join(f"{name} ({', '.join(sorted(of[name]))})" for name in sorted(of))
