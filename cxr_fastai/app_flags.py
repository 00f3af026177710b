"""What `cxr app` understands.

A verb's parser -> the same with its flags. Nothing heavy is imported.
"""

from __future__ import annotations

from argparse import ArgumentParser, _ArgumentGroup

from cxr_fastai.bundle.runtime import RUNTIMES
from cxr_fastai.flag_values import port, whole
from cxr_fastai.one_line_parser import Joined

__all__ = ["add_app", "add_gate"]

# flag -> its default, of app.limits.Limits; what it bounds
APP_LIMITS: dict[str, tuple[int, str]] = {
    "--max-mb": (64, "megabytes of a request"),
    "--max-files": (32, "films in a request"),
    "--at-once": (8, "requests that are answered at the same time"),
    "--waiting": (32, "requests that may wait for these"),
    "--per-minute": (0, "requests with films that one address may make in a minute"),
}


def add_app(v: ArgumentParser) -> None:
    """Add the flags of `cxr app`."""
    v.add_argument(
        "bundle",
        metavar="BUNDLE",
        help="a bundle, or the run folder that holds it; or several as A,B,C, as for predict",
    )
    v.add_argument(
        "--films",
        metavar="DATA",
        help="a folder that cxr curate wrote: the training films most similar to each film are "
        "shown beside it, where their licence lets them be",
    )
    _app_how(v)
    _app_who(v.add_argument_group("who may ask"))
    _app_limits(v.add_argument_group("limits; beyond them a request is refused, and told why"))


def add_gate(v: ArgumentParser) -> None:
    """Add what `cxr app` and `cxr predict` ask of the bundle's gate."""
    v.add_argument(
        "--right",
        action="store_true",
        help="turn and invert back what looks turned or inverted to the bundle's gate, and say so",
    )
    v.add_argument(
        "--no-gate",
        dest="gate",
        action="store_false",
        help="answer also for what is no upright frontal chest film: for those who know theirs are",
    )


def _app_how(v: ArgumentParser) -> None:
    """Add the flags of `cxr app` that say how a film is answered."""
    add_gate(v)
    v.add_argument(
        "--runtime",
        choices=RUNTIMES,
        help="what computes the network: torch, or onnx, which needs no torch, once cxr export "
        "wrote model.onnx",
    )


def _app_who(group: _ArgumentGroup) -> None:
    """Add the flags of `cxr app` that say who may ask."""
    group.add_argument(
        "--port",
        type=port,
        default=8000,
        metavar="N",
        help="to listen at (default: 8000); 0: any that is free",
    )
    group.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="to listen at (default: 127.0.0.1, for this machine alone); 0.0.0.0 for all, with "
        "--token-file or --open",
    )
    group.add_argument(
        "--name",
        action=Joined,
        metavar="HOST,..",
        help="names under which a reverse proxy or a network reaches the server; requests for "
        "others are refused",
    )
    group.add_argument(
        "--token-file",
        metavar="FILE",
        help="answer only who has the token on the one line of this file: programs by a header, "
        "people by signing in",
    )
    group.add_argument(
        "--open",
        action="store_true",
        help="answer whoever reaches --host, without a token",
    )


def _app_limits(group: _ArgumentGroup) -> None:
    """Add the flags of `cxr app` that bound what is asked of it."""
    for flag, (default, words) in APP_LIMITS.items():
        shown = f" (default: {default})" if default else ""
        group.add_argument(flag, type=whole, default=default, metavar="N", help=f"{words}{shown}")
