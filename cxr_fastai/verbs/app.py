"""`cxr app`: a page and an API over a bundle, until it is stopped.

A bundle and limits -> a server. Nothing is written.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from cxr_fastai.core import UsageError

__all__ = ["app"]


def app(args: Namespace) -> int:
    """Serve a bundle."""
    from cxr_fastai import progress
    from cxr_fastai.bundle.files import check_there
    from cxr_fastai.bundle_names import bundle_paths

    _check_extra()
    bundles = bundle_paths(args.bundle)
    for path in bundles:
        check_there(Path(path))
    from cxr_fastai.app.limits import Limits
    from cxr_fastai.app.server import address_of, bound, server_for
    from cxr_fastai.app.service import Service
    from cxr_fastai.app.site import Site
    from cxr_fastai.serving.ensemble import load_ensemble

    sock = bound(args.host, args.port)
    limits = Limits()
    model = load_ensemble(bundles, runtime=args.runtime)
    service = Service(model, limits, args.gate, args.right)
    server = server_for(Site(model, service, limits))
    progress.say(f"serving {args.bundle} at {address_of(sock)} (Ctrl-C stops it)")
    server.run(sockets=[sock])
    return 0


def _check_extra() -> None:
    """Raise `UsageError` where what the server is made of is not installed."""
    from importlib.util import find_spec

    for package in ("fasthtml", "starlette", "uvicorn", "python_multipart"):
        if find_spec(package) is None:
            raise UsageError(
                f"cxr app needs {package}, which is not installed: pip install 'cxr_fastai[app]'"
            )
