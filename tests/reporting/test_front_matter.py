"""pytest tests/reporting/test_front_matter.py: a YAML reader gives back what was written."""

import pytest
import yaml

from cxr_fastai.reporting.front_matter import front_matter

RECORDS = [
    {"license": "cc-by-4.0", "tags": ["chest-x-ray", "a: b", "- c", 'say "no"', "肺炎"]},
    {"count": 3, "share": 0.25, "sure": True, "text": "yes", "number": "1e3", "none": "null"},
    {
        "model-index": [
            {
                "name": "triage",
                "results": [
                    {"task": {"type": "x"}, "metrics": [{"type": "f1", "value": 0.5}, {"v": 1}]}
                ],
            }
        ]
    },
]


@pytest.mark.parametrize("record", RECORDS)
def test_yaml_gives_the_record_back(record):
    text = front_matter(record)
    assert text.startswith("---\n") and text.endswith("\n---\n")
    assert yaml.safe_load(text.strip().strip("-")) == record


def test_what_is_empty_is_left_out():
    text = front_matter({"a": "", "b": None, "c": [], "d": {}, "e": 0})
    assert text == "---\ne: 0\n---\n"
