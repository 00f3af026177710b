"""The Hugging Face Hub's own client: had where the extra is, quiet, its errors in one line.

What its client raises -> a CxrError. No message repeats an address, a header or a sentence of the
server: a token could stand in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from cxr_fastai.core import (
    CxrError,
    SourceUnavailable,
    StorageError,
    UsageError,
    one_line,
    printable,
)
from cxr_fastai.progress import shows_bars
from cxr_fastai.system_errors import remedy
from cxr_fastai.telemetry import reports_nothing

__all__ = ["PATIENCE", "HubSilent", "asking", "hub_client", "server_name", "TO_NAME_A_COMMIT"]

SIGN_IN = "sign in with `hf auth login`, or set HF_TOKEN"
# Without a byte from the server; its client waits for ever by itself, as of a commit (measured with
# huggingface_hub 2.4). One of thousands of files takes the Hub a minute.
PATIENCE = 120.0
TO_NAME_A_COMMIT = 10.0  # seconds; the client's own default for the head of a file
TOO_MANY, UNAVAILABLE = 429, 500  # statuses; from the second on the server itself is at fault


class HubSilent(SourceUnavailable):
    """The Hub cannot be asked now: no network, no answer in time, or it is out of order."""


def hub_client() -> Any:  # the module huggingface_hub
    """Import the client. Raises `UsageError` that names the pip command."""
    reports_nothing("huggingface_hub")
    try:
        return import_module("huggingface_hub")
    except ImportError as e:
        raise UsageError(
            f"the Hub needs huggingface_hub, which cannot be imported ({one_line(e)[:80]}): "
            "pip install 'cxr_fastai[hub]'"
        ) from e


@contextmanager
def asking(
    what: str,  # repository or bundle that the Hub is asked for, for messages
) -> Iterator[Any]:  # the client
    """Ask the Hub: whatever the client raises comes out as a CxrError.

    The client draws bars in a terminal alone, warns of nothing, and waits no longer than PATIENCE
    seconds for a byte.
    """
    client = hub_client()
    log = import_module("huggingface_hub.utils.logging")
    verbosity, is_barred = log.get_verbosity(), client.utils.are_progress_bars_disabled()
    session = client.get_session()
    waits = session.timeout
    session.timeout = PATIENCE
    log.set_verbosity_error()
    if not shows_bars():
        client.utils.disable_progress_bars()
    try:
        yield client
    except CxrError:
        raise
    except Exception as e:  # the client's own, its transport's, and those of a server that lies
        raise told(e, what) from e
    finally:
        session.timeout = waits
        log.set_verbosity(verbosity)
        if not is_barred:
            client.utils.enable_progress_bars()


def told(
    error: Exception,  # of the client
    what: str,
) -> CxrError:
    """Return what a person is told of an error, with nothing in it that the server wrote."""
    errors = import_module("huggingface_hub.errors")
    server = server_name()
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubSilent(f"{what}: HF_HUB_OFFLINE is set, so that the Hub is not asked.")
    if isinstance(error, errors.GatedRepoError):
        return SourceUnavailable(
            f"{what} is gated: accept its terms on its page on {server}, and {SIGN_IN}."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return SourceUnavailable(f"{what}: {server} has no such revision of it.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return SourceUnavailable(
            f"{what}: {server} has none of that name, or it is private: look at the name, or "
            f"{SIGN_IN}."
        )
    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        return told(_cause(error), what)
    if isinstance(error, errors.HfHubHTTPError):
        return _of_status(error.response.status_code, what)
    if isinstance(error, OSError) and error.errno is not None and remedy(error):
        return StorageError(remedy(error))
    return _of_transport(error, what)


def _cause(error: Exception) -> Exception:
    """Return the error that another was raised from."""
    cause = error.__cause__
    return cause if isinstance(cause, Exception) else Exception()


def _of_status(status: int, what: str) -> CxrError:
    """Return what is told of an answer with an error's status."""
    server = server_name()
    if status in (401, 403):
        return SourceUnavailable(f"{what}: {server} does not allow it (status {status}): {SIGN_IN}")
    if status == TOO_MANY:
        return HubSilent(f"{what}: {server} asks to wait (status {status}): try again later.")
    if status >= UNAVAILABLE:
        return HubSilent(f"{what}: {server} is out of order (status {status}): try again later.")
    return SourceUnavailable(f"{what}: {server} refuses it (status {status}).")


def _of_transport(error: Exception, what: str) -> CxrError:
    """Return what is told of a connection that failed, or of an answer that is none."""
    server, kind = server_name(), type(error).__name__
    if "Timeout" in kind:
        return HubSilent(f"{what}: {server} did not answer in time ({kind}): try again later.")
    if "Connect" in kind or "Network" in kind or "Proxy" in kind:
        return HubSilent(f"{what}: {server} cannot be reached ({kind}).")
    return SourceUnavailable(
        f"{what}: {server} answered what cannot be understood, or less than it said ({kind}): try "
        "again; HF_ENDPOINT names another server."
    )


def server_name() -> str:
    """Return the host of the Hub that is asked: no name or password that its address may hold."""
    constants = import_module("huggingface_hub.constants")
    address = urlsplit(str(constants.ENDPOINT))
    port = f":{address.port}" if address.port else ""
    return printable(f"{address.hostname or 'the Hub'}{port}")
