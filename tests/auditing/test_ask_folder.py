"""pytest tests/auditing/test_ask_folder.py: phantoms whose shortcut is known, from folder to verdict"""

import json
import re
from dataclasses import replace

import pytest
from toy_audits import by_halves, drawn_folder, gamma, marker

from cxr_fastai.auditing.ask_folder import _ratio_words, ask_folder, write_audit
from cxr_fastai.auditing.overall import BY_SOURCE
from cxr_fastai.core import UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes.targets import Told
from cxr_fastai.probes.verdict import Verdict

FAIL, WARN, PASS, CANNOT = Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.CANNOT_TELL


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def audited(root, **how):
    return ask_folder(read_manifest(drawn_folder(root, **how)))


def by_id(found):
    return {each.id: each for each in found.asked}


def verdicts(found):
    return {each.id: each.verdict for each in found.asked}


def assert_no_fail(root, seed):
    one = audited(root / "one", seed=seed)
    two = audited(root / "two", seed=seed, source_of=by_halves)
    for found in (one, two):
        assert not found.failed and found.verdict is not FAIL, f"{seed}: {found}"


def test_no_shortcut_fails_nothing(tmp_path):
    assert_no_fail(tmp_path, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 20))
def test_no_shortcut_fails_nothing_in_any_seed(tmp_path, seed):
    assert_no_fail(tmp_path, seed)


def test_a_border_that_tells_less_than_chance_has_no_ratio():
    told = {"P2": Told(0.467, None, 40, 100, {}, []), "P5": Told(0.748, None, 40, 100, {}, [])}
    words = _ratio_words(told)
    assert words == "Border against whole film, above chance: nothing (-0.033) of 0.248."
    told["P2"] = replace(told["P2"], auroc=0.7)
    assert "0.200 of 0.248, a ratio of 0.81" in _ratio_words(told)


def test_a_marker_in_a_corner_by_class_fails_corners_and_border_and_not_the_middle(tmp_path):
    found = audited(tmp_path, draw=marker, disease=False)
    got = by_id(found)
    assert got["P3"].verdict is got["P2"].verdict is FAIL
    assert abs(got["P4"].number - 0.5) < 0.15 and got["P4"].verdict is None
    assert found.verdict is FAIL and "corners" in found.sentence and "film" in found.sentence


def test_where_source_is_class_nothing_is_evidence_of_disease(tmp_path):
    found = audited(tmp_path, source_of=lambda i: "north" if i % 2 == 0 else "south", draw=gamma)
    got = by_id(found)
    assert got["P8"].verdict is CANNOT and "No class stands in two sources" in got["P8"].says
    assert got["P9"].verdict is FAIL and "No class stands in two sources" in got["P9"].says
    assert found.verdict is FAIL and found.sentence == BY_SOURCE


def test_sources_that_look_different_and_hold_the_classes_alike_do_no_harm(tmp_path):
    found = audited(tmp_path, n=400, source_of=by_halves, draw=gamma, disease=False)
    got = verdicts(found)
    assert got["P7s"] is FAIL and got["P7"] is not FAIL and got["P1"] is PASS
    assert got["P8"] is WARN and got["P9"] is not FAIL
    assert not found.failed and found.verdict is not FAIL
    assert "does not count" in by_id(found)["P7s"].says
    assert "The source alone tells little of the classes" in by_id(found)["P8"].says


def test_twelve_patients_tell_nothing(tmp_path):
    found = audited(tmp_path, n=96, group_of=lambda i: f"g{i % 12}", draw=marker)
    assert set(verdicts(found).values()) <= {CANNOT, None} and found.verdict is CANNOT
    assert "Too few patients" in found.sentence


def test_many_films_of_few_patients_are_counted_by_patient(tmp_path):
    def own_look(pixels, ill, source):
        pixels[4:60, 4:60] += own_look.of.pop(0)
        return pixels

    # each of 48 patients has a brightness of its own, which says nothing of the class
    own_look.of = [7.0 * ((i // 8) * 29 % 13) for i in range(384)]
    label_of = lambda i: "ill" if (i // 8) % 2 == 0 else "well"  # noqa: E731
    found = audited(
        tmp_path,
        n=384,
        draw=own_look,
        label_of=label_of,
        group_of=lambda i: f"g{i // 8}",
        disease=False,
    )
    gray = by_id(found)["P5"]
    assert gray.groups == 24 and gray.films == 384
    assert gray.number < 0.7 and found.verdict is not FAIL


def test_one_source_ends_in_warn_where_gray_level_and_shape_explain(tmp_path):
    def consolidation(pixels, ill, source):
        if ill:
            pixels += 18
        return pixels

    found = audited(tmp_path, draw=consolidation)
    assert verdicts(found)["P2"] is WARN and found.verdict is WARN and not found.failed
    assert "explained by gray level and shape alone" in by_id(found)["P2"].says
    levels = by_id(found)["P6"].says
    assert levels.count("gray level") == 1 and "may be the disease: consolidation is" in levels
    assert "confounded" not in found.to_html()


def test_a_folder_of_before_has_no_facts_and_says_so(tmp_path):
    found = audited(tmp_path, format="", bytes="")
    assert "P1" not in verdicts(found) and "P1 is left out" in found.notes[0]
    assert "P1 is left out" in str(found) and "P1 is left out" in found.to_html()


def test_test_films_are_never_looked_at(tmp_path):
    data = read_manifest(drawn_folder(tmp_path / "data", test=40))
    for row in data.rows:
        if row.split == "test":
            (data.root / row.path).unlink()
    found = ask_folder(data)
    assert found.about["films"] == 120 and by_id(found)["P5"].films == 120


def test_a_folder_of_test_films_alone_is_refused_in_a_line(tmp_path):
    data = read_manifest(drawn_folder(tmp_path / "data", n=8, test=8))
    with pytest.raises(UsageError, match="no train and no valid images"):
        ask_folder(data)


def test_the_page_and_the_numbers_say_the_same_and_fetch_nothing(tmp_path):
    found = audited(tmp_path / "data", draw=gamma, source_of=by_halves)
    write_audit(found, tmp_path / "out")
    numbers = json.loads((tmp_path / "out/audit.json").read_text())
    page = (tmp_path / "out/audit.html").read_text()
    assert numbers == json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert numbers["sentence"] in page and numbers["verdict"] == str(found.verdict)
    assert "<script" not in page and not re.search(r'(?:src|href)="http', page)
    assert page.count('<tr id="P') == len(numbers["probes"])
    again = ask_folder(read_manifest(tmp_path / "data"))
    assert again.to_html() == page and str(again) == str(found)
