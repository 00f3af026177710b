"""pytest tests/curation/copies/test_gallery.py"""

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
    ids,
    picture,
    shown,
)
from made_curations import Films, moved
from PIL import Image

from cxr_fastai import phantom
from cxr_fastai.curation.copies import gallery
from cxr_fastai.curation.copies.copy_sets import Copy, CopySet
from cxr_fastai.curation.copies.fingerprint import fingerprint
from cxr_fastai.curation.copies.gallery import gallery_page, lost_shot, varied


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


@pytest.fixture
def hostile(films):
    "A gallery whose every text is hostile."
    evil = dict(label=EVIL, said=EVIL, source=f"{EVIL}s", path=f"{EVIL}{TURN}gpj.png")
    copies = films.group(
        ("near", 0.9, EVIL, {**evil, "edit": np.fliplr}),
        ("pixels", 1.0, "", evil),
        kept=evil,
        name=EVIL,
    )
    torn = films.group(
        ("near", 0.9, "", dict(label="other")), kept=dict(label=EVIL), name="conflict"
    )
    return gallery_page([copies, torn], EVIL, EVIL + TURN)


# ---- safe to open, and to send


def test_foreign_text_is_shown_as_text_and_never_runs(hostile):
    check_shows_foreign_text_as_text(hostile)


def test_marks_that_turn_or_hide_text_are_spelled_out(hostile):
    check_spells_out_hidden_marks(hostile)


def test_a_gallery_is_one_file_that_fetches_and_runs_nothing(hostile):
    check_fetches_and_runs_nothing(hostile)


def test_the_same_copies_give_the_same_bytes_whatever_their_order(films):
    groups = [
        films.pair(name=f"g{i}", source=f"s{i % 3}", score=0.5 + i / 20, seed=i) for i in range(8)
    ]
    assert gallery_page(groups, "t") == gallery_page(groups[::-1], "t")


def test_no_path_of_this_machine_is_told(films):
    pair = films.pair()
    pair.members[0] = moved(pair.members[0], file=str(films.root / "gone.png"))
    assert str(films.root) not in gallery_page([pair], "t")


def test_every_image_says_what_it_shows(films):
    images = Page(gallery_page([films.pair()], "t")).images
    assert all(image["alt"].startswith("Radiograph ") for image in images)
    assert [image["alt"].endswith(", kept") for image in images] == [True, False]


# ---- thumbnails


def test_a_thumbnail_is_a_small_jpeg_of_the_image(films):
    g = films.group(("near", 0.9, "", dict(edit=lambda a: a[:30])), kept=dict(size=300))
    big, small = (image for image in Page(gallery_page([g], "t")).images)
    assert picture(big["src"]).size == (128, 128) and picture(big["src"]).format == "JPEG"
    assert (big["width"], big["height"]) == ("128", "128")
    assert (small["width"], small["height"]) == ("128", "60")
    assert picture(small["src"]).size == (64, 30)  # never enlarged
    near = np.asarray(Image.fromarray(phantom.draw("normal", 1, 300)).resize((128, 128)), float)
    assert abs(np.asarray(picture(big["src"]), float) - near).mean() < 4


def test_a_row_of_an_array_has_a_thumbnail_too(films):
    file = str(films.root / "x.npz")
    np.savez(file, train=np.stack([phantom.draw("normal", i, 64) for i in (1, 2)]))
    g = films.pair("pixels")
    members = []
    for k, image in enumerate(g.members):
        print_of_row = fingerprint(file, ("train", k))
        members.append(
            replace(moved(image, file=file, array=("train", k)), fingerprint=print_of_row)
        )
    assert len(Page(gallery_page([replace(g, members=members)], "t")).images) == 2


def test_an_image_that_cannot_be_read_any_more_leaves_words_in_its_place(films):
    members = films.group(*[("near", 0.9, "", dict(seed=i)) for i in range(2, 6)]).members
    kept, gone, cut, other, array = members
    (films.root / gone.item.file).unlink()
    (films.root / cut.item.file).write_bytes((films.root / cut.item.file).read_bytes()[:200])
    Image.fromarray(phantom.draw("normal", 99, 64)).save(other.item.file)
    array = moved(array, array=("train", 0))  # but the file is no archive
    copies = [Copy("bytes"), *[Copy("near", 0.9)] * 4]
    g = CopySet(id="g", members=[kept, gone, cut, other, array], copies=copies)
    page = Page(gallery_page([g], "t"))
    assert len(page.images) == 1 and len(page.figures) == 5
    for said in (
        "the file is gone",
        "The picture ends before its last row",
        "the file has changed since",
        "it cannot be read any more",
    ):
        assert f"no thumbnail: {said}" in page.text
    assert all(m.item.path in page.text for m in members)
    assert f"no thumbnail: {kept.item.path}" not in page.text


def test_only_what_is_shown_is_decoded_and_nothing_twice(films, monkeypatch):
    read, files = gallery.source_bytes, []

    def note(file, array):
        files.append(file)
        return read(file, array)

    monkeypatch.setattr(gallery, "source_bytes", note)
    monkeypatch.setattr(gallery, "MAX_SETS", 2)
    html = gallery_page([films.pair(seed=i, name=f"g{i}") for i in range(2, 6)], "t")
    assert shown(html) == 2 and len(files) == len(set(files)) == 4


def test_a_failure_is_remembered_too(films, monkeypatch):
    image, asked = films.image(), []
    (films.root / image.item.file).write_bytes(b"")
    read = gallery.source_bytes
    monkeypatch.setattr(gallery, "source_bytes", lambda *a: asked.append(a) or read(*a))
    thumbnails = gallery.Thumbnails()
    first, second = thumbnails.get(image), thumbnails.get(image)
    assert first == second and first.uri == "" and first.why and len(asked) == 1


def test_a_copy_of_equal_pixels_stands_in_for_a_file_that_is_gone(films):
    g = films.pair("pixels")
    (films.root / g.kept.item.file).unlink()
    assert "no thumbnail: the file is gone" in gallery_page([g], "t")
    backwards = replace(g, members=g.members[::-1])
    assert len(Page(gallery_page([backwards], "t")).images) == 2


# ---- copy sets


def test_the_kept_one_is_marked_and_each_copy_says_how_it_differs(films):
    near = dict(source="two", label="mass", said="Mass", size=32)
    g = films.group(
        ("near", 0.934, "resized 0.50 x 0.50", near),
        ("pixels", 1.0, "", dict(source="three")),
        ("bytes", 1.0, "", {}),
    )
    g = replace(g, members=[replace(m, label="normal") for m in g.members])
    kept, near, pixels, same = Page(gallery_page([g], "t")).figures
    assert kept[0] == "kept" and kept[1].startswith("kept one ")
    assert not [f for f in (near, pixels, same) if f[0]]
    said = f"two {g.members[1].item.path} normal source says “Mass” 32 x 32"
    assert near[1] == f"near 0.93 resized 0.50 x 0.50 {said}"
    assert pixels[1].startswith("equal pixels three ") and same[1].startswith("equal bytes one ")


def test_where_labels_contradict_nothing_is_marked_kept_unless_it_was_settled(films):
    torn = films.pair(label="mass")
    (first, _), settled = (
        Page(gallery_page([torn], "t")).figures,
        Page(gallery_page([replace(torn, settled=True)], "t")).figures,
    )
    assert first == ("", first[1]) and first[1].startswith("reference one ")
    assert settled[0][0] == "kept"


def test_images_that_stay_with_the_kept_one_are_marked_as_kept(films):
    pair = films.pair(source="one")
    members = [moved(image, official="test") for image in pair.members]
    (kept, also) = Page(gallery_page([replace(pair, members=members)], "t")).figures
    assert kept[0] == also[0] == "kept" and also[1].startswith("kept too, near ")


def test_a_gallery_is_bounded_and_says_so(films, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_SETS", 4)
    monkeypatch.setattr(gallery, "MAX_MEMBERS", 3)
    monkeypatch.setattr(gallery, "MAX_FOLDED", 0)
    html = gallery_page([films.pair(name=f"g{i}") for i in range(6)], "t")
    assert shown(html) == 4 and "4 of 6 groups are shown" in html
    many = films.group(*[("bytes", 1.0, "", {})] * 5, ("near", 0.8, "", dict(source="two")))
    page = Page(gallery_page([many], "t"))
    assert [w.split()[0] for _, w in page.figures] == ["kept", "equal", "near"]
    assert "and 4 more of this" in page.text


def test_a_large_group_unfolds_and_what_it_has_beyond_is_counted(films, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_MEMBERS", 3)
    many = films.group(*[("bytes", 1.0, "", {})] * 9)
    html = gallery_page([many], "t")
    opened, folded = html.split('<details class="folded">')
    assert len(Page(opened).figures) == 3 and "<summary>7 more of this group</summary>" in folded
    assert "<script" not in html and "and 0 more" not in html
    assert sorted(image["alt"] for image in Page(html).images) == sorted(
        f"Radiograph {m.item.path} of one, {'kept' if m is many.kept else 'equal bytes'}"
        for m in many.members
    )
    monkeypatch.setattr(gallery, "MAX_FOLDED_OF_PAGE", 8)
    monkeypatch.setattr(gallery, "MAX_FOLDED", 5)
    two = Page(gallery_page([many, replace(many, id="other")], "t"))
    assert len(two.figures) == 3 + 5 + 3 + 3
    assert "and 2 more of this group" in two.text and "and 4 more of this group" in two.text


def test_the_published_limits_hold_without_a_test_that_sets_them(films):
    one = films.pair()
    assert shown(gallery_page([replace(one, id=f"{i:016x}") for i in range(230)], "t")) == 200


def test_sets_across_sources_and_near_copies_come_first_and_each_sort_has_its_turn(
    films, monkeypatch
):
    monkeypatch.setattr(gallery, "MAX_SETS", 5)
    within = [films.pair(source="one", name=f"w{i}") for i in range(3)]
    across = [films.pair(name=f"a{i}", score=0.99 - i / 10) for i in range(5)]
    same = [films.pair("bytes", name=f"b{i}", transform="") for i in range(3)]
    turned = films.pair(transform="mirrored", name="m", score=0.999)
    html = gallery_page([*same, *within, *across, turned], "t")
    assert ids(html) == ["a4", "a3", "m", "b0", "w0"]  # of one sort the doubtful first


def test_a_second_of_one_sort_comes_only_after_the_first_of_every_other():
    assert varied("aaabbc", 4, str) == ["a", "a", "b", "c"]
    assert varied("aaabbc", 2, str) == ["a", "b"] and varied("", 3, str) == []


def test_long_galleries_fold(films):
    one = films.pair()
    html = gallery_page([replace(one, id=f"{i:016x}") for i in range(15)], "t")
    assert "<summary>3 more groups</summary>" in html and shown(html.split("<details>")[0]) == 12


def test_the_gallery_sums_up_what_was_found(films):
    groups = [films.pair(), films.pair("bytes", source="one"), films.group(name="alone")]
    page = Page(gallery_page(groups, "Copies in films", "20 images read."))
    assert (
        "2 copies in 2 groups of 4 images: 1 equal bytes, 1 near. 1 group spans several sources."
    ) in page.text
    assert "20 images read." in page.text and "All groups are shown" in page.text
    assert "alone" not in page.text


def test_a_gallery_of_nothing_says_that_there_is_nothing(films):
    page = Page(gallery_page([films.group()], "t"))
    assert "No copies found." in page.text and not page.images


def test_a_folder_without_labels_and_sources_has_no_empty_words(films):
    bare = dict(source="", label="", said="")
    g = films.group(("near", 0.9, "", dict(bare, path="b.png")), kept=dict(bare, path="a.png"))
    assert [w for _, w in Page(gallery_page([g], "t")).figures][0] == "kept a.png 64 x 64"


def test_an_image_of_which_only_its_place_is_known_is_named():
    shot = lost_shot("one", "a.png")
    assert (shot.source, shot.path, shot.thumb.uri) == ("one", "a.png", "")
    assert shot.thumb.why == "not among the groups"


@pytest.mark.parametrize("other, told", [("Normal", False), ("PNEUMONIA", True)])
def test_labels_that_differ_in_capitals_alone_do_not_differ(films, other, told):
    group = films.group(("near", 0.9, "", dict(label=other)), kept=dict(label="NORMAL"))
    text = Page(gallery_page([group], "t")).text
    assert ("in 1 the labels differ" in text) is told
