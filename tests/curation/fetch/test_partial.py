"""pytest tests/curation/fetch/test_partial.py

The unfinished file of a download, without a server. Downloads that are cut and killed: test_download, test_fetch_one."""

import hashlib
import json
import os

import pytest

from cxr_fastai.core import IntegrityError, StorageError
from cxr_fastai.curation.fetch import partial
from cxr_fastai.curation.fetch.partial import Partial, disk_errors, key_name

DATA = b"0123456789" * 1000


def left(store):
    return sorted(p.name for p in store.iterdir())


def begin(part, data=DATA[:6000], validator='"1"'):
    part.restart(validator, validator, len(DATA))
    part.write(data)


def test_what_is_whole_gets_its_checksum_as_its_name_and_nothing_else_stays(tmp_path):
    with Partial(tmp_path, "k") as part:
        begin(part, DATA)
        path = part.finish()
    assert path == tmp_path / hashlib.sha256(DATA).hexdigest() and path.read_bytes() == DATA
    assert left(tmp_path) == [path.name]


def test_a_later_run_goes_on_with_the_same_checksum(tmp_path):
    with Partial(tmp_path, "k") as part:
        begin(part)
    assert left(tmp_path) == [f".{key_name('k')}.json", f".{key_name('k')}.part"]
    with Partial(tmp_path, "k") as part:
        assert (part.done, part.resumed, part.validator, part.size) == (6000, 6000, '"1"', 10_000)
        part.write(DATA[6000:])
        assert (
            part.finish().read_bytes() == DATA and part.sha256 == hashlib.sha256(DATA).hexdigest()
        )


def test_another_key_has_another_file(tmp_path):
    with Partial(tmp_path, "k") as part:
        begin(part)
        with Partial(tmp_path, "other") as other:
            assert other.done == 0 and other.path != part.path


@pytest.mark.parametrize("validator,data", [("", DATA[:6000]), ('"1"', b"")])
def test_what_could_not_be_gone_on_with_is_not_kept(tmp_path, validator, data):
    with Partial(tmp_path, "k") as part:
        begin(part, data, validator)
    assert left(tmp_path) == []


def test_bytes_that_are_wrong_are_not_kept_and_those_of_an_interrupt_are(tmp_path):
    for error, kept in ((IntegrityError, 0), (KeyboardInterrupt, 6000)):
        with pytest.raises(error), Partial(tmp_path, "k") as part:
            begin(part)
            raise error("x")
        with Partial(tmp_path, "k") as part:
            assert part.resumed == kept
            part.restart("", "", None)


def test_a_new_start_forgets_the_checksum_and_the_sidecar(tmp_path):
    with Partial(tmp_path, "k") as part:
        begin(part)
        part.checkpoint()
        part.restart('"2"', '"2"', 3)
        assert part.done == 0 and not part.sidecar.exists()
        part.write(b"abc")
        assert part.finish().read_bytes() == b"abc"


def test_bytes_behind_the_last_checkpoint_do_not_reach_the_store(tmp_path):
    with Partial(tmp_path, "k") as part:
        begin(part)
    with open(tmp_path / f".{key_name('k')}.part", "ab") as file:
        file.write(bytes(9000))  # as a kill may leave
    with Partial(tmp_path, "k") as part:
        part.write(DATA[6000:8000])
        assert part.finish().read_bytes() == DATA[:8000]


@pytest.mark.parametrize(
    "change",
    [
        dict(sha256="0" * 64),
        dict(done=6001),
        dict(done=-1),
        dict(done="many"),
        dict(done=0),
        dict(key="0" * 64),
        dict(validator=""),
    ],
)
def test_a_sidecar_that_does_not_fit_is_not_believed(tmp_path, change):
    with Partial(tmp_path, "k") as part:
        begin(part)
    sidecar = part.sidecar
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), **change}))
    with Partial(tmp_path, "k") as part:
        assert (part.done, part.resumed) == (0, 0) and not sidecar.exists()


def test_a_checkpoint_comes_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(partial, "CHECKPOINT_SECONDS", 0)
    with Partial(tmp_path, "k") as part:
        begin(part)
        assert json.loads(part.sidecar.read_text())["done"] == 6000


def test_what_is_rejected_stands_once_and_goes_when_a_good_one_comes(tmp_path):
    for data in (b"bad", b"worse"):
        with Partial(tmp_path, "k") as part:
            begin(part, data)
            corrupt = part.reject()
    assert corrupt.read_bytes() == b"worse" and left(tmp_path) == [f"{key_name('k')}.corrupt"]
    with Partial(tmp_path, "k") as part:
        begin(part, DATA)
        assert left(tmp_path) != [part.finish().name]
    assert left(tmp_path) == [hashlib.sha256(DATA).hexdigest()]


def test_where_locks_do_not_hold_the_file_of_another_writer_never_enters_the_store(tmp_path):
    "Two writers of one key, as on two machines that share a file system which always says yes."
    with pytest.raises(StorageError, match="another process writes the same download.*CXR_CACHE"):
        with Partial(tmp_path, "k") as one:
            begin(one, DATA)
            with Partial(tmp_path, "k") as two:
                begin(two, b"other bytes")
                one.finish()
    assert left(tmp_path) == [f".{key_name('k')}.json", f".{key_name('k')}.part"]
    with Partial(tmp_path, "k") as part:
        assert part.resumed == len(b"other bytes")


def test_what_an_earlier_version_of_the_library_left_goes_with_the_finished_file(tmp_path):
    for end in ("part", "json"):
        (tmp_path / f".{key_name('k')}.host-1.4711-0.{end}").touch()
        (tmp_path / f".{key_name('other')}.host-1.4711-0.{end}").touch()
    (tmp_path / f".{key_name('k')}.lock").touch()
    with Partial(tmp_path, "k") as part:
        begin(part, DATA)
        part.finish()
    names = left(tmp_path)
    assert not [n for n in names if "host" in n and key_name("k") in n]
    assert len([n for n in names if key_name("other") in n]) == 2
    assert f".{key_name('k')}.lock" in names


def test_what_the_disk_refuses_is_an_error_with_what_to_do(tmp_path):
    with pytest.raises(StorageError, match="No space left.*CXR_CACHE"), disk_errors(tmp_path):
        raise OSError(28, os.strerror(28))
