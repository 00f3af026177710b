"""pytest tests/hub/test_heads.py"""

import pytest

from cxr_fastai.hub.heads import head_value, with_head
from cxr_fastai.reporting.front_matter import front_matter

CARD = front_matter({"license": "other", "tags": ["a", "b"], "more": {"x": "y"}}) + "\n# Title\n"


def test_a_key_is_replaced_and_the_rest_stays():
    changed = with_head(CARD, {"license": "cc0-1.0"})
    assert head_value(changed, "license") == "cc0-1.0"
    assert '- "a"\n- "b"' in changed and 'more:\n  x: "y"' in changed
    assert changed.endswith("---\n\n# Title\n") and changed.count("---") == 2


def test_a_list_is_replaced_whole_and_a_key_is_dropped_by_none():
    changed = with_head(CARD, {"tags": ["c"], "license": None})
    assert '- "a"' not in changed and '- "c"' in changed and "license" not in changed


@pytest.mark.parametrize("card", ["# Title\n", "", "--- no head\n"])
def test_a_card_without_a_head_gets_one(card):
    changed = with_head(card, {"license": "mit"})
    assert head_value(changed, "license") == "mit" and changed.endswith(card)


def test_what_is_not_there_is_empty():
    assert head_value(CARD, "nothing") == "" and head_value("# x", "license") == ""


def test_yaml_reads_what_is_written():
    yaml = pytest.importorskip("yaml")
    nested = {
        "configs": [{"config_name": "default", "data_files": [{"split": "a", "path": "b/**"}]}]
    }
    changed = with_head(CARD, nested)
    assert yaml.safe_load(changed.split("---")[1])["configs"] == nested["configs"]
