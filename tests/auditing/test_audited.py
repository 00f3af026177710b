"""pytest tests/auditing/test_audited.py: the record as text, JSON and page"""

import json

import pytest

from cxr_fastai.auditing.asked import Asked
from cxr_fastai.auditing.audited import Audit
from cxr_fastai.auditing.overall import Overall
from cxr_fastai.auditing.pictures import Rung
from cxr_fastai.probes.sources import SourceWithinClass, Unseen
from cxr_fastai.probes.verdict import Verdict

FAIL, CANNOT = Verdict.FAIL, Verdict.CANNOT_TELL
ABOUT = dict(
    title="Title <b>",
    recipe="toy",
    films=1200,
    groups=800,
    sources=["north", "south"],
    model="resnet18",
    test_films=40,
    seed=0,
    manifest_sha256="0" * 64,
)


@pytest.fixture
def found():
    unseen = Unseen("north", ["ill"], ["rare"], {}, 0.9, [0.8, 0.95], 0.4, [0.3, 0.5], 30, 90, FAIL)
    return Audit(
        about=ABOUT,
        overall=Overall(FAIL, "One sentence."),
        asked=[
            Asked("P2", "Border", FAIL, "Says.", 0.8, [0.76, 0.84], films=9, do="Do <i>."),
            Asked("P11", "Floor", FAIL, "Says.", 0.1, counts=False),
            Asked("P4", "Middle", None, "Says."),
        ],
        ladder=[Rung("chance", 0.5, None)],
        ladder_of="40 test films",
        ratio_words="Ratio.",
        within=[SourceWithinClass("ill", ["north"], {}, CANNOT)],
        counts={"ill": {"north": 30, "south": 4}},
        unseen={"16x16 gray squares": [unseen]},
        notes=["A note."],
    )


def test_the_text_begins_with_the_verdict_and_has_a_line_a_probe(found):
    lines = str(found).splitlines()
    assert lines[0] == "FAIL: One sentence." and "1,200 films" in lines[2]
    assert sum(line.startswith("P") for line in lines) == 3 and "  -> Do <i>." in lines
    assert max(map(len, lines)) <= 110 and "FAIL" in repr(found)


def test_only_what_counts_has_failed(found):
    assert [each.id for each in found.failed] == ["P2"]


def test_the_numbers_are_strict_json(found):
    numbers = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert numbers["verdict"] == "FAIL" and [p["counts"] for p in numbers["probes"]] == [1, 0, 1]


def test_the_page_escapes_and_holds_all_pictures(found):
    page = found.to_html()
    assert "Title &lt;b&gt;" in page and "Do &lt;i&gt;." in page and "<i>." not in page
    for part in ('id="ladder"', 'id="unseen"', 'id="weights"', 'id="matrix"', 'id="probes"'):
        assert part in page
    assert 'class="hatched"' in page and "does not count" in page and "without rare" in page
    assert "<script" not in page and "<html" not in found._repr_html_()
