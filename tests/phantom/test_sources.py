"""The mirror of five sources, its catalogue and its answer sheet.

python -m pytest tests/phantom/test_sources.py
"""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
from toy_phantoms import (
    pixels,
    rows,
    tree_hash,
)

from cxr_fastai.core import FINDINGS, UsageError
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.phantom import (
    CLASSES,
    write_sources,
)


def test_the_same_seed_writes_the_same_bytes(planted, tmp_path):
    assert tree_hash(write_sources(tmp_path / "a", 8, 48).root) == tree_hash(planted.root)
    assert tree_hash(write_sources(tmp_path / "b", 8, 48, seed=1).root) != tree_hash(planted.root)


def test_writing_again_changes_nothing_and_other_arguments_are_refused(tmp_path):
    before = tree_hash(write_sources(tmp_path, 6, 32).root)
    assert tree_hash(write_sources(tmp_path, 6, 32).root) == before
    with pytest.raises(UsageError, match="other phantoms"):
        write_sources(tmp_path, 7, 32)
    assert tree_hash(tmp_path) == before


def test_too_few_images_for_the_flaws_are_refused(tmp_path):
    with pytest.raises(UsageError, match="at least 6"):
        write_sources(tmp_path, 5)


def test_no_other_two_images_are_equal(planted):
    copies = {b for _, b, _ in planted.copies} | set(planted.junk) | set(planted.damaged)
    local, endings = planted.mirror / "local", (".png", ".jpeg", ".jpg", ".bmp", ".tif")
    names = {
        p.relative_to(local).as_posix() for p in local.rglob("*") if p.suffix in endings
    } - copies
    seen = Counter(pixels(local / n).tobytes() for n in names)
    assert set(seen.values()) == {1}


def test_everything_in_the_answer_sheet_exists_but_what_is_missing(planted, open_file):
    named = [n for a, b, _ in planted.copies for n in (a, b)]
    named += planted.junk + planted.filtered + planted.damaged + planted.unlisted
    assert all(open_file(n).is_file() for n in named) and not any(
        open_file(n).exists() for n in planted.missing
    )
    assert {Path(p).name[:2] for p in planted.junk} >= {"._", ".D"} and any(
        "/chest/chest/" in p for p in planted.junk
    )


def test_the_answer_sheet_on_disk_says_the_same(planted):
    said = json.loads((planted.root / "planted.json").read_text(encoding="utf-8"))
    told = json.loads(
        json.dumps(
            {k: v for k, v in asdict(planted).items() if k not in ("root", "mirror", "catalog")}
        )
    )
    assert {k: said[k] for k in told} == told
    assert str(planted.root) not in (planted.root / "planted.json").read_text(encoding="utf-8")


def test_the_catalogue_counts_the_files_that_its_globs_meet(planted):
    for first in [r for r in rows(planted.catalog) if r["glob"]]:
        root = planted.mirror / "local" / first["handle"]
        met = {p for g in first["glob"].split(" ; ") for p in root.glob(g)}
        assert len(met) == int(first["expected_total"]), first["source"]
        local = planted.mirror / "local"
        assert not {p.relative_to(local).as_posix() for p in met} & set(planted.junk)


def test_the_catalogue_speaks_the_houses_vocabulary(planted):
    said = {f for r in rows(planted.catalog) for f in r["findings"].split("|") if f}
    assert (
        {*CLASSES, "no_finding", "mass", "effusion"} - {"normal", "other_findings"}
        <= said
        <= set(FINDINGS)
    )


def test_the_curation_reads_the_catalogue_and_finds_what_it_expects(planted):
    from cxr_fastai.catalog import load_catalog

    for source in load_catalog(planted.catalog).values():
        listing = list_source(source, folder_tree(planted.mirror / "local" / source.handle))
        assert not [w for w in listing.warnings if "expects" in str(w)], source.id


def test_a_folder_whose_sheet_is_none_is_left_alone(tmp_path):
    (tmp_path / "planted.json").write_text("not json")
    with pytest.raises(UsageError, match="other phantoms"):
        write_sources(tmp_path, 6, 32)
    assert [p.name for p in tmp_path.iterdir()] == ["planted.json"]
