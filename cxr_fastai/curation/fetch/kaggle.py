"""Kaggle's datasets, asked through kagglesdk, the SDK beneath the official client's command line.

A Source -> a Check or a Plan; it downloads nothing. (The command line itself signs in over the
network when it is imported, prints, exits, and sets no timeouts.)
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cxr_fastai.catalog import Source
from cxr_fastai.core import CatalogError
from cxr_fastai.curation.fetch.mirrors import mirror_way
from cxr_fastai.curation.fetch.plan import Check, Part, Plan, catalogue_pin, refusal
from cxr_fastai.curation.fetch.server import (
    TIMEOUT,
    Replies,
    ask_with_retries,
    refusals_in_words,
    size_in_answer,
)
from cxr_fastai.inputs import readable_path

__all__ = ["check_kaggle", "plan_kaggle"]

T = TypeVar("T")
SERVER = "Kaggle"  # in messages


class Dataset(NamedTuple):
    """A Kaggle dataset as the catalogue's column handle names it."""

    owner: str
    name: str
    version: str  # pinned, or blank


def check_kaggle(source: Source) -> Check:
    """Ask whether the archive would come, and how large it is. Raises `Refused`."""
    version = _dataset(source).version
    size = None
    if not version:
        version, size = _current_version(source)
    answer, exact_size = _open_archive(source, version)
    answer.close()
    return Check("ready", f"version {version}", size=exact_size or size)


def plan_kaggle(
    source: Source,
    version: str,  # to have instead of the handle's, or blank
) -> Plan:
    """Plan the one archive of a dataset. Asks only where no version is known. Raises `Refused`."""
    dataset = _dataset(source)
    number = version or dataset.version or _current_version(source)[0]

    def where() -> tuple[Any, dict[str, str]]:
        """Ask for a new link; return the open answer where there is none."""
        answer, _ = _open_archive(source, number)
        if not answer.history:
            # sent at once, not by a signed link that could be asked for a range
            return answer, {}
        answer.close()
        return answer.url, {}

    archive = Part(
        name=f"{dataset.name}.zip",
        archive=True,
        strip=0,
        pin=catalogue_pin(source, dataset.version, number),
        where=where,
        key=f"kaggle/{dataset.owner}/{dataset.name}@{number}",
    )
    return Plan(number, (archive,))


def _dataset(source: Source) -> Dataset:
    """Read the handle OWNER/NAME@VERSION. Raises `CatalogError`."""
    handle, _, version = source.handle.partition("@")
    if version and not re.fullmatch("[1-9][0-9]*", version):
        raise CatalogError(
            f"{source.id}, column handle: {source.handle!r}: Kaggle's versions are whole numbers: "
            f"expected {handle}@NUMBER."
        )
    owner, name = handle.split("/")
    return Dataset(owner, name, version)


# ---- questions


def _current_version(source: Source) -> tuple[str, int | None]:
    """Ask for the newest version and its bytes."""
    from kagglesdk.datasets.types import (  # type: ignore[import-untyped]  # it has no types
        dataset_api_service,
    )

    dataset = _dataset(source)
    request = dataset_api_service.ApiGetDatasetRequest()
    request.owner_slug = dataset.owner
    request.dataset_slug = dataset.name
    info = _ask(source, lambda service: service.get_dataset(request))
    if info.current_version_number:
        return str(info.current_version_number), info.total_bytes or None
    raise refusal(
        source,
        "unreachable",
        "Kaggle does not tell its current version",
        f"Pin one in the catalogue's column handle: {source.handle}@NUMBER.",
    )


def _open_archive(source: Source, version: str) -> tuple[Any, int | None]:
    """Return the open answer that holds a version's archive, unread, and its bytes."""
    from kagglesdk.datasets.types import dataset_api_service

    dataset = _dataset(source)
    request = dataset_api_service.ApiDownloadDatasetRequest()
    request.owner_slug = dataset.owner
    request.dataset_slug = dataset.name
    request.dataset_version_number = int(version)
    answer = _ask(source, lambda service: service.download_dataset(request))
    return answer, size_in_answer(source, answer, SERVER)


def _ask(source: Source, question: Callable[[Any], T]) -> T:
    """Put a question to the SDK's dataset service, again where that may help. Raises `Refused`."""
    from kagglesdk import KaggleClient  # type: ignore[import-untyped]  # the SDK has no types

    user, key = _api_key()
    with refusals_in_words(source, SERVER, _replies(source, signed_in=False)):
        client = KaggleClient(username=user, password=key)
        with client:
            signed_in = _ready_session(client).auth is not None
            with refusals_in_words(source, SERVER, _replies(source, signed_in)):
                return ask_with_retries(lambda: question(client.datasets.dataset_api_client))


def _replies(source: Source, signed_in: bool) -> Replies:
    """Say what Kaggle's statuses mean."""
    page = "https://www.kaggle.com/datasets/" + source.handle.split("@")[0]
    wants_sign_in = Check("sign_in", "Kaggle wants you to sign in", _ways_to_sign_in())
    refuses_token = Check("sign_in", "Kaggle refuses your token (401)", _ways_to_sign_in())
    withholds = Check(
        "forbidden",
        "Kaggle does not give it to you (403)",
        f"Open {page} signed in and accept its licence or "
        "rules there; where no page shows, the dataset became private.",
    )
    has_moved = Check(
        "moved",
        f"Kaggle has no {source.handle} (404)",
        f"Look at {page} for its new place and correct the "
        f"catalogue's column handle, or {mirror_way(source)}.",
    )
    if signed_in:
        return {401: refuses_token, 403: withholds, 404: has_moved}
    return {401: wants_sign_in, 403: wants_sign_in, 404: has_moved}


# ---- signing in


def _ways_to_sign_in() -> str:
    """List the ways. Clients before 2 know fewer."""
    import kagglesdk

    newer_ways = ""
    if hasattr(kagglesdk, "KaggleCredentials"):
        newer_ways = "`kaggle auth login`; ~/.kaggle/access_token; "
    return (
        "Sign in with a token from https://www.kaggle.com/settings in one of these ways: "
        f"KAGGLE_API_TOKEN; {newer_ways}KAGGLE_USERNAME and KAGGLE_KEY; "
        "~/.kaggle/kaggle.json (or KAGGLE_CONFIG_DIR's)."
    )


def _api_key() -> tuple[str | None, str | None]:
    """Return (user, key) of the older tokens.

    The SDK itself reads only ~/.kaggle/kaggle.json; the rest is as in the client.
    """
    stated = _kaggle_json()
    user = os.environ.get("KAGGLE_USERNAME") or stated.get("username")
    key = os.environ.get("KAGGLE_KEY") or stated.get("key")
    return user, key


def _kaggle_json() -> dict[str, Any]:
    """Return what kaggle.json says; nothing where there is none or it is no JSON object."""
    usual = Path.home() / ".kaggle"
    if not usual.exists():
        config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        usual = Path(config) / "kaggle"
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or usual)
    file = readable_path(folder / "kaggle.json", "sign-in")
    try:
        stated = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stated if isinstance(stated, dict) else {}


def _ready_session(client: Any) -> Any:  # a requests.Session
    """Return the client's session with what the client leaves out.

    That is timeouts, large answers left unread, and the sign-in of `kaggle auth login`.
    """
    from requests.adapters import HTTPAdapter

    class TimedAdapter(HTTPAdapter):
        """Sets the timeouts where the client sets none."""

        def send(self, *args: Any, **kwargs: Any) -> Any:
            """Send a request, as requests asks for it."""
            given = kwargs.get("timeout")
            kwargs["timeout"] = given or TIMEOUT
            return super().send(*args, **kwargs)

    session = client.http_client()._session
    session.stream = True
    for scheme in ("http://", "https://"):
        session.mount(scheme, TimedAdapter())
    if session.auth is not None:
        return session
    try:
        from kagglesdk import KaggleCredentials
    except ImportError:
        return session  # clients before 2 know no such sign-in
    login = KaggleCredentials.load(client)
    token = login.get_access_token() if login else None
    if token:
        session.auth = client.http_client().BearerAuth(token)
    return session
