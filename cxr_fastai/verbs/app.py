"""`cxr app`: a page and an API that answer films with a bundle, until it is stopped.

A bundle, who may ask and limits -> a server. It writes nothing but its log, to stderr.
"""

from __future__ import annotations

import ipaddress
import re
from argparse import Namespace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_fastai.core import UsageError, printable
from cxr_fastai.verbs.model_words import say_of_gates, say_of_means, say_of_training

if TYPE_CHECKING:
    from cxr_fastai.app.limits import Limits
    from cxr_fastai.app.service import Service
    from cxr_fastai.app.similar import Similar
    from cxr_fastai.manifest import Manifest
    from cxr_fastai.serving.answers import Model

__all__ = ["app"]

PACKAGES = ("fasthtml", "starlette", "uvicorn", "python_multipart")  # of the extra app
LOCAL = "localhost"
# a name or an address, with a port or without
NAME = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def app(args: Namespace) -> int:
    """Answer films until it is stopped."""
    from cxr_fastai.bundle.files import check_there
    from cxr_fastai.bundle_names import bundle_paths

    _check_extra()
    host = _host_of(args)
    names = _names_of(args)
    if args.right and not args.gate:
        raise UsageError("--right asks the gate what lies askew: leave out --no-gate.")
    bundles = bundle_paths(args.bundle)
    for path in bundles:
        check_there(Path(path))
    token = _token_of(args)
    films = _films_of(args)
    from cxr_fastai.app.request_log import log_to_stderr
    from cxr_fastai.app.server import ALL_ADDRESSES, address_of, bound, server_for
    from cxr_fastai.app.service import Service
    from cxr_fastai.app.site import Site
    from cxr_fastai.serving.ensemble import load_ensemble

    with bound(host, args.port) as sock:
        model = load_ensemble(bundles, runtime=args.runtime)
        _say_of(model, args.gate)
        limits = _limits_of(args)
        service = Service(model, limits, args.gate, args.right)
        similar = _similar_to(model, films, is_alone=_is_loopback(host) and not names)
        site = Site(model, service, limits, token, names, similar=similar)
        log_to_stderr()
        everywhere = ", and at all addresses of this machine" if host in ALL_ADDRESSES else ""
        words = f"answers at {address_of(sock)}{everywhere}; Ctrl-C stops it"
        server_for(site, when_warm=partial(_say_warm, service, words)).run(sockets=[sock])
    return 0


def _say_warm(
    service: Service,  # that started
    words: str,  # where it answers
) -> None:
    """Say where films are answered now, and where their decoders are less shut in."""
    from cxr_fastai import progress

    if not service.decoders.is_confined:
        progress.say(
            "warning: this system has no Landlock (Linux 5.13): the processes that decode films "
            "are held by limits of memory and time alone"
        )
    progress.say(words)


# ---- before anything is loaded


def _check_extra() -> None:
    """Raise `UsageError` where what the server is made of is not installed."""
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"cxr app needs {', '.join(missing)}, not installed: pip install 'cxr_fastai[app]'"
        )


def _host_of(
    args: Namespace,
) -> str:  # an address
    """Return where to listen. Raises `UsageError` where everybody could ask unasked."""
    host = "127.0.0.1" if args.host == LOCAL else args.host.strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise UsageError(
            f"--host {args.host!r}: expected an address of this machine, as 127.0.0.1, or 0.0.0.0 "
            "for all of them. Names under which it is reached stand in --name."
        ) from None
    if args.open and args.token_file is not None:
        raise UsageError("--open answers without a token: leave out --open or --token-file.")
    if not _is_loopback(host) and not args.open and args.token_file is None:
        raise UsageError(
            f"--host {args.host} lets other machines ask: give --token-file FILE, so that only who "
            "has the token is answered, or --open, to answer whoever comes."
        )
    return host


def _is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    return ipaddress.ip_address(host).is_loopback


def _names_of(args: Namespace) -> tuple[str, ...]:
    """Return the names that the server answers under. Raises `UsageError`."""
    names = []
    for name in (args.name or "").split(","):
        name = name.strip()
        if not name:
            continue
        if not NAME.fullmatch(name):
            raise UsageError(
                f"--name {printable(name)!r}: expected a host as in its address, as "
                "films.example.org or films.example.org:8443, without https:// and path."
            )
        names.append(name.lower())
    return tuple(names)


def _token_of(
    args: Namespace,
) -> str:  # empty: none is asked for
    """Return the server's token. Raises `UsageError` and `StorageError`."""
    from cxr_fastai import progress
    from cxr_fastai.app.tokens import read_token

    if args.token_file is None:
        return ""
    return read_token(args.token_file, progress.say)


def _films_of(
    args: Namespace,
) -> Manifest | None:  # None: no films were given
    """Read what lies in the folder of similar films. Raises `CxrError`."""
    from cxr_fastai.manifest import read_manifest

    return None if args.films is None else read_manifest(args.films)


def _limits_of(args: Namespace) -> Limits:
    """Return what a request may use."""
    from cxr_fastai.app.limits import Limits

    return Limits(
        max_mb=args.max_mb,
        max_files=args.max_files,
        at_once=args.at_once,
        waiting=args.waiting,
        per_minute=args.per_minute,
    )


# ---- what is known of the bundles


def _say_of(model: Model, gate: bool) -> None:
    """Say what must be known of the bundles before they answer."""
    from cxr_fastai.serving.answers import members_of

    say_of_training(model)
    if gate:
        say_of_gates(model)
    if len(members_of(model)) > 1:
        say_of_means(model, tta=False)


def _similar_to(
    model: Model,
    films: Manifest | None,
    is_alone: bool,  # whether only this machine asks
) -> Similar | None:  # None: no films were given
    """Prepare to find similar films."""
    if films is None:
        return None
    from cxr_fastai import progress
    from cxr_fastai.app.similar import similar_of
    from cxr_fastai.reporting.text import count

    similar = similar_of(model, films, is_alone, progress)
    of = f"{count(len(similar.index.rows), 'film')} {similar.index.whose}"
    progress.say(f"similar films are looked for among {of}")
    return similar
