"""`cxr push`: a bundle or a curated folder to the Hugging Face Hub.

A folder and a repository's name -> what would go, or what went.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from cxr_fastai.core import printable
from cxr_fastai.hub.push import Pushed
from cxr_fastai.hub.push import push as push_folder
from cxr_fastai.reporting.text import count
from cxr_fastai.verbs.output import print_json

__all__ = ["push"]

SIZE_WIDTH = 13  # characters; of 999,999,999 bytes and two more


def push(args: Namespace) -> int:
    """Say what goes, and send it where asked."""
    from cxr_fastai import progress

    pushed = push_folder(
        args.path,
        args.repo,
        yes=args.yes,
        public=args.public,
        licence=args.licence,
        trained_on=args.trained_on,
        manifest=args.manifest,
        progress=progress,
    )
    if args.json:
        return print_json(pushed.to_dict())
    print("\n".join(_lines(pushed)))
    if pushed.sent is None:
        progress.say(f"nothing was sent: give --yes to send it to {args.repo}")
    return 0


def _lines(pushed: Pushed) -> Iterator[str]:
    """Say what goes, what stays, and where it is."""
    shipment = pushed.shipment
    yield f"{shipment.title} -> {shipment.kind} {shipment.repo}: {shipment.summary}"
    yield f"licence: {printable(shipment.licence)}"
    yield ""
    for parcel in shipment.parcels:
        yield f"{parcel.sha256}  {parcel.size:>{SIZE_WIDTH},}  {printable(parcel.path)}"
    yield ""
    yield from (f"left out: {printable(one.name)}: {one.why}" for one in shipment.left_out)
    yield from (f"otherwise there: {printable(sentence)}" for sentence in shipment.changed)
    yield from (f"look at it: {printable(sentence)}" for sentence in shipment.beware)
    if pushed.sent is None:
        yield from ("", "README.md, the card:", "", shipment.card.rstrip("\n"))
        return
    sent = pushed.sent
    if sent.removed:
        yield f"removed there: {count(len(sent.removed), 'file')} of an earlier push"
    if sent.others:
        named = ", ".join(printable(name) for name in sent.others[:3])
        yield f"left there: {count(len(sent.others), 'file')} that no push put there: {named}"
    yield f"sent to {shipment.repo} ({'private' if sent.is_private else 'public'}): {sent.commit}"
    yield pushed.load
