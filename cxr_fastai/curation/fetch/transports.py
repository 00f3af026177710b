"""How each kind of source is asked: one table, and the questions that go through it.

Sources and the environment's ways of signing in -> Checks (what is missing before any download),
Plans (the files to download) and a sentence for people. It downloads nothing itself, writes no
file, prints nothing. A newcomer adds a transport by one entry of TRANSPORTS.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoResultInTime
from dataclasses import dataclass
from functools import partial

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Source
from cxr_fastai.core import CxrError
from cxr_fastai.curation.fetch.github import check_github, github_page, plan_github
from cxr_fastai.curation.fetch.kaggle import check_kaggle, plan_kaggle
from cxr_fastai.curation.fetch.mirrors import mirror_path
from cxr_fastai.curation.fetch.plan import TRY_LATER, Check, Part, Plan, Refused, refusal
from cxr_fastai.curation.fetch.web import check_web, plan_web

__all__ = [
    "Check",
    "Part",
    "Plan",
    "Refused",
    "TRANSPORTS",
    "check",
    "check_all",
    "how_to_get",
    "plan",
]


@dataclass(frozen=True)
class Transport:
    """One kind of source."""

    check: Callable[[Source], Check]  # or raises Refused
    plan: Callable[[Source, str], Plan]  # (source, version); or raises Refused
    by_hand: Callable[[Source, str], str]  # what a person does to have the source in that folder


# ---- asking


def plan(
    source: Source,
    version: str = "",  # to have instead of the handle's: what a lock file recorded
) -> Plan:
    """Return what to download to have `source`. Asks the server only where no version is pinned.

    Raises `Refused`, which is a `SourceUnavailable`, and `CatalogError`.
    """
    return TRANSPORTS[source.transport].plan(source, version)


def check(
    source: Source,
    deadline: float = 90.0,  # seconds for all questions together
) -> Check:
    """Return what is missing to download `source`. Never raises for what source or server do."""
    answer: Future[Check] = Future()

    def ask() -> None:
        """Put the answer, or what it raised, where the caller waits for it."""
        try:
            answer.set_result(TRANSPORTS[source.transport].check(source))
        except Exception as e:
            answer.set_exception(e)

    # the thread is left behind, not waited for, when the time is up
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.result(deadline)
    except Refused as e:
        return e.check
    except CxrError as e:
        return Check("unreachable", str(e), "Correct the catalogue's row.")
    except NoResultInTime:
        return Check("unreachable", f"no answer within {deadline:g} s", TRY_LATER)
    except Exception as e:
        return Check("unreachable", f"asking failed with {type(e).__name__}", TRY_LATER)


def check_all(
    sources: Iterable[Source],
    workers: int = 8,
    deadline: float = 25.0,  # seconds for each source
) -> dict[str, Check]:  # by source id, in the given order
    """Check all at the same time. One that fails or hangs costs only its own line."""
    sources = list(sources)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        checks = pool.map(partial(check, deadline=deadline), sources)
        return dict(zip([source.id for source in sources], checks))


def how_to_get(source: Source) -> str:
    """Say in one sentence what a person does to have the source in a mirror."""
    return TRANSPORTS[source.transport].by_hand(source, f"MIRROR/{mirror_path(source)}")


# ---- without a download


def _local_folder(source: Source) -> Refused:
    """Say where a folder of this machine is expected."""
    return refusal(
        source,
        "no_download",
        "a folder on this machine",
        f"It is expected at {source.handle} beside the "
        f"catalogue, or at MIRROR/{mirror_path(source)} with {flag('mirror', 'MIRROR')}.",
    )


def _check_local(source: Source) -> Check:
    raise _local_folder(source)


def _plan_local(source: Source, version: str) -> Plan:
    raise _local_folder(source)


def _only_a_reference(source: Source) -> Refused:
    """Say that the catalogue names the source for others' sake."""
    return refusal(
        source, "no_download", "known only as an upstream of other sources", "It is never fetched."
    )


def _check_reference(source: Source) -> Check:
    raise _only_a_reference(source)


def _plan_reference(source: Source, version: str) -> Plan:
    raise _only_a_reference(source)


# ---- by hand


def _kaggle_by_hand(source: Source, folder: str) -> str:
    """Return the command of Kaggle's client, which gets the newest version."""
    owner_and_name = source.handle.split("@")[0]
    return f"kaggle datasets download {owner_and_name} --unzip -p {folder}"


def _github_by_hand(source: Source, folder: str) -> str:
    """Return the command that gets the newest commit."""
    return f"git clone {github_page(source)} {folder}"


def _web_by_hand(source: Source, folder: str) -> str:
    """Name the page, since the files may be behind a form."""
    page = source.url or source.handle
    return f"put the files of {page} into {folder}"


def _local_by_hand(source: Source, folder: str) -> str:
    """Name the folder as the catalogue does: nobody offers it."""
    return f"put the files of {source.handle} into {folder}"


def _reference_by_hand(source: Source, folder: str) -> str:
    """Say that nothing is to be done for a node of the graph of upstreams."""
    return "nothing: it is never fetched"


# ---- the table

TRANSPORTS = {
    "kaggle": Transport(check_kaggle, plan_kaggle, _kaggle_by_hand),
    "github": Transport(check_github, plan_github, _github_by_hand),
    "http": Transport(check_web, plan_web, _web_by_hand),
    "local": Transport(_check_local, _plan_local, _local_by_hand),
    "reference": Transport(_check_reference, _plan_reference, _reference_by_hand),
}
