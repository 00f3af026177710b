"""`cxr demo`: the whole road on drawn radiographs."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

__all__ = ["demo"]


def demo(args: Namespace) -> int:
    """Run the whole road on drawn radiographs."""
    from cxr_fastai.demo import demo

    return demo(Path(args.out))
