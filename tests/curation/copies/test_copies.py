"""Everything that is done to copies, on 200 drawn radiographs of as many patients: which are found, and that nothing else
is. One case draws its parameters over the whole range that it names."""

import io
import random
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from cxr_fastai.curation.copies.candidates import VARIANTS, find_candidates
from cxr_fastai.curation.copies.features import extract
from cxr_fastai.curation.copies.find import find_duplicates
from cxr_fastai.curation.copies.fingerprint import Fingerprint, phash, pixel_sha256
from cxr_fastai.curation.copies.geometry import match
from cxr_fastai.curation.copies.links import find_links
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.phantom import AGES, KINDS, draw

PATIENTS = 200
SIDE = 256  # pixels
LOW = 208  # pixels: the height of every third film, so that not all are squares


# ---- what is done to copies: (pixels, rng) -> pixels


def resized(film, rng):
    "To 64..1024 pixels a side: a square whatever it was, or of its own aspect."
    side = int(rng.integers(64, 1025))
    high = side if rng.random() < 0.5 else max(round(side * film.shape[0] / film.shape[1]), 64)
    how = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)[
        rng.integers(3)
    ]
    return np.asarray(Image.fromarray(film).resize((side, high), how))


def cropped(film, rng):
    "Up to 15 % off each side."
    h, w = film.shape
    left, top, right, bottom = np.rint(rng.uniform(0, 0.15, 4) * (w, h, w, h)).astype(int)
    return film[top : h - bottom, left : w - right]


def rotated(film, rng):
    "By up to 10 degrees, on the same canvas or on one that holds all of it."
    turn, whole = rng.uniform(-10, 10), bool(rng.integers(2))
    return np.asarray(Image.fromarray(film).rotate(turn, Image.Resampling.BILINEAR, expand=whole))


def quarter_turned(film, rng):
    return np.rot90(film, rng.integers(1, 4))


def mirrored(film, rng):
    return film[:, ::-1]


def jpeg_30(film, rng):
    out = io.BytesIO()
    Image.fromarray(film).save(out, "JPEG", quality=30)
    return np.asarray(Image.open(out))


def gamma(film, rng):
    "From .5 to 2."
    return np.uint8(np.rint(255 * (film / 255) ** 2 ** rng.uniform(-1, 1)))


def lettered(film, rng):
    "Three to six lines of white letters, 8 to 14 pixels high, at any place."
    image, high = Image.fromarray(film), float(rng.uniform(8, 14))
    lines = [
        "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVWZ 0123456789:/"), rng.integers(5, 21)))
        for _ in range(rng.integers(3, 7))
    ]
    at = rng.uniform(0, (0.6 * film.shape[1], 0.7 * film.shape[0]))
    ImageDraw.Draw(image).multiline_text(tuple(at), "\n".join(lines), fill=255, font_size=high)
    return np.asarray(image)


def framed(film, rng):
    "A border of up to 15 % on each side, black or white."
    h, w = film.shape
    left, top, right, bottom = np.rint(rng.uniform(0, 0.15, 4) * (w, h, w, h)).astype(int)
    return np.pad(film, ((top, bottom), (left, right)), constant_values=255 * rng.integers(2))


def inverted(film, rng):
    return 255 - film


CASES = {
    f.__name__: f
    for f in (
        resized,
        cropped,
        rotated,
        quarter_turned,
        mirrored,
        jpeg_30,
        gamma,
        lettered,
        framed,
        inverted,
    )
}
MOVING = (resized, cropped, rotated, quarter_turned, mirrored, framed)  # pixels go elsewhere


STILL = (np.mgrid[64:192:32, 64:192:32].reshape(2, -1).T,) * 2 + (SIDE,)


# ---- films, and what is found


def film(patient: int) -> np.ndarray:
    "All kinds, adults and children, each patient once; every third is no square."
    pixels = draw(
        KINDS[patient % len(KINDS)], patient, SIDE, 1000 + patient, AGES[patient // len(KINDS) % 2]
    )
    return pixels[:LOW] if patient % 3 == 2 else pixels


def fingerprint_of(pixels) -> Fingerprint:
    pixels = np.ascontiguousarray(pixels)
    key = pixel_sha256(pixels)
    return Fingerprint(
        sha256=key,
        pixel_sha256=key,
        phash=phash(pixels),
        width=pixels.shape[1],
        height=pixels.shape[0],
        mode="L/8",
        sketch=extract(pixels).pack(),
    )


def drawn_from(case, patient: int):
    return np.random.default_rng([list(CASES).index(case.__name__), patient])


@pytest.fixture(scope="module")
def films():
    return [film(i) for i in range(PATIENTS)]


@pytest.fixture(scope="module")
def originals(films):
    return [fingerprint_of(f) for f in films]


@pytest.fixture(scope="module")
def crew():
    with open_engine("local", 2) as engine:
        yield engine


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    "Pairs of two originals are compared once, not for every case."
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_CACHE", str(tmp_path_factory.mktemp("cache")))
        with ScanCache() as memory:
            yield memory


@dataclass(frozen=True)
class Found:
    "The links among films and one altered copy of each."

    case: object  # what was done to the copies
    originals: list[Fingerprint]
    copies: list[Fingerprint]
    whose: dict[str, int]  # pixel_sha256 -> patient
    links: list


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def found(request, films, originals, crew, memory):
    "One altered copy of every film, found among them all."
    case = request.param
    copies = [fingerprint_of(case(f, drawn_from(case, i))) for i, f in enumerate(films)]
    whose = {p.pixel_sha256: i for part in (originals, copies) for i, p in enumerate(part)}
    assert set(whose.values()) == set(range(PATIENTS))
    return Found(
        case=case,
        originals=originals,
        copies=copies,
        whose=whose,
        links=find_links(originals + copies, crew, memory),
    )


def test_copies_are_found(found):
    near = {
        found.whose[k.a]
        for k in found.links
        if k.kind == "near" and found.whose[k.a] == found.whose[k.b]
    }
    near |= {
        i
        for i, (a, b) in enumerate(zip(found.originals, found.copies))
        if a.pixel_sha256 == b.pixel_sha256
    }
    assert len(near) >= 0.98 * PATIENTS, f"missed: {sorted(set(range(PATIENTS)) - near)}"


def test_two_patients_are_never_linked(found):
    false = [
        (found.whose[k.a], found.whose[k.b], k.kind, k.score, k.inliers)
        for k in found.links
        if found.whose[k.a] != found.whose[k.b]
    ]
    assert not false


def travelled(case, patient: int, shape) -> tuple[np.ndarray, np.ndarray, int]:
    """(points of a film, where they are in its copy, the copy's longer side): a film whose gray values are its columns,
    and one of its rows, tell of each pixel of their copy where it comes from."""
    columns = np.tile(np.arange(shape[1], dtype=np.uint8), (shape[0], 1))
    rows = np.tile(np.arange(shape[0], dtype=np.uint8)[:, None], (1, shape[1]))
    x, y = (case(film, drawn_from(case, patient)) for film in (columns, rows))
    at = (
        np.stack(np.meshgrid(*(np.linspace(0.25, 0.75, 5) * n for n in x.shape[::-1])), -1)
        .reshape(-1, 2)
        .astype(int)
    )
    return (
        np.stack([x[at[:, 1], at[:, 0]], y[at[:, 1], at[:, 0]]], 1).astype(float),
        at,
        max(x.shape),
    )


def distance(matrix, points, there) -> float:
    "The greatest, in pixels, of where a (3, 3) transform puts points from where they are."
    return np.linalg.norm(points @ matrix[:2, :2].T + matrix[:2, 2] - there, axis=1).max()


def square(matrix):
    return np.vstack([np.reshape(matrix, (2, 3)), [0, 0, 1]])


def test_the_transform_says_where_each_point_went_and_what_was_done(found, films):
    off = {}
    for k in found.links:
        i = found.whose[k.a]
        if found.whose[k.b] != i:
            continue
        onto = (
            square(k.matrix)
            if k.a == found.originals[i].pixel_sha256
            else np.linalg.inv(square(k.matrix))
        )
        points, there, side = (
            travelled(found.case, i, films[i].shape) if found.case in MOVING else STILL
        )
        off[i] = distance(onto, points, there) / side
        assert k.inverted == (found.case is inverted) and (np.linalg.det(onto) < 0) == (
            found.case is mirrored
        )
    assert off and max(off.values()) < 0.02, sorted(off.items(), key=lambda x: -x[1])[:5]


# ---- two alterations in turn, compared without looking for candidates


def both_ways(film, cases, rng) -> tuple | None:
    "(verdict on film and copy, on copy and film, whether it is a negative); None where the copy got very small."
    copy = film
    for case in cases:
        copy = case(copy, rng)
    if min(copy.shape) < 64:
        return None
    a, b = extract(film), extract(np.ascontiguousarray(copy))
    how = mirrored in cases, inverted in cases
    return match(a, b, *how), match(b, a, *how), how[1]


def kind(m) -> str:
    return m.kind if m else ""


def test_of_copies_altered_twice_as_many_are_found_whichever_image_comes_first(films):
    two = [
        both_ways(films[n % PATIENTS], cases, np.random.default_rng(n))
        for n, cases in enumerate(4 * list(permutations(CASES.values(), 2)))
    ]
    two = [t for t in two if t]
    assert len(two) > 300
    assert np.mean([kind(there) == "near" for there, _, _ in two]) >= 0.98
    assert np.mean([kind(there) == kind(back) for there, back, _ in two]) >= 0.97


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(0, PATIENTS - 1), st.permutations(list(CASES.values())), st.integers(0, 2**32 - 1)
)
def test_the_transforms_of_both_directions_undo_each_other(films, patient, cases, seed):
    made = both_ways(films[patient], cases[:2], np.random.default_rng(seed))
    assume(made and made[0] and made[1])
    there, back, negative = made
    middle = np.mgrid[64:192:32, 64:192:32].reshape(2, -1).T
    assert distance(square(back.matrix) @ square(there.matrix), middle, middle) < 0.02 * SIDE
    assert there.inverted == back.inverted == negative


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(0, PATIENTS - 1),
    st.integers(1, PATIENTS - 1),
    st.sampled_from(list(CASES.values())),
    st.integers(0, 2**32 - 1),
)
def test_a_copy_matches_no_other_patient_whichever_way_it_is_taken(
    films, patient, other, case, seed
):
    copy = extract(np.ascontiguousarray(case(films[patient], np.random.default_rng(seed))))
    film = extract(films[(patient + other) % PATIENTS])
    assert not any(match(*pair, *how) for pair in ((film, copy), (copy, film)) for how in VARIANTS)


# ---- the same answer however it is asked


@pytest.fixture(scope="module")
def some(films):
    "Prints of 30 films, and of a copy of each, of every case in turn."
    cases = list(CASES.values())
    altered = [cases[i % len(cases)](f, np.random.default_rng(i)) for i, f in enumerate(films[:30])]
    return [fingerprint_of(p) for p in (*films[:30], *altered)]


@pytest.fixture(scope="module")
def some_links(some, crew):
    links = find_links(some, crew)
    assert len(links) >= 29 and {k.kind for k in links} == {"near"}
    return links


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_images_changes_nothing(some, some_links, crew, seed):
    assert find_links(random.Random(seed).sample(some, len(some)), crew) == some_links


def test_the_number_of_workers_changes_nothing(some, some_links):
    with open_engine("local", 1) as one:
        assert find_links(some, one) == some_links


def test_the_engine_changes_nothing(some, some_links, ray_here):
    with open_engine("ray") as ray:
        assert find_links(some, ray) == some_links


def test_what_is_remembered_changes_nothing(some, some_links, crew, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path))
    with ScanCache() as memory:
        old = [p for i, p in enumerate(some) if i % 3]
        find_links(old, crew, memory)
        assert find_links(some, crew, memory) == some_links


def test_only_pairs_with_a_new_image_are_told_when_new_ones_are_named(some, some_links, crew):
    new = {p.pixel_sha256 for p in some[:10]}
    assert find_links(some, crew, fresh=new) == [k for k in some_links if k.a in new or k.b in new]


# ---- images that show nothing


def flat(gray: int, text: str = "", noise: int = 0, side: int = SIDE, seed: int = 0) -> np.ndarray:
    "One gray value; with lines of text, with noise of some gray levels."
    image = Image.new("L", (side, side), gray)
    if text:
        ImageDraw.Draw(image).multiline_text(
            (side * 0.05, side * 0.05), text, fill=255, font_size=side * 0.06
        )
    shake = np.random.default_rng(seed).integers(-noise, noise + 1, (side, side))
    return np.uint8(np.clip(np.asarray(image, dtype=int) + shake, 0, 255))


NAME = "ST. ELSEWHERE\nCHEST PA 12:30\nPORTABLE"
NOTHING = {
    "flat": [flat(g, side=s) for g in (0, 1, 128, 255) for s in (64, 200, 256)],
    "noise": [flat(g, noise=n, seed=n) for g in (0, 90, 255) for n in (1, 2, 4, 8)],
    "text": [flat(g, NAME, side=s) for g in (0, 60, 128) for s in (200, 256, 300)],
    "text and noise": [
        flat(g, NAME, n, seed=n + s) for g in (0, 60) for n in (1, 2, 4) for s in range(2)
    ],
    "JPEG": [
        jpeg_30(flat(g, t, noise=n, seed=n), None)
        for g in (0, 60)
        for t in ("", NAME)
        for n in (0, 2, 6)
    ],
}


@pytest.mark.parametrize("pictures", NOTHING.values(), ids=NOTHING.keys())
def test_an_image_that_shows_nothing_is_linked_to_none(pictures, films, crew):
    assert not find_links([fingerprint_of(p) for p in (*pictures, *films[:5])], crew)


def test_of_images_that_show_nothing_only_exact_copies_are_duplicates(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "in").mkdir()
    noisy = [
        p
        for p in (*NOTHING["noise"], *NOTHING["text and noise"], *NOTHING["JPEG"])
        if len(np.unique(p)) > 1
    ]
    for i, p in enumerate(noisy):  # an image of one gray value is refused before it comes so far
        Image.fromarray(p).save(tmp_path / "in" / f"{i}.png")
        if i % 5 == 0:
            Image.fromarray(p).save(tmp_path / "in" / f"{i}.bmp")
    df = find_duplicates(tmp_path / "in", workers=1)
    assert (
        len(noisy) > 20
        and len(df) == 2 * len(range(0, len(noisy), 5))
        and set(df[~df.kept].kind) == {"pixels"}
    )


@pytest.mark.parametrize(
    "text, noise", [("", 2), (NAME, 0), (NAME, 2)], ids=["noise", "same text", "text and noise"]
)
def test_thousands_of_black_images_give_no_more_candidates_each_than_a_few_dozen(text, noise):
    "What they cost grows with their number, not with its square."
    black = [extract(flat(0, text, noise, 96, seed)) for seed in range(3000 if noise else 1)]
    black = black if noise else 3000 * black
    assert len(find_candidates(black)) <= 40 * len(black)


# ---- frames that films of several patients lie in


def window(film) -> np.ndarray:
    "A viewer's window: the chest is a quarter of it, bars and buttons stand around."
    page = Image.new("L", (SIDE * 2, SIDE * 2), 40)
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, 2 * SIDE, 26), fill=180)
    pen.text((8, 4), "Viewer 3.1   File  Edit  Image  Measure  Help", fill=10, font_size=16)
    for n in range(12):
        pen.ellipse((8, 44 + 36 * n, 30, 66 + 36 * n), fill=60 + 37 * n % 170)
        pen.text((40, 44 + 36 * n), f"Tool {n}", fill=220, font_size=14)
        pen.text((420, 44 + 36 * n), f"W {200 + 31 * n} L {n}", fill=220, font_size=14)
    page.paste(Image.fromarray(film).resize((SIDE, SIDE)), (130, 150))
    return np.asarray(page)


def sheet(film) -> np.ndarray:
    "A page with lines of text above and below."
    page = Image.new("L", (2 * SIDE, 2 * SIDE + 150), 255)
    pen = ImageDraw.Draw(page)
    lines = [f"{n}: radiology report of the chest, line {n * 7919 % 97}" for n in range(30)]
    pen.multiline_text((40, 20), "\n".join(lines[:9]), fill=0, font_size=16)
    pen.multiline_text((40, 500), "\n".join(lines[9:16]), fill=0, font_size=16)
    page.paste(Image.fromarray(film).resize((300, 300)), (100, 190))
    return np.asarray(page)


def panel(film) -> np.ndarray:
    "A side panel of text that takes 45 % of the width."
    page = Image.new("L", (2 * SIDE, 2 * SIDE), 30)
    lines = [f"Series {n}: {n * 7919 % 997} images, {n * 31 % 60} s" for n in range(22)]
    ImageDraw.Draw(page).multiline_text((8, 8), "\n".join(lines), fill=230, font_size=16)
    page.paste(Image.fromarray(film).resize((282, 2 * SIDE)), (230, 0))
    return np.asarray(page)


FRAMES = (window, sheet, panel)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_that_films_share_is_no_evidence_and_copies_within_it_are_found(frame, films, crew):
    framed = [frame(film) for film in films[:24]]
    copies = []
    for n, picture in enumerate(framed):
        high, wide = picture.shape
        mended = (picture[:, ::-1], jpeg_30(picture, None), picture[4 : high - 9, 6 : wide - 3])
        small = np.asarray(Image.fromarray(picture).resize((wide // 2, high // 2)))
        copies.append((*mended, small)[n % 4])
    prints = [fingerprint_of(p) for p in (*framed, *copies)]
    whose = {p.pixel_sha256: n % 24 for n, p in enumerate(prints)}
    near = [k for k in find_links(prints, crew) if k.kind == "near"]
    assert not [(k.score, k.inliers) for k in near if whose[k.a] != whose[k.b]]
    assert len({whose[k.a] for k in near}) >= 22  # of 24; crops of fine print are missed


def test_of_two_patients_alone_in_one_frame_neither_is_the_other(films):
    for frame in FRAMES:
        for i in range(0, 24, 2):
            found = match(extract(frame(films[i])), extract(frame(films[i + 1])))
            assert kind(found) != "near"


def test_a_framed_film_is_found_by_its_bare_original(films):
    found = []
    for film in films[:20]:
        page = np.zeros((SIDE, SIDE), np.uint8)
        small = np.asarray(Image.fromarray(film).resize((165, 165), Image.Resampling.BILINEAR))
        page[60:225, 20:185] = small
        found.append(kind(match(extract(film), extract(page))))
    assert found.count("near") >= 19


def test_two_exposures_of_one_patient_are_no_copies(films):
    told = []
    for patient in range(24):
        pair = [extract(draw("normal", seed, SIDE, 500 + patient)) for seed in (1, 2)]
        told.append(kind(match(*pair)))
    assert "near" not in told


@pytest.mark.parametrize("frame", FRAMES)
def test_a_bare_film_is_found_by_what_shows_it_in_a_frame(frame, films, crew):
    bare = films[24:36]
    prints = [fingerprint_of(p) for p in (*bare, *[frame(film) for film in bare])]
    whose = {p.pixel_sha256: n % len(bare) for n, p in enumerate(prints)}
    near = [k for k in find_links(prints, crew) if k.kind == "near"]
    assert [whose[k.a] for k in near] == [whose[k.b] for k in near]
    assert {whose[k.a] for k in near} == set(range(len(bare)))


def test_faint_films_in_one_frame_of_which_nobody_is_named_stay_apart(films, crew):
    """Noise of their own, and little else, is all that tells them."""
    rng = np.random.default_rng(3)
    pictures = []
    for film in films[:6]:
        noise = rng.normal(60, 30, film.shape)
        faint = np.uint8((film / 8 + noise).clip(0, 255))
        page = Image.new("L", (2 * SIDE, 400), 0)
        lines = [f"menu item {n * 7 % 13} tool {n} value {n * 31 % 17}" for n in range(20)]
        pen = ImageDraw.Draw(page)
        pen.multiline_text((5, 2), "\n".join(lines), fill=255, font_size=14)
        page.paste(Image.fromarray(faint).resize((200, 200)), (270, 120))
        pictures.append(np.asarray(page))
    links = find_links([fingerprint_of(p) for p in pictures], crew)
    assert [(k.kind, k.score) for k in links] == []
