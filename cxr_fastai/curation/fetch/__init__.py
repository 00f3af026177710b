"""From a server, a mirror or this machine's caches to a tree of files.

Sources -> each one's Tree, and why the others are absent. Never changes a mirror or another
program's cache.

    fetch_sources   all sources: what is at hand, what was unpacked before, what is downloaded
    at_hand         what is there before anything is fetched
    parts           sources that are nothing but others together
    fetch_one       one source from its server into the cache, under locks
    mirrors         mirror layouts, kagglehub's cache, /kaggle/input
    mirror_archives archives that lie in a mirror, read as they came
    lock_file       sources.lock.json          unpacked        index and blobs of the cache
    transports      the table of kinds: kaggle, github, web (http), local, reference
    plan, server    what a download consists of; questions to a server
    download        one address -> one verified file
    exchange        one question and its answer      partial         the unfinished file
    archives        a zip or tar -> blobs; archive_kind, blob_store, containers, zips, tars below it
"""

from cxr_fastai.curation.fetch.at_hand import (
    AT_HAND,
    SOURCE_LEFT_ASIDE,
    first_at_hand,
    passed_over,
    survey,
)
from cxr_fastai.curation.fetch.fetch_sources import Fetched, fetch
from cxr_fastai.curation.fetch.lock_file import LOCK_FILE, LockedPart, LockEntry
from cxr_fastai.curation.fetch.mirrors import mirror_path
from cxr_fastai.curation.fetch.parts import (
    SOURCE_IN_PARTS,
    in_parts_warning,
    missing_among,
    spares_among,
)

__all__ = [
    "AT_HAND",
    "Fetched",
    "LOCK_FILE",
    "LockEntry",
    "LockedPart",
    "fetch",
    "first_at_hand",
    "in_parts_warning",
    "mirror_path",
    "missing_among",
    "passed_over",
    "SOURCE_IN_PARTS",
    "SOURCE_LEFT_ASIDE",
    "spares_among",
    "survey",
]
