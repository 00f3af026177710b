"""pytest tests/curation/test_pages.py"""

import base64
import io
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cxr_fastai import phantom
from cxr_fastai.curation.copies.fingerprint import fingerprint
from cxr_fastai.curation.copies.copy_sets import Copy, CopySet
from cxr_fastai.curation.folder import report_page as pages
from cxr_fastai.curation.folder.report_page import gallery_page, report_page
from cxr_fastai.manifest import COLUMNS, Record

EVIL = "<script>alert('x')</script>"
TURN = "\u202e"  # what follows is shown right to left: gpj.exe looks like exe.jpg


# ---- stand-ins: what scan and pipeline give, with the same names


class Films:
    "ScannedImage of phantoms; `films.seen(..)` writes the file."

    def __init__(self, root):
        self.root, self.n = root, 0

    def seen(
        self,
        source="one",
        path="",
        label="normal",
        said="normal",
        seed=1,
        size=64,
        edit=None,
        kind="normal",
    ):
        self.n += 1
        file = self.root / f"{self.n}.png"
        pixels = phantom.draw(kind, seed, size)
        Image.fromarray(np.ascontiguousarray(edit(pixels) if edit else pixels)).save(file)
        item = SimpleNamespace(
            source=source,
            path=path or f"{label}/{self.n}.png",
            file=str(file),
            array=None,
            findings=(label,),
            source_label=said,
            patients=(),
        )
        return SimpleNamespace(item=item, fingerprint=fingerprint(str(file)), label=label)

    def group(self, *others, id="", kept=None, **cells):
        "A kept film and (kind, score, transform, cells of seen) for each other."
        members = [self.seen(**(kept or {})), *(self.seen(**o[3]) for o in others)]
        copies = [Copy("bytes"), *(Copy(*o[:3]) for o in others)]
        return CopySet(id or f"{self.n:016x}", members, copies, **cells)

    def pair(
        self,
        kind="near",
        source="two",
        score=0.9,
        transform="resized 0.50 x 0.50",
        id="",
        seed=1,
        **cells,
    ):
        cells = dict(source=source, seed=seed, edit=np.fliplr if kind == "near" else None) | cells
        return self.group((kind, score, transform, cells), kept=dict(seed=seed), id=id)


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


def record(seen, split="train"):
    return Record(
        **{
            **dict.fromkeys(COLUMNS, ""),
            "path": f"{seen.label}/{seen.fingerprint.pixel_sha256[:32]}.png",
            "pixel_sha256": seen.fingerprint.pixel_sha256,
            "label": seen.label,
            "source": seen.item.source,
            "original_path": seen.item.path,
            "split": split,
            "width": str(seen.fingerprint.width),
            "height": str(seen.fingerprint.height),
        }
    )


def reject(path="a.png", source="one", stage="scan", reason="truncated", message=""):
    return SimpleNamespace(path=path, source=source, stage=stage, reason=reason, message=message)


def source(id, **cells):
    return SimpleNamespace(**{**dict(id=id, redistribute="yes", age_group="adult"), **cells})


def curation(groups=(), **cells):
    "A Curation of the groups' kept films."
    groups = list(groups)
    plain = [g for g in groups if not g.conflict]
    records = [record(g.kept) for g in plain]
    kinds = Counter(c.kind for g in plain for c in g.copies[1:])
    tally = {**{k: kinds[k] for k in ("bytes", "pixels", "near")}, "across_sources": 0}
    done = dict(
        recipe=SimpleNamespace(name="toy", title="Toy classes"),
        records=records,
        groups=groups,
        conflicts=[g for g in groups if g.conflict],
        rejects=[],
        warnings=[],
        failed={},
        incomplete=(),
        sources=[source(s) for s in sorted({m.item.source for g in groups for m in g.members})],
        related=[],
        unexpected=[],
        duplicates=lambda: tally,
    )
    return SimpleNamespace(**{**done, **cells})


def link(a, b, score=0.5):
    return dict(
        path=a.item.path,
        source=a.item.source,
        other_path=b.item.path,
        other_source=b.item.source,
        score=f"{score:.4g}",
        inliers="40",
    )


def overlap(group, **cells):
    a, b = group.members[:2]
    return dict(
        group=group.id,
        path=a.item.path,
        source=a.item.source,
        other_path=b.item.path,
        other_source=b.item.source,
        score="0.91",
        transform="mirrored",
        **cells,
    )


# ---- reading a page


class Page(HTMLParser):
    "A page's tags, images, figures (class, words), words by section, and all attributes that fetch or run something."

    def __init__(self, html):
        super().__init__()
        self.tags, self.images, self.fetched, self.figures, self.words, self.at = (
            Counter(),
            [],
            [],
            [],
            {},
            "",
        )
        self.feed(html)
        self.words = {k: " ".join(v.split()) for k, v in self.words.items()}
        self.figures = [(kind, " ".join(words.split())) for kind, words in self.figures]

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        at = dict(attrs)
        if tag == "section":
            self.at = at["id"]
        if tag == "img":
            self.images.append(at)
        if tag == "figure":
            self.figures.append([at.get("class", ""), ""])
        if tag != "wbr":
            self.handle_data(" ")
        self.fetched += [
            v
            for k, v in attrs
            if k in ("src", "href", "srcset", "data", "action", "background", "poster")
            or k.startswith("on")
            or k == "style"
        ]

    def handle_data(self, data):
        self.words[self.at] = self.words.get(self.at, "") + data
        if self.figures:
            self.figures[-1][1] += data

    def handle_endtag(self, tag):
        if tag == "style":
            self.words[""] = ""

    @property
    def text(self):
        return " ".join(self.words.values())


def shown(html):
    return html.count('<div class="group">')


def ids(html):
    return re.findall(r"<p>group (\w+)", html)


def picture(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


@pytest.fixture
def whole(films):
    "A curation that fills every section, each text in it hostile."
    evil = dict(label=EVIL, said=EVIL, source=f"{EVIL}s", path=f"{EVIL}{TURN}gpj.png")
    copy = films.group(
        ("near", 0.9, EVIL, {**evil, "edit": np.fliplr}),
        ("pixels", 1.0, "", {**evil, "edit": None}),
        kept=evil,
        id=EVIL,
    )
    split = films.group(
        ("near", 0.9, "", dict(label="other")), kept=dict(label=EVIL), id="conflict"
    )
    return curation(
        [copy, split],
        recipe=SimpleNamespace(name=EVIL, title=EVIL),
        warnings=[EVIL, f"{EVIL}{TURN}"],
        failed={EVIL: f"{EVIL} is down"},
        incomplete=(EVIL,),
        unexpected=[overlap(copy)],
        related=[link(copy.kept, split.kept)],
        rejects=[reject(EVIL, EVIL, EVIL, EVIL, EVIL)],
        brightness={copy.kept.fingerprint.pixel_sha256: 99.5},
    )


# ---- safe to open, and to send


def both(done):
    return report_page(done), gallery_page(done.groups, EVIL, EVIL + TURN, EVIL)


def test_foreign_text_is_shown_as_text_and_never_runs(whole):
    for html in both(whole):
        page = Page(html)
        assert not page.tags["script"] and "<script" not in html and EVIL in page.text
        assert "&lt;script&gt;" in html
        assert all("script" not in (k or "") for image in page.images for k in image)


def test_marks_that_turn_or_hide_text_are_spelled_out(whole):
    for html in both(whole):
        assert TURN not in html and "\\u202egpj.png" in Page(html).text


def test_a_page_is_one_file_that_fetches_and_runs_nothing(whole):
    for html in both(whole):
        page = Page(html)
        assert (
            html.startswith("<!DOCTYPE html>") and html.rstrip().endswith("</html>") and page.images
        )
        assert not {"link", "script", "iframe", "object", "embed", "form", "base", "video"} & set(
            page.tags
        )
        assert all(x.startswith(("data:image/jpeg;base64,", "#")) for x in page.fetched)
        assert (
            "@import" not in html
            and "url(" not in html
            and "://" not in html
            and "javascript:" not in html
        )
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
        assert (
            "prefers-color-scheme:dark" in html
            and "@media print" in html
            and "width=device-width" in html
        )


def test_the_same_input_gives_the_same_bytes_whatever_its_order(films, whole):
    assert both(whole) == both(whole)
    groups = [
        films.pair(id=f"g{i}", source=f"s{i % 3}", score=0.5 + i / 20, seed=i) for i in range(8)
    ]
    assert gallery_page(groups, "t") == gallery_page(groups[::-1], "t")
    a, b = (
        curation(
            groups,
            records=curation(groups).records[::k],
            unexpected=[overlap(g) for g in groups][::k],
            related=[link(groups[i].kept, groups[i + 1].kept) for i in range(3)][::k],
        )
        for k in (1, -1)
    )
    assert report_page(a) == report_page(b)


def test_no_path_of_this_machine_is_told(whole, films):
    whole.groups[0].members[0].item.file = str(films.root / "gone.png")
    for html in both(whole):
        assert str(films.root) not in html


def test_every_image_says_what_it_shows(whole):
    for html in both(whole):
        assert all(image["alt"].startswith("Radiograph ") for image in Page(html).images)
    assert any(image["alt"].endswith(", kept") for image in Page(both(whole)[1]).images)


# ---- thumbnails


def test_a_thumbnail_is_a_small_jpeg_of_the_image(films):
    g = films.group(("near", 0.9, "", dict(edit=lambda a: a[:30])), kept=dict(size=300))
    big, small = (image for image in Page(gallery_page([g], "t")).images)
    assert picture(big["src"]).size == (128, 128) and picture(big["src"]).format == "JPEG"
    assert (big["width"], big["height"]) == ("128", "128") and (
        small["width"],
        small["height"],
    ) == ("128", "60")
    assert picture(small["src"]).size == (64, 30)  # never enlarged
    near = np.asarray(Image.fromarray(phantom.draw("normal", 1, 300)).resize((128, 128)), float)
    assert abs(np.asarray(picture(big["src"]), float) - near).mean() < 4


def test_a_row_of_an_array_has_a_thumbnail_too(films):
    a, b = phantom.draw("normal", 1, 64), phantom.draw("normal", 2, 64)
    np.savez(films.root / "x.npz", train=np.stack([a, b]))
    g = films.pair("pixels")
    for k, m in enumerate(g.members):
        m.item.file, m.item.array = str(films.root / "x.npz"), ("train", k)
        m.fingerprint = fingerprint(m.item.file, m.item.array)
    assert len(Page(gallery_page([g], "t")).images) == 2


def test_an_image_that_cannot_be_read_any_more_leaves_words_in_its_place(films):
    kept, *_ = members = films.group(
        *[("near", 0.9, "", dict(seed=i)) for i in range(2, 6)], id="g"
    ).members
    g = CopySet("g", members, [Copy("bytes"), *[Copy("near", 0.9)] * 4])
    gone, cut, other, array = members[1:]
    (films.root / gone.item.file).unlink()
    (films.root / cut.item.file).write_bytes((films.root / cut.item.file).read_bytes()[:200])
    Image.fromarray(phantom.draw("normal", 99, 64)).save(other.item.file)
    array.item.array = ("train", 0)  # but the file is no archive
    page = Page(gallery_page([g], "t"))
    assert len(page.images) == 1 and len(page.figures) == 5
    for said in (
        "the file is gone",
        "The picture ends before its last row",
        "the file has changed since",
        "it cannot be read any more",
    ):
        assert f"no thumbnail: {said}" in page.text
    assert (
        all(m.item.path in page.text for m in members)
        and f"no thumbnail: {kept.item.path}" not in page.text
    )


def test_only_what_is_shown_is_decoded_and_nothing_twice(films, monkeypatch):
    read, files = pages.source_bytes, []

    def note(file, array):
        files.append(file)
        return read(file, array)

    monkeypatch.setattr(pages, "source_bytes", note)
    monkeypatch.setattr(pages, "GALLERY", 2)
    groups = [films.pair(seed=i, id=f"g{i}") for i in range(2, 6)]
    html = gallery_page(groups, "t")
    assert shown(html) == 2 and len(files) == len(set(files)) == 4
    files.clear()
    copy = films.pair(seed=9)
    (films.root / copy.members[1].item.file).write_bytes(b"")  # a failure is remembered too
    report_page(curation([copy], unexpected=[overlap(copy)]))
    assert len(files) == len(set(files)) == 2


def test_a_copy_of_equal_pixels_stands_in_for_a_file_that_is_gone(films):
    g = films.pair("pixels")
    (films.root / g.kept.item.file).unlink()
    assert "no thumbnail: the file is gone" in gallery_page([g], "t")
    assert len(Page(gallery_page([CopySet("g", g.members[::-1], g.copies)], "t")).images) == 2


# ---- groups


def test_the_kept_one_is_marked_and_each_copy_says_how_it_differs(films):
    g = films.group(
        (
            "near",
            0.934,
            "resized 0.50 x 0.50",
            dict(source="two", label="mass", said="Mass", size=32),
        ),
        ("pixels", 1.0, "", dict(source="three")),
        ("bytes", 1.0, "", {}),
    )
    g = replace(g, members=[SimpleNamespace(**{**vars(m), "label": "normal"}) for m in g.members])
    kept, near, pixels, same = Page(gallery_page([g], "t")).figures
    assert (
        kept[0] == "kept"
        and kept[1].startswith("kept one ")
        and not [f for f in (near, pixels, same) if f[0]]
    )
    said = f"two {g.members[1].item.path} normal source says “Mass” 32 x 32"
    assert near[1] == f"near 0.93 resized 0.50 x 0.50 {said}"
    assert pixels[1].startswith("equal pixels three ") and same[1].startswith("equal bytes one ")


def test_where_nothing_is_kept_nothing_is_marked_kept(films):
    g = films.pair(label="mass")
    assert g.conflict
    page = Page(report_page(curation([films.pair(), g])))
    assert [c for c, _ in page.figures] == ["kept", "", "", ""] and page.figures[2][1].startswith(
        "reference one "
    )
    assert (
        "1 radiograph has copies with labels of two classes; no copy of them is kept"
        in page.words["conflicts"]
    )
    assert "mass or normal" in page.words["conflicts"]
    page = Page(report_page(curation([films.pair(), replace(g, settled=True)])))
    assert [c for c, _ in page.figures] == ["kept", "", "kept", ""]
    assert "of 1 a copy is kept, under its own label" in page.words["conflicts"]
    assert "in the folder conflicts" not in page.text
    page = Page(report_page(curation([films.pair(), g], on_conflict="keep-both-out")))
    assert (
        "no copy of them is kept; the images are laid aside in the folder conflicts"
        in page.words["conflicts"]
    )


def test_a_page_is_bounded_and_says_so(films, monkeypatch):
    for name, n in dict(GROUPS=3, GALLERY=4, PAIRS=2, ROWS=2, MEMBERS=3).items():
        monkeypatch.setattr(pages, name, n)
    groups = [films.pair(id=f"g{i}") for i in range(6)]
    torn = [films.pair(id=f"t{i}", label="mass") for i in range(4)]
    done = curation(
        groups + torn,
        unexpected=[overlap(g) for g in groups],
        related=[link(groups[i].kept, groups[i].members[1], i / 10) for i in range(5)],
    )
    page = Page(html := report_page(done))
    assert shown(html) == 3 + 2 + 3
    assert (
        "3 of 6 groups are shown" in page.words["copies"]
        and "duplicates.csv has all" in page.words["copies"]
    )
    assert (
        "2 of 6 are shown" in page.words["unexpected"]
        and "3 of 4 are shown" in page.words["conflicts"]
    )
    assert "The 2 of highest score are listed; related.csv has all" in page.words["related"]
    assert "0.40" in page.words["related"] and "0.20" not in page.words["related"]
    assert shown(html := gallery_page(groups, "t")) == 4 and "4 of 6 groups are shown" in html
    many = films.group(*[("bytes", 1.0, "", {})] * 5, ("near", 0.8, "", dict(source="two")))
    page = Page(gallery_page([many], "t"))
    assert [w.split()[0] for _, w in page.figures] == [
        "kept",
        "equal",
        "near",
    ] and "and 4 more of this" in page.text


def test_the_published_limits_hold_without_a_test_that_sets_them(films):
    one = films.pair()
    groups = [replace(one, id=f"{i:016x}") for i in range(230)]
    assert shown(report_page(curation(groups))) == 60 and shown(gallery_page(groups, "t")) == 200


def test_groups_across_sources_and_near_copies_come_first_and_each_sort_has_its_turn(
    films, monkeypatch
):
    monkeypatch.setattr(pages, "GALLERY", 5)
    within = [films.pair(source="one", id=f"w{i}") for i in range(3)]
    across = [films.pair(id=f"a{i}", score=0.99 - i / 10) for i in range(5)]
    same = [films.pair("bytes", id=f"b{i}", transform="") for i in range(3)]
    turned = films.pair(transform="mirrored", id="m", score=0.999)
    html = gallery_page([*same, *within, *across, turned], "t")
    assert ids(html) == ["a4", "a3", "m", "b0", "w0"]  # of one sort the doubtful first


def test_long_galleries_fold(films):
    one = films.pair()
    html = gallery_page([replace(one, id=f"{i:016x}") for i in range(15)], "t")
    assert "<summary>3 more groups</summary>" in html and shown(html.split("<details>")[0]) == 12


# ---- the gallery


def test_the_gallery_sums_up_what_was_found(films):
    groups = [films.pair(), films.pair("bytes", source="one"), films.group(id="alone")]
    page = Page(gallery_page(groups, "Copies in films", "20 images read.", against="the test set"))
    assert (
        "2 copies in 2 groups of 4 images, compared with the test set: 1 equal bytes, 1 near. "
        "1 group spans several sources."
    ) in page.text
    assert (
        "20 images read." in page.text
        and "All groups are shown" in page.text
        and "alone" not in page.text
    )


def test_a_gallery_of_nothing_says_that_there_is_nothing(films):
    page = Page(gallery_page([films.group()], "t", against="b"))
    assert "No copies found, compared with b." in page.text and not page.images


def test_a_folder_without_labels_and_sources_has_no_empty_words(films):
    g = films.group(
        ("near", 0.9, "", dict(source="", path="b.png", label="", said="")),
        kept=dict(source="", path="a.png", label="", said=""),
    )
    assert [w for _, w in Page(gallery_page([g], "t")).figures][0] == "kept a.png 64 x 64"


# ---- the report


def test_the_report_says_what_the_numbers_are(films):
    groups = [films.pair(), films.pair("pixels"), films.pair("bytes", source="one")]
    done = curation(
        groups, duplicates=lambda: dict(bytes=1, pixels=1, near=1001, across_sources=777)
    )
    page = Page(report_page(done))
    assert (
        "3 radiographs of 1 source for recipe toy" in page.text
        and "1,003 copies left out" in page.words[""]
    )
    assert "777 of the copies left out came from another source" in page.words["copies"]
    assert (
        "near 1,001" in page.words["copies"]
        and "one two 0 1 1 2 one one 1 0 0 1" in page.words["copies"]
    )
    assert (
        "normal one 3 0 0 3 all 3 0 0 3" in page.words["counts"] and "INCOMPLETE" not in page.text
    )
    assert "3 of 3 images come from sources that allow redistribution: one" in page.words["sharing"]
    assert "Every image of class normal comes from one" in page.words["beware"]


def test_sources_that_failed_head_the_page(films):
    done = curation(
        [films.pair()],
        failed={"rsna": "rsna: no token"},
        incomplete=("rsna",),
        warnings=["incomplete: rsna: no token", "look out"],
    )
    page = Page(report_page(done))
    assert "INCOMPLETE: these sources could not be fetched: rsna. rsna: no token" in page.words[""]
    assert "look out" in page.words["beware"] and "no token" not in page.words["beware"]


def test_a_curation_without_copies_or_rejects_says_so(films):
    page = Page(
        report_page(curation([], records=[record(films.pair().kept)], sources=[source("one")]))
    )
    for at, said in dict(
        copies="None were found.",
        unexpected="None: every copy",
        conflicts="None: wherever",
        related="None were found.",
        rejects="Nothing was left out.",
    ).items():
        assert said in page.words[at]
    assert not page.images


def test_unexpected_copies_are_shown_side_by_side_in_either_order(films):
    g, other = films.pair(), films.pair()
    back = overlap(other)
    back |= {
        "source": "two",
        "path": back["other_path"],
        "other_source": "one",
        "other_path": back["path"],
    }
    lost = {**overlap(g), "other_path": "nobody knows.png"}
    page = Page(report_page(curation([g, other], unexpected=[overlap(g), back, lost])))
    words = page.words["unexpected"]
    assert (
        "3 copies were found" in words
        and "one two 3 All are shown" in words
        and "score 0.91, mirrored" in words
    )
    assert "no thumbnail: not among the groups" in words and g.members[1].item.path in words
    assert len(page.figures) == 4 + 6 and len(page.images) == 4 + 5


def test_other_exposures_are_named_with_the_split_they_share(films):
    a, b, c = films.pair(seed=3), films.pair(seed=4), films.seen(path="gone.png", source="nobody")
    done = curation([a, b], related=[link(a.kept, b.members[1], 0.61), link(a.kept, c, 0.3)])
    words = Page(report_page(done)).words["related"]
    assert "2 pairs of radiographs look like the same person" in words
    assert (
        f"0.61 {a.kept.item.path} one, normal {b.members[1].item.path} two, normal train" in words
    )
    assert f"0.30 {a.kept.item.path} one, normal gone.png nobody train" in words


def test_rejects_are_counted_by_stage_and_reason_with_examples_of_several_sources(films):
    many = [reject(f"{i}.png", "one", message=f"{i}.png: cut") for i in range(5)] + [
        reject("z.png", "two")
    ]
    done = curation(
        [films.pair()],
        rejects=[reject("t.csv", "one", "table", "no_row", "no row speaks of it"), *many],
    )
    words = Page(report_page(done)).words["rejects"]
    assert (
        "scan truncated 6 one: 0.png: cut one: 1.png: cut two: z.png" in words
        and "2.png" not in words
    )
    assert "table no_row 1 one: t.csv: no row speaks of it" in words
    assert words.index("scan truncated") < words.index("table no_row")


def test_size_and_brightness_of_each_class_stand_beside_a_drawing(films):
    records = [
        replace(record(films.seen(label=x)), width=str(w), height="50", pixel_sha256=f"{x}{w}")
        for x, w in zip("aaab", (100, 200, 400, 300))
    ]
    light = {"a100": 90.0, "a200": 100.0, "a400": 120.0, "b300": 160.0}
    done = curation([], records=records, sources=[source("one")], brightness=light)
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
    bare = Page(report_page(curation([], records=records, sources=[source("one")])))
    assert "gray" not in bare.words["looks"] and bare.tags["svg"] == 2
    part = Page(
        report_page(
            curation([], records=records, sources=[source("one")], brightness={"a100": 9.0})
        )
    )
    assert "not measured" in part.words["looks"] and "apart" not in part.words["looks"]
