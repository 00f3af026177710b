"""The salt of patients' ids: made once, kept private, or named by the user."""

import os
import stat

import pytest

from cxr_fastai.core import StorageError, UsageError
from cxr_fastai.curation.own.patient_salt import Salt, patient_salt, usual_salt_file


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings"


def salt_file(folder, text="0123456789abcdef"):
    file = folder / "salt"
    file.write_text(text)
    return file


def test_it_is_made_once_for_its_user_alone(settings):
    first = patient_salt(None)
    assert first.is_new and first.file == settings / "cxr_fastai" / "patient_salt"
    again = patient_salt(None)
    assert not again.is_new and again.secret == first.secret and len(first.secret) == 64
    assert [file.name for file in first.file.parent.iterdir()] == ["patient_salt"]
    if os.name == "posix":
        assert stat.S_IMODE(first.file.stat().st_mode) == 0o600


def test_a_run_that_came_second_takes_the_salt_of_the_first(settings, monkeypatch):
    link = os.link

    def other_run_first(part, file):
        file.write_text("of the other run, 32 letters long")
        link(part, file)

    monkeypatch.setattr(os, "link", other_run_first)
    salt = patient_salt(None)
    assert salt.secret == b"of the other run, 32 letters long" and not salt.is_new


def test_names_hang_on_salt_issuer_and_id_and_show_none_of_them(tmp_path):
    one = patient_salt(salt_file(tmp_path))
    other = Salt(b"another salt of 24 bytes", one.file)
    names = {
        one.name_of("4711", ""),
        one.name_of("4711", "WARD"),
        one.name_of("4712", ""),
        other.name_of("4711", ""),
    }
    assert len(names) == 4 and all(len(name) == 16 for name in names)
    assert one.name_of("4711", "") == patient_salt(one.file).name_of("4711", "")
    assert one.check != other.check and "0123456789abcdef" not in repr(one)


def test_it_is_no_plain_hash_of_the_id(tmp_path):
    import hashlib

    name = patient_salt(salt_file(tmp_path)).name_of("4711", "")
    assert name not in hashlib.sha256(b"patient\0\x004711").hexdigest()


@pytest.mark.parametrize("name,why", [("gone", "no salt"), (".", "is no file")])
def test_a_salt_that_is_not_there_is_not_made(tmp_path, name, why):
    with pytest.raises(UsageError, match=why):
        patient_salt(tmp_path / name)
    assert not (tmp_path / "gone").exists()


def test_a_salt_that_could_be_guessed_is_refused(tmp_path):
    with pytest.raises(UsageError, match="has 6 bytes: expected at least 16"):
        patient_salt(salt_file(tmp_path, "secret\n"))


def test_settings_that_cannot_be_written_name_the_flag(tmp_path, settings):
    settings.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"Name a file that holds one: --salt FILE"):
        patient_salt(None)
    assert usual_salt_file().parent.parent == settings
