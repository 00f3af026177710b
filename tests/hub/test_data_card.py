"""pytest tests/hub/test_data_card.py"""

import pytest
from toy_shared import CARD, shared

from cxr_fastai.catalog import load_catalog
from cxr_fastai.hub.data_card import OnHub, own_card, sources_card
from cxr_fastai.hub.heads import head_value
from cxr_fastai.hub.shipment import LeftOut
from cxr_fastai.manifest import read_manifest


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_manifest(shared(tmp_path_factory.mktemp("one") / "data"))


def there(data, licence="", rows=None):
    left = [LeftOut("rejects.csv", "it names files")]
    return OnHub("ann/toy", rows or data.rows, left, ["paths are others"], licence)


def test_the_card_of_curation_keeps_all_that_it_says_and_tells_what_is_not_there(data):
    card = sources_card(CARD, there(data))
    for section in CARD.partition("# Toy")[2].split("\n\n"):
        assert section.strip() in card
    assert "Not here: rejects.csv: it names files." in card and "paths are others." in card
    assert card.index("## On the Hub") < card.index("## Images by class")
    assert head_value(card, "license") == "other"


def test_the_head_tells_where_each_split_lies_and_none_that_is_empty(data):
    yaml = pytest.importorskip("yaml")
    rows = [row for row in data.rows if row.split != "valid"]
    [config] = yaml.safe_load(sources_card(CARD, there(data, rows=rows)).split("---")[1])["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": "train/**"},
        {"split": "test", "path": "test/**"},
    ]


def test_a_card_of_ones_own_says_nothing_that_curation_wrote_below_its_head(data):
    card = own_card(CARD, data, there(data, "cc-by-4.0"), load_catalog())
    assert "MRN-SECRET" in CARD and "a warning" not in card and "MRN-SECRET stands" not in card
    assert head_value(card, "license") == "cc-by-4.0" and head_value(card, "license_name") == ""
    assert head_value(card, "pretty_name") == "Toy classes"
    assert "| normal | nih_sample | 4 | 2 | 2 | 8 |" in card and "13 patients" in card


def test_a_folder_without_a_card_has_one(data):
    card = own_card("", data, there(data, "mit"), {})
    assert card.startswith("---\n") and "# Toy classes" in card
    assert sources_card("", there(data)).startswith("---\n")


def test_the_hubs_own_reader_takes_both(data):
    hub = pytest.importorskip("huggingface_hub")
    for card in (sources_card(CARD, there(data)), own_card(CARD, data, there(data, "mit"), {})):
        read = hub.DatasetCard(card).data
        assert read.pretty_name == "Toy classes" and read.configs[0]["config_name"] == "default"
