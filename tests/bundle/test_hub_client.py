"""What the Hub's client raises, in one line and without a word of the server.

pytest tests/bundle/test_hub_client.py
"""

import errno

import pytest

from cxr_fastai.bundle.hub_client import PATIENCE, HubSilent, asking, server_name
from cxr_fastai.core import CxrError, SourceUnavailable, StorageError, UsageError

hub = pytest.importorskip("huggingface_hub")


class ReadTimeout(Exception):
    pass


class ConnectError(Exception):
    pass


def told(error):
    with pytest.raises(CxrError) as found, asking("ann/toy"):
        raise error
    return found.value


@pytest.mark.parametrize(
    ("error", "kind", "word"),
    [
        (ReadTimeout("hf_secret"), HubSilent, "in time"),
        (ConnectError("hf_secret"), HubSilent, "reached"),
        (ValueError("hf_secret"), SourceUnavailable, "ValueError"),
        (AssertionError("hf_secret"), SourceUnavailable, "AssertionError"),
        (KeyError("hf_secret"), SourceUnavailable, "KeyError"),
        (OSError(errno.ENOSPC, "No space left on device", "/cache"), StorageError, "Free space"),
        (OSError("size 3 of 4, hf_secret"), SourceUnavailable, "less than it said"),
        (UsageError("as it was said"), UsageError, "as it was said"),
    ],
)
def test_an_error_is_one_line_of_the_right_kind_and_repeats_no_word_of_it(error, kind, word):
    found = told(error)
    assert type(found) is kind and word in str(found) and "hf_secret" not in str(found)


def test_ctrl_c_stays_what_it_is():
    with pytest.raises(KeyboardInterrupt), asking("ann/toy"):
        raise KeyboardInterrupt


def test_the_server_is_named_without_what_its_address_hides(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "https://ann:hf_secret@hub.example:8443/path")
    assert server_name() == "hub.example:8443"


def test_a_server_is_not_waited_for_for_ever_and_the_clients_own_patience_comes_back():
    before = hub.get_session().timeout
    with asking("ann/toy") as client:
        assert client.get_session().timeout.read == PATIENCE
    assert hub.get_session().timeout == before


def test_a_bar_is_drawn_in_a_terminal_alone_and_the_client_is_left_as_it_was():
    with asking("ann/toy") as client:
        assert client.utils.are_progress_bars_disabled()
    assert not hub.utils.are_progress_bars_disabled()
    hub.utils.disable_progress_bars()
    with asking("ann/toy"):
        pass
    assert hub.utils.are_progress_bars_disabled()
    hub.utils.enable_progress_bars()
