"""Kaggle's datasets, asked through kagglesdk, the SDK beneath the official client's command line. (That one signs in
over the network when it is imported, prints, exits, and sets no timeouts.) Returns Checks and Plans; downloads
nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from cxr_fastai.core import CatalogError
from cxr_fastai.curation.fetch.plan import (
    TIMEOUT,
    Check,
    Part,
    Plan,
    length,
    mirror_way,
    patiently,
    pin_of,
    refused,
    told,
)

__all__ = ["check_kaggle", "plan_kaggle"]


def _dataset(source) -> tuple[str, str, str]:
    """(owner, name, pinned version or blank)"""
    handle, _, version = source.handle.partition("@")
    if version and not re.fullmatch("[1-9][0-9]*", version):
        raise CatalogError(
            f"{source.id}, column handle: {source.handle!r}: Kaggle's versions are whole numbers: "
            f"expected {handle}@NUMBER."
        )
    return (*handle.split("/"), version)


def _ways() -> str:
    """How to sign in. The client for Python 3.10 knows fewer ways."""
    import kagglesdk

    newer = (
        "`kaggle auth login`; ~/.kaggle/access_token; "
        if hasattr(kagglesdk, "KaggleCredentials")
        else ""
    )
    return (
        "Sign in with a token from https://www.kaggle.com/settings in one of these ways: KAGGLE_API_TOKEN; "
        f"{newer}KAGGLE_USERNAME and KAGGLE_KEY; ~/.kaggle/kaggle.json (or KAGGLE_CONFIG_DIR's)."
    )


def _says(source, signed: bool) -> dict:
    page = "https://www.kaggle.com/datasets/" + source.handle.split("@")[0]
    wanted = "sign_in", "Kaggle wants you to sign in", _ways()
    refuses = "sign_in", "Kaggle refuses your token (401)", _ways()
    withheld = (
        "forbidden",
        "Kaggle does not give it to you (403)",
        f"Open {page} signed in and accept its licence or "
        "rules there; where no page shows, the dataset became private.",
    )
    moved = (
        "moved",
        f"Kaggle has no {source.handle} (404)",
        f"Look at {page} for its new place and correct the "
        f"catalogue's column handle, or {mirror_way(source)}.",
    )
    return {401: refuses if signed else wanted, 403: withheld if signed else wanted, 404: moved}


def _api_key() -> tuple[str | None, str | None]:
    """(user, key) of the older tokens. The SDK itself reads only ~/.kaggle/kaggle.json; the rest is as in the client."""
    home, xdg = (
        Path.home() / ".kaggle",
        Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"),
    )
    folder = os.environ.get("KAGGLE_CONFIG_DIR") or (home if home.exists() else xdg / "kaggle")
    try:
        said = json.loads((Path(folder) / "kaggle.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = {}
    said = said if isinstance(said, dict) else {}
    return tuple(os.environ.get(f"KAGGLE_{c}".upper()) or said.get(c) for c in ("username", "key"))


def _ready_session(client):
    """The client's session with what the client leaves out: timeouts, large answers left unread, `kaggle auth login`."""
    from requests.adapters import HTTPAdapter

    class Timed(HTTPAdapter):
        def send(self, *args, **kw):
            return super().send(*args, **{**kw, "timeout": kw.get("timeout") or TIMEOUT})

    session = client.http_client()._session
    session.stream = True
    for scheme in ("http://", "https://"):
        session.mount(scheme, Timed())
    if session.auth is None:
        try:
            from kagglesdk import KaggleCredentials
        except ImportError:
            return session  # the client for Python 3.10 knows no such sign-in
        login = KaggleCredentials.load(client)
        if login and (token := login.get_access_token()):
            session.auth = client.http_client().BearerAuth(token)
    return session


def _kaggle(source, ask: Callable):
    """ask(the SDK's dataset service), patiently. Raises `Refused`."""
    from kagglesdk import KaggleClient

    user, key = _api_key()
    with told(source, "Kaggle", _says(source, False)):
        client = KaggleClient(username=user, password=key)
        with client:
            signed = _ready_session(client).auth is not None
            with told(source, "Kaggle", _says(source, signed)):
                return patiently(lambda: ask(client.datasets.dataset_api_client))


def _kaggle_current(source) -> tuple[str, int | None]:
    """(current version, its bytes)"""
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug, _ = _dataset(source)
    info = _kaggle(source, lambda service: service.get_dataset(request))
    if info.current_version_number:
        return str(info.current_version_number), info.total_bytes or None
    raise refused(
        source,
        "unreachable",
        "Kaggle does not tell its current version",
        f"Pin one in the catalogue's column handle: {source.handle}@NUMBER.",
    )


def _kaggle_archive(source, version: str):
    """The open answer that holds a version's archive, unread, and its bytes."""
    from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest

    request = ApiDownloadDatasetRequest()
    request.owner_slug, request.dataset_slug, _ = _dataset(source)
    request.dataset_version_number = int(version)
    r = _kaggle(source, lambda service: service.download_dataset(request))
    return r, length(source, r, "Kaggle")


def check_kaggle(source) -> Check:
    version, size = _dataset(source)[2], None
    if not version:
        version, size = _kaggle_current(source)
    answer, exact = _kaggle_archive(source, version)
    answer.close()
    return Check("ready", f"version {version}", size=exact or size)


def plan_kaggle(source, version: str) -> Plan:
    owner, name, pinned = _dataset(source)
    version = version or pinned or _kaggle_current(source)[0]

    def where():
        answer, _ = _kaggle_archive(source, version)
        if not answer.history:
            return answer, {}  # sent at once, not by a signed link that could be asked for a range
        answer.close()
        return answer.url, {}

    pin = pin_of(source, pinned, version)
    return Plan(
        version, (Part(f"{name}.zip", True, 0, pin, where, f"kaggle/{owner}/{name}@{version}"),)
    )
