"""Whether a training film may be shown to who asks: the rule of the dataset card, film by film.

A row of a manifest and the catalogue in, the reason in words why it is hidden out. The catalogue
says of each source whether its images may be shared on; one that it forbids, or is silent on, is
not shown. Films of a folder of one's own stand in no catalogue: they are shown where the server
answers this machine alone, as whoever sits there has the folder anyway. It opens no file.
"""

from __future__ import annotations

from collections.abc import Mapping

from cxr_fastai.catalog import Source
from cxr_fastai.manifest import Record

__all__ = ["why_hidden"]

SHARED_ON, FORBIDDEN = "yes", "no"  # of redistribute; all else is silence


def why_hidden(
    row: Record,
    catalog: Mapping[str, Source],  # id -> source
    is_alone: bool,  # whether the server answers this machine alone
) -> str:  # empty: it may be shown
    """Say why a film is not shown."""
    source = catalog.get(row.source)
    if source is None:
        return "" if is_alone else _own(row)
    if source.licence != row.licence:
        return f"Not shown: {row.source} has another licence here than in the catalogue."
    if source.redistribute == SHARED_ON:
        return ""
    if source.redistribute == FORBIDDEN:
        return f"Not shown: films of {row.source} may not be shared on."
    return f"Not shown: whether films of {row.source} may be shared on is not known."


def _own(row: Record) -> str:
    """Say why a film of a folder of one's own is hidden from the network."""
    return (
        f"Not shown: {row.source} stands in no catalogue. Its films are shown where the server "
        "answers its own machine alone."
    )
