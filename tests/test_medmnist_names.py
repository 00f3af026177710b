"""pytest tests/test_medmnist_names.py

Names of drawn Kermany films find the images that MedMNIST would have made of them, though the
films were squashed to a square; and no patient stands on both sides of the hold-out.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.core import SourceUnavailable
from cxr_fastai.manifest import read_manifest

FOLDER = Path("kaggle/paultimothymooney/chest-xray-pneumonia/chest_xray/train")
NORMALS = [
    f"{series}-0{number}-0001" for series in ("IM", "NORMAL2-IM") for number in range(115, 125)
]
ILL = [
    f"person{number}_{kind}_{number + 7}"
    for kind in ("bacteria", "virus")
    for number in range(1, 13)
]


@pytest.fixture
def names(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import medmnist_names

    return medmnist_names


WIDE = ("IM-0117-0001", "IM-0121-0001", "NORMAL2-IM-0118-0001")


def _drawn(rng, stem):
    "Blots that no other film has, wider than tall."
    width = 200 if stem in WIDE else int(rng.integers(130, 170))
    coarse = rng.integers(0, 255, (9, 12), np.uint8)
    return Image.fromarray(coarse).resize((width, 120), Image.Resampling.BICUBIC)


def _as_medmnist(film):
    "The middle square, shrunk."
    left = (film.width - film.height) / 2
    box = (left, 0, left + film.height, film.height)
    return np.asarray(film.resize((28, 28), Image.Resampling.BICUBIC, box=box))


@pytest.fixture
def mirror(tmp_path):
    "Films squashed to 96 px, and the npz of their originals in another order; also the truth."
    rng = np.random.default_rng(0)
    root = tmp_path / "mirror"
    images, truth = [], []
    for folder, stems in (("NORMAL", NORMALS), ("PNEUMONIA", ILL)):
        (root / FOLDER / folder).mkdir(parents=True)
        for stem in stems:
            film = _drawn(rng, stem)
            film.resize((96, 96)).save(root / FOLDER / folder / f"{stem}.jpeg", quality=95)
            images.append(_as_medmnist(film))
            truth.append((f"{stem}.jpeg", int(folder == "PNEUMONIA")))
    order = rng.permutation(len(images))
    films = np.stack(images)[order]
    labels = np.array([truth[i][1] for i in order], np.uint8)[:, None]
    file = root / "http" / "medmnist" / "pneumoniamnist.npz"
    file.parent.mkdir(parents=True)
    valid = np.arange(len(films)) % 5 == 0
    np.savez(
        file,
        train_images=films[~valid],
        train_labels=labels[~valid],
        val_images=films[valid],
        val_labels=labels[valid],
    )
    return root, films, [truth[i][0] for i in order]


def test_every_image_finds_its_film(names, mirror):
    root, films, truth = mirror
    found = names.named(films, names.film_files(root))
    assert [one.name for one in found] == truth
    assert all(one.is_sure for one in found)


def test_a_stranger_is_not_sure(names, mirror):
    root, films, _ = mirror
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (3, 28, 28), np.uint8)
    assert not any(one.is_sure for one in names.named(noise, names.film_files(root)))


@pytest.mark.parametrize("hold", ["NORMAL2-IM", "IM", "low", "wide"])
def test_held_out_are_whole_patients_of_the_series(names, mirror, tmp_path, hold, capsys):
    root, _, _ = mirror
    out = tmp_path / "out"
    assert names.main([str(root), "--out", str(out), "--hold", hold, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["images"] == found["sure"] == len(NORMALS) + len(ILL)
    rows = read_manifest(out / "held").rows
    sides = {}
    for row in rows:
        sides.setdefault(row.group, set()).add(row.split)
    assert all(len(splits) == 1 for splits in sides.values())
    held = {row.group for row in rows if row.split == "test" and row.label == "normal"}
    if hold == "low":
        assert held == {"IM-115", "NORMAL2-IM-115"}
    elif hold == "wide":
        assert held == {"IM-117", "IM-121", "NORMAL2-IM-118"}
    else:
        assert held == {f"{hold}-{number}" for number in range(115, 125)}
    assert found["test"]["pneumonia"] == 2, "a tenth of the patients of either kind"


def test_a_mirror_without_films_is_refused_in_a_line(names, tmp_path, capsys):
    assert names.main([str(tmp_path), "--out", str(tmp_path / "out")]) == 3
    assert capsys.readouterr().err.startswith("error: ")


def test_a_name_that_is_none_is_no_guess(names):
    with pytest.raises(SourceUnavailable):
        names.Named("film7.jpeg", 1.0, 1.0, 1.0).series
