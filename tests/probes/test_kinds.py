"""The table of probes."""

from dataclasses import replace

from toy import curated

from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes.films import Films
from cxr_fastai.probes.kinds import CENTRE, GRAY_8, GRAY_16, HISTOGRAM, OF_SOURCES, PROBES
from cxr_fastai.probes.verdict import Verdict


def test_every_probe_has_a_name_a_remedy_or_is_a_control_and_a_study():
    ids = [kind.id for kind in PROBES]
    assert len(set(ids)) == len(ids) and {CENTRE, GRAY_8, GRAY_16, HISTOGRAM} <= set(ids)
    assert all(kind.do or kind.is_control for kind in PROBES)
    assert all("doi" in kind.source for kind in (*PROBES, *OF_SOURCES))


def test_where_the_source_cannot_tell_only_files_fail():
    worst = {kind.id: kind.within_source for kind in PROBES}
    assert [name for name, verdict in worst.items() if verdict is Verdict.FAIL] == ["P1"]


def test_bytes_a_pixel_follow_the_disease_and_are_asked_of_sources_alone(tmp_path):
    row = read_manifest(curated(tmp_path)).rows[0]
    rows = [replace(row, format="PNG", bytes=str(bytes_)) for bytes_ in (900, 4000)]
    films = Films(rows, None, None, None)
    of_classes, of_sources = PROBES[0].features(films), OF_SOURCES[0].features(films)
    assert (of_classes[0] == of_classes[1]).all() and (of_sources[0] != of_sources[1]).any()
