"""Kermany's children and the COVID-19 Radiography Database, drawn.

python -m pytest tests/phantom/test_kermany.py
"""

from collections import Counter

from toy_phantoms import (
    VIRAL,
    N,
    curated,
    place_of,
)


def test_the_radiography_databases_copies_of_kermany_are_found_and_leave_no_conflict(drawn):
    done = curated(drawn.mirror, "kermany_kaggle", "covid_radiography")
    copies = [
        m.item.source_label
        for g in done.copy_sets
        for m in g.members
        if m.item.source == "covid_radiography"
    ]
    assert Counter(copies) == {VIRAL: 2, "Normal": 2} and not done.conflicts and not done.unexpected
    assert {g.kept.item.source for g in done.copy_sets} == {"kermany_kaggle"}


def test_kermanys_archive_holds_a_second_copy_and_what_macos_leaves(drawn):
    root = place_of(drawn.mirror, "kermany_kaggle") / "chest_xray"
    left = Counter(x.reason for x in curated(drawn.mirror, "kermany_kaggle").rejects)
    assert left == {"outside_globs": N, "junk": 6}
    assert {p.name for p in root.iterdir()} >= {"train", "val", "test", "__MACOSX", "chest_xray"}
    assert any(
        p.name.count("_") == 3 for p in (root / "train/PNEUMONIA").iterdir()
    )  # as person447_virus_921_1.jpeg


def test_masks_and_placeholders_of_the_radiography_database_are_no_images_of_it(drawn):
    root = place_of(drawn.mirror, "covid_radiography") / "COVID-19_Radiography_Dataset"
    assert len([*root.glob("*.metadata.xlsx")]) == 4 and (root / "README.md.txt").is_file()
    masks = {p.relative_to(root.parent).as_posix() for p in root.glob("*/masks/*.png")}
    assert (
        len(masks) == N
        and {
            x.path
            for x in curated(drawn.mirror, "covid_radiography").rejects
            if x.reason == "outside_globs"
        }
        == masks
    )
