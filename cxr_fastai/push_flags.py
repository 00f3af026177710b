"""What `cxr push` understands.

A verb's parser -> the same with its flags. Nothing heavy is imported.
"""

from __future__ import annotations

from argparse import ArgumentParser

__all__ = ["add_push"]


def add_push(v: ArgumentParser) -> None:
    """Add the flags of `cxr push`."""
    v.add_argument(
        "path",
        metavar="BUNDLE|DATA",
        help="a bundle, or the run folder that holds it; or a folder that cxr curate wrote, whose "
        "sources may all be shared",
    )
    v.add_argument("repo", metavar="REPO", help="OWNER/NAME on the Hugging Face Hub")
    v.add_argument(
        "--yes",
        action="store_true",
        help="send it; without it nothing is sent and nobody is asked: each file is listed with "
        "its size and SHA-256, and what stays here and why",
    )
    v.add_argument(
        "--public",
        action="store_true",
        help="to be seen by all (default: a private repository is made)",
    )
    v.add_argument(
        "--licence",
        metavar="NAME",
        default="",
        help="as the Hub names it, as cc-by-4.0: of a bundle's weights, or of a folder of your own",
    )
    v.add_argument(
        "--trained-on",
        action="store_true",
        help="of a bundle: send trained_on.txt too, the names of the images and patients that "
        "training saw, so that others can leave them out of a test",
    )
    v.add_argument(
        "--manifest",
        metavar="CSV",
        help="the catalogue that the folder was curated with, if not the library's own",
    )
    v.add_argument("--json", action="store_true", help="all that is said, as JSON")
