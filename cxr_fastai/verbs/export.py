"""`cxr export`: a bundle's network for other programs.

A bundle -> model.onnx in it or a file of its own.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from cxr_fastai.core import UsageError
from cxr_fastai.outputs import check_output_file
from cxr_fastai.verbs.output import print_json

__all__ = ["export"]


def export(args: Namespace) -> int:
    """Write a bundle's network in other forms."""
    from cxr_fastai import progress
    from cxr_fastai.bundle.files import find_folder
    from cxr_fastai.bundle.onnx_file import need, record_beside

    if args.onnx is None:
        raise UsageError("nothing is asked for: give --onnx (into the bundle) or --onnx FILE.onnx")
    folder = find_folder(Path(args.bundle))
    if args.onnx:
        _check_file(Path(args.onnx), folder)
    for package in ("onnx", "onnxruntime", "onnxscript"):
        need(package)  # before torch is imported
    from cxr_fastai.bundle.onnx_export import export_onnx
    from cxr_fastai.bundle.store import load_bundle

    bundle = load_bundle(folder, "cpu")
    progress.say(f"exporting {bundle.meta['arch']}: takes seconds to a minute")
    file = export_onnx(bundle, args.onnx or None)
    beside = record_beside(file) if args.onnx else folder / "bundle.json"
    record = json.loads(beside.read_text(encoding="utf-8"))["onnx"]
    if args.json:
        return print_json({"file": str(file), "facts": str(beside), **record})
    apart = record["parity"]
    print(f"wrote {file}, and key onnx of {beside}")
    print(
        f"held against torch on {apart['images']} drawn images: probabilities at most "
        f"{apart['probabilities']:.1g} apart"
    )
    given = args.onnx or args.bundle
    progress.say(f"next: cxr predict {given} PATH.. --runtime onnx")
    return 0


def _check_file(file: Path, folder: Path) -> None:
    """Raise `UsageError` for a file that would not be found again, or that hides a bundle's own."""
    from cxr_fastai.bundle.onnx_file import record_beside

    if file.suffix != ".onnx":
        raise UsageError(f"--onnx {file}: expected a name that ends in .onnx, as model.onnx")
    if file.resolve().parent == folder.resolve():
        raise UsageError(f"--onnx {file} lies in the bundle: give --onnx alone to write it there")
    inputs = [path for path in folder.iterdir() if path.is_file()]
    check_output_file(str(file), "--onnx", inputs=inputs)
    check_output_file(str(record_beside(file)), "--onnx", inputs=inputs)
