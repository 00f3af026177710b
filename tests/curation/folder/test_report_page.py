"""pytest tests/curation/folder/test_report_page.py"""

from dataclasses import replace

import numpy as np
import pytest
from html_page import (
    EVIL,
    TURN,
    Page,
    check_fetches_and_runs_nothing,
    check_shows_foreign_text_as_text,
    check_spells_out_hidden_marks,
    shown,
)
from made_curations import (
    Films,
    curation,
    link,
    moved,
    overlap,
    record,
    reject,
    source,
    summed_up,
)

from cxr_fastai.core import CxrError, FolderWarning
from cxr_fastai.curation.copies import gallery
from cxr_fastai.curation.folder import report_page as pages
from cxr_fastai.curation.folder.report_page import report_page
from cxr_fastai.curation.folder.result import SOURCE_FAILED
from cxr_fastai.recipes import Recipe


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


@pytest.fixture
def whole(films):
    "A curation that fills every section, each text in it hostile."
    evil = dict(label=EVIL, said=EVIL, source=f"{EVIL}s", path=f"{EVIL}{TURN}gpj.png")
    copy = films.group(
        ("near", 0.9, EVIL, {**evil, "edit": np.fliplr}),
        ("pixels", 1.0, "", {**evil, "edit": None}),
        kept=evil,
        name=EVIL,
    )
    split = films.group(
        ("near", 0.9, "", dict(label="other")), kept=dict(label=EVIL), name="conflict"
    )
    row = record(copy.kept)
    return curation(
        [copy, split],
        recipe=Recipe(name=EVIL, title=EVIL, classes={EVIL: ["no_finding"]}),
        warnings=[FolderWarning("odd", EVIL), FolderWarning("odd", f"{EVIL}{TURN}")],
        failed={EVIL: CxrError(f"{EVIL} is down")},
        unexpected=[overlap(copy)],
        related=[link(copy.kept, split.kept)],
        rejects=[reject(EVIL, EVIL, EVIL, EVIL, EVIL)],
        brightness={row.path: 99.5},
    )


# ---- safe to open, and to send


def test_foreign_text_is_shown_as_text_and_never_runs(whole):
    check_shows_foreign_text_as_text(report_page(whole))


def test_marks_that_turn_or_hide_text_are_spelled_out(whole):
    check_spells_out_hidden_marks(report_page(whole))


def test_a_page_is_one_file_that_fetches_and_runs_nothing(whole):
    check_fetches_and_runs_nothing(report_page(whole))


def test_the_same_input_gives_the_same_bytes_whatever_its_order(films, whole):
    assert report_page(whole) == report_page(whole)
    groups = [
        films.pair(name=f"g{i}", source=f"s{i % 3}", score=0.5 + i / 20, seed=i) for i in range(8)
    ]
    rows = curation(groups).records
    pages_of_both_orders = []
    for step in (1, -1):
        done = curation(
            groups,
            records=rows[::step],
            unexpected=[overlap(g) for g in groups][::step],
            related=[link(groups[i].kept, groups[i + 1].kept) for i in range(3)][::step],
        )
        pages_of_both_orders.append(report_page(done))
    assert pages_of_both_orders[0] == pages_of_both_orders[1]


def test_no_path_of_this_machine_is_told(whole, films):
    members = whole.copy_sets[0].members
    members[0] = moved(members[0], file=str(films.root / "gone.png"))
    assert str(films.root) not in report_page(whole)


def test_every_image_says_what_it_shows(whole):
    images = Page(report_page(whole)).images
    assert images and all(image["alt"].startswith("Radiograph ") for image in images)


# ---- copies


def test_where_nothing_is_kept_nothing_is_marked_kept(films):
    g = films.pair(label="mass")
    assert g.conflict
    page = Page(report_page(curation([films.pair(seed=2), g])))
    assert [c for c, _ in page.figures] == ["kept", "", "", ""]
    assert page.figures[2][1].startswith("reference one ")
    assert (
        "1 radiograph has copies with labels of two classes; no copy of them is kept"
        in page.words["conflicts"]
    )
    assert "mass or normal" in page.words["conflicts"]
    page = Page(report_page(curation([films.pair(seed=2), replace(g, settled=True)])))
    assert [c for c, _ in page.figures] == ["kept", "", "kept", ""]
    assert "of 1 a copy is kept, under its own label" in page.words["conflicts"]
    assert "in the folder .conflicts" not in page.text
    page = Page(report_page(curation([films.pair(seed=2), g], on_conflict="keep-both-out")))
    assert (
        "no copy of them is kept; the images are laid aside in the folder .conflicts"
        in page.words["conflicts"]
    )


def test_of_a_settled_conflict_only_copies_that_reached_the_folder_count_as_kept(films):
    settled = replace(films.pair(label="mass"), settled=True)
    done = curation([settled], records=[record(films.image(seed=5))], on_conflict="upstream")
    assert "no copy of them is kept" in Page(report_page(done)).words["conflicts"]


def test_a_page_is_bounded_and_says_so(films, monkeypatch):
    for name, n in dict(MAX_SETS=3, MAX_PAIRS=2, MAX_ROWS=2).items():
        monkeypatch.setattr(pages, name, n)
    groups = [films.pair(name=f"g{i}") for i in range(6)]
    torn = [films.pair(name=f"t{i}", label="mass") for i in range(4)]
    done = curation(
        groups + torn,
        unexpected=[overlap(g) for g in groups],
        related=[link(groups[i].kept, groups[i].members[1], i / 10) for i in range(5)],
    )
    page = Page(html := report_page(done))
    assert shown(html) == 3 + 2 + 3
    assert "3 of 6 groups are shown" in page.words["copies"]
    assert "duplicates.csv has all" in page.words["copies"]
    assert "2 of 6 are shown" in page.words["unexpected"]
    assert "3 of 4 are shown" in page.words["conflicts"]
    assert "The 2 of highest score are listed; related.csv has all" in page.words["related"]
    assert "0.40" in page.words["related"] and "0.20" not in page.words["related"]


def test_the_published_limit_holds_without_a_test_that_sets_it(films):
    one = films.pair()
    groups = [replace(one, id=f"{i:016x}") for i in range(230)]
    assert shown(report_page(curation(groups))) == 60


def test_an_image_shown_in_two_sections_is_decoded_once(films, monkeypatch):
    read, files = gallery.source_bytes, []

    def note(file, array):
        files.append(file)
        return read(file, array)

    monkeypatch.setattr(gallery, "source_bytes", note)
    copy = films.pair(seed=9)
    (films.root / copy.members[1].item.file).write_bytes(b"")  # a failure is remembered too
    report_page(curation([copy], unexpected=[overlap(copy)]))
    assert len(files) == len(set(files)) == 2


def test_unexpected_copies_are_shown_side_by_side_in_either_order(films):
    g, other = films.pair(), films.pair()
    row = overlap(other)
    back = overlap(
        other,
        source="two",
        path=row["other_path"],
        other_source="one",
        other_path=row["path"],
    )
    lost = overlap(g, other_path="nobody knows.png")
    page = Page(report_page(curation([g, other], unexpected=[overlap(g), back, lost])))
    words = page.words["unexpected"]
    assert "3 copies were found" in words and "one two 3 All are shown" in words
    assert "score 0.91, mirrored" in words
    assert "no thumbnail: not among the groups" in words and g.members[1].item.path in words
    assert len(page.figures) == 4 + 6 and len(page.images) == 4 + 5


# ---- numbers


def test_the_report_says_what_the_numbers_are(films):
    groups = [films.pair(seed=1), films.pair("pixels", seed=2), films.pair("bytes", "one", seed=3)]
    done = curation(groups)
    page = Page(report_page(done))
    assert "3 radiographs of 1 source for recipe toy" in page.text
    assert "3 copies left out" in page.words[""]
    assert "2 of the copies left out came from another source" in page.words["copies"]
    assert "one two 0 1 1 2 one one 1 0 0 1" in page.words["copies"]
    assert "normal one 3 0 0 3 all 3 0 0 3" in page.words["counts"]
    assert "INCOMPLETE" not in page.text
    assert "3 of 3 images come from sources that allow redistribution: one" in page.words["sharing"]
    many = {("one", "two", "near"): 777, ("one", "one", "near"): 224, ("one", "two", "bytes"): 1}
    page = Page(report_page(replace(done, summary=replace(done.summary, copies=many))))
    assert "1,002 copies left out" in page.words[""] and "near 1,001" in page.words["copies"]
    assert "778 of the copies left out came from another source" in page.words["copies"]


def test_no_class_of_a_folder_of_one_source_is_said_to_come_from_it(films):
    words = Page(report_page(curation([films.pair()]))).words["beware"]
    assert "may learn the source" not in words
    assert "All images come from one source: one." in words


def test_sources_that_failed_head_the_page(films):
    done = curation(
        [films.pair()],
        failed={"rsna": CxrError("rsna: no token")},
        warnings=[
            FolderWarning(SOURCE_FAILED, "incomplete: rsna: no token"),
            FolderWarning("odd", "look out"),
        ],
    )
    page = Page(report_page(done))
    assert "INCOMPLETE: these sources could not be had: rsna. rsna: no token" in page.words[""]
    assert "look out" in page.words["beware"] and "no token" not in page.words["beware"]


def test_a_curation_without_copies_or_rejects_says_so(films):
    page = Page(report_page(curation(records=[record(films.image())])))
    for at, said in dict(
        copies="None were found.",
        unexpected="None: every copy",
        conflicts="None: wherever",
        related="None were found.",
        rejects="Nothing was left out.",
    ).items():
        assert said in page.words[at]
    assert not page.images


# ---- other exposures, rejects


def test_other_exposures_are_named_with_the_split_they_share(films):
    a, b = films.pair(seed=3), films.pair(seed=4)
    c = films.image(path="gone.png", source="nobody")
    related = [link(a.kept, b.members[1], 0.61), link(a.kept, c, 0.3, joined="no")]
    words = Page(report_page(curation([a, b], related=related))).words["related"]
    assert "2 pairs of radiographs look like the same person, taken again: 1 is tied" in words
    assert "to one split, 1 not, because a source says that they are two people." in words
    assert (
        f"0.61 {a.kept.item.path} one, normal {b.members[1].item.path} two, normal train" in words
    )
    assert f"0.30 {a.kept.item.path} one, normal gone.png nobody train" in words


def test_rejects_are_counted_by_stage_and_reason_with_examples_of_several_sources(films):
    many = [reject(f"{i}.png", "one", message=f"{i}.png: cut") for i in range(5)]
    rejects = [
        reject("t.csv", "one", "table", "no_row", "no row speaks of it"),
        *many,
        reject("z.png", "two"),
    ]
    words = Page(report_page(curation([films.pair()], rejects=rejects))).words["rejects"]
    assert "scan truncated 6 one: 0.png: cut one: 1.png: cut two: z.png" in words
    assert "2.png" not in words
    assert "table no_row 1 one: t.csv: no row speaks of it" in words
    assert words.index("scan truncated") < words.index("table no_row")


# ---- size and brightness


def test_size_and_brightness_of_each_class_stand_beside_a_drawing(films):
    records = [
        replace(record(films.image(label=x)), width=str(w), height="50", path=f"{x}{w}")
        for x, w in zip("aaab", (100, 200, 400, 300))
    ]
    light = {"a100": 90.0, "a200": 100.0, "a400": 120.0, "b300": 160.0}
    done = curation(records=records, sources=[source("one")], brightness=light)
    page = Page(html := report_page(done))
    words = page.words["looks"]
    assert (
        "a 3 200 x 50 100 x 50 to 400 x 50 100 90 to 120 b 1 300 x 50 300 x 50 to 300 x 50 160"
        in words
    )
    assert "up to 60 gray values apart: a 100, b 160." in words and page.tags["svg"] == 4
    assert (
        'aria-label="median 100 gray, half of them 95 to 110, range 90 to 120, of 0 to 255"' in html
    )
    assert 'x1="25.0" y1="5" x2="100.0"' in html  # the longer side: 100 to 400 of 400 px
    bare = Page(report_page(summed_up(done, brightness={})))
    assert "gray" not in bare.words["looks"] and bare.tags["svg"] == 2
    part = Page(report_page(summed_up(done, brightness={"a100": 9.0})))
    assert "not measured" in part.words["looks"] and "apart" not in part.words["looks"]
