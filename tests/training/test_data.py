"""pytest tests/training/test_data.py"""

import pickle
import random
import subprocess
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pytest
import torch
import toy
from fastai.vision.core import TensorImageBW
from fasttransform import Pipeline

from cxr_fastai import images
from cxr_fastai.bundle import inputs as bundle
from cxr_fastai.core import IntegrityError, NotCurated, UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.training.data import (
    MEAN,
    STD,
    Draws,
    Pixels,
    ReadRadiograph,
    build_dataloaders,
    check_classes,
)
from cxr_fastai.training.pixel_cache import pixel_cache

SIZE = 32


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return toy.curated(tmp_path / "data")


def loaders(folder, **kwargs):
    return build_dataloaders(folder, size=SIZE, bs=8, device="cpu", **kwargs)


def drawn(dls) -> list[int]:
    return dls.train.get_idxs()


def labels(dls, idxs):
    return Counter(dls.train_ds.items[i][1] for i in idxs)


# ---- pixels


def test_the_cache_holds_what_the_decoder_gives_row_by_row(folder):
    manifest = read_manifest(folder)
    rows, pixels = pixel_cache(manifest, SIZE)
    assert pixels.shape == (len(manifest.rows), SIZE, SIZE) and pixels.dtype == np.uint8
    for path, row in rows.items():
        assert (pixels[row] == images.resize(images.decode(path), SIZE)).all()


def test_the_cache_is_read_not_made_again(folder, monkeypatch):
    _, first = pixel_cache(read_manifest(folder), SIZE)
    monkeypatch.setattr(images, "decode", None)
    _, again = pixel_cache(read_manifest(folder), SIZE)
    assert (first == again).all()


def test_another_size_or_decoder_makes_another_cache(folder, tmp_path, monkeypatch):
    pixel_cache(read_manifest(folder), SIZE)
    pixel_cache(read_manifest(folder), 40)
    monkeypatch.setattr(images, "DECODER_VERSION", images.DECODER_VERSION + 1)
    pixel_cache(read_manifest(folder), SIZE)
    assert len([*(tmp_path / "cache" / "pixels").glob("*.npy")]) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:200],
        lambda b: b"",
        lambda b: b"\0" * len(b),
        lambda b: b.replace(b"32, 32", b"16, 64"),
        lambda b: b[:5000] + bytes([b[5000] ^ 1]) + b[5001:],
        lambda b: b[:-4],
    ],
)
def test_a_damaged_cache_is_made_again(folder, tmp_path, damage):
    _, first = pixel_cache(read_manifest(folder), SIZE)
    file = next((tmp_path / "cache" / "pixels").glob("*.npy"))
    first = np.array(first)
    file.write_bytes(damage(file.read_bytes()))
    _, again = pixel_cache(read_manifest(folder), SIZE)
    assert (first == again).all()


def test_processes_that_come_together_decode_once(folder, tmp_path):
    code = (
        "import sys; from cxr_fastai.manifest import read_manifest; from cxr_fastai.progress import bar; "
        "from cxr_fastai.training.cache import pixel_cache; "
        f"print(pixel_cache(read_manifest({str(folder)!r}), 200, progress=bar)[1].sum())"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    told = [p.communicate() for p in both]
    assert (
        len({out for out, _ in told}) == 1
        and sum("decoding 32 images" in err for _, err in told) == 1
    )


def test_what_a_killed_process_left_of_a_cache_goes(folder, tmp_path):
    pixel_cache(read_manifest(folder), SIZE)
    file = next((tmp_path / "cache" / "pixels").glob("*.npy"))
    left = file.with_name(f".{file.name[:80]}.99999.part")
    file.rename(left)
    pixel_cache(read_manifest(folder), SIZE)
    assert file.exists() and not left.exists()


def test_a_cache_that_cannot_be_kept_stays_in_memory(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "file"))
    _, pixels = pixel_cache(read_manifest(folder), SIZE)
    assert len(pixels) == len(read_manifest(folder).rows)
    assert "CXR_CACHE" in capsys.readouterr().err


def test_a_file_that_became_unreadable_is_named(folder, tmp_path):
    (folder / "normal" / "normal-train-03.png").write_bytes(b"no picture")
    with pytest.raises(IntegrityError, match="normal-train-03.png.*curate the folder again"):
        pixel_cache(read_manifest(folder), SIZE)
    assert not [p for p in (tmp_path / "cache" / "pixels").iterdir() if p.suffix != ".lock"], (
        "a part of a cache was left"
    )


def test_a_pickled_reader_carries_no_cache_and_reads_the_file(folder):
    rows, pixels = pixel_cache(read_manifest(folder), SIZE)
    read, path = ReadRadiograph(SIZE, rows, pixels), next(iter(rows))
    thin = pickle.loads(pickle.dumps(read))
    assert thin.pixels is None and not thin.rows
    assert (thin(path) == read(path)).all()


# ---- batches


@pytest.mark.parametrize("crop", [0.0, 0.15])
def test_validation_batches_are_the_bundles_own_input(folder, crop):
    dls = loaders(folder, crop=crop)
    x, y = dls.valid.one_batch()
    meta = dict(size=SIZE, crop=crop, mean=MEAN, std=STD, in_channels=1)
    wanted = torch.stack(
        [bundle.prepare(images.decode(path), meta) for path, _ in dls.valid_ds.items]
    )
    assert x.shape == (7, 1, SIZE, SIZE) and x.dtype == torch.float32
    assert torch.equal(torch.Tensor(x), wanted)
    assert [dls.vocab[i] for i in y] == [label for _, label in dls.valid_ds.items]


def test_a_batch_is_gathered_as_it_is_read_item_by_item(folder):
    dls = loaders(folder)
    idxs = [3, 0, 21, 3]
    x, y = dls.train.pixels.batch(idxs)
    items = [dls.train_ds[i] for i in idxs]
    assert torch.equal(torch.Tensor(x), torch.stack([torch.Tensor(a) for a, _ in items]).float())
    assert y.tolist() == [int(b) for _, b in items]


def test_gathering_takes_less_than_twice_the_batch(tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "p.npy", "w+", np.uint8, (400, 128, 128))
    pixels = Pixels(mapped, np.arange(400), torch.zeros(400, dtype=torch.long), torch.device("cpu"))
    tracemalloc.start()
    pixels.batch(list(range(0, 400, 4)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 100 * 128 * 128 <= peak < 2 * 100 * 128 * 128


def test_a_batch_can_be_shown(folder):
    import matplotlib

    matplotlib.use("agg")
    dls = loaders(folder)
    dls.show_batch(max_n=4)
    axes = [ax for ax in matplotlib.pyplot.gcf().axes if ax.images]
    titles, (shown, *_) = {ax.get_title() for ax in axes}, axes[0].images
    assert len(axes) == 4 and shown.get_cmap().name == "gray" and shown.get_clim() == (0, 255), (
        "shown as a negative"
    )
    assert titles and titles <= set(toy.CLASSES)


def test_other_images_than_the_folders_are_read_from_their_files(folder):
    dls = loaders(folder)
    paths = [p for p, _ in dls.valid_ds.items]
    (x,) = dls.test_dl(paths).one_batch()
    assert torch.equal(torch.Tensor(x), torch.Tensor(dls.valid.one_batch()[0]))


def test_labels_are_in_the_recipes_order_also_where_valid_lacks_a_class(tmp_path, capsys):
    counts = {"tuberculosis": (4, 2, 0), "normal": (4, 2, 0), "covid_19": (4, 0, 0)}
    dls = loaders(toy.curated(tmp_path / "data", counts))
    assert list(dls.vocab) == list(toy.CLASSES)
    said = capsys.readouterr().err
    assert (
        said
        == "warning: no valid image of covid_19: the choice of the best epoch does not look at it\n"
    )


def test_no_image_is_ever_mirrored(folder):
    gray = torch.full((64, 1, SIZE, SIZE), 60, dtype=torch.uint8)
    gray[..., : SIZE // 2, : SIZE // 2] = (
        200  # one bright quarter: neither mirror image looks like it
    )
    upright = gray[0].float()
    likeness = lambda a, b: torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]
    augment = Pipeline(loaders(folder).train.after_batch.fs, split_idx=0)
    for _ in range(8):
        moved = torch.Tensor(augment(TensorImageBW(gray.clone())))
        assert moved.std(0).max() > 0.05, "nothing was augmented"
        for one in moved:
            assert likeness(one, upright) > max(likeness(one, upright.flip(d)) for d in (-1, -2))


def test_train_images_are_augmented_and_stay_gray_images(folder):
    x, _ = loaders(folder).train.one_batch()
    back = torch.Tensor(x) * STD + MEAN
    assert x.shape == (8, 1, SIZE, SIZE) and back.min() >= 0 and back.max() <= 1


# ---- which images, in which order


def test_oversampling_draws_each_class_as_often_as_the_others(folder):
    dls = loaders(folder)
    epochs = [drawn(dls) for _ in range(3)]
    assert {len(e) for e in epochs} == {len(dls.train_ds)} == {22}
    for e in epochs:
        assert set(labels(dls, e).values()) <= {7, 8}
    assert set(labels(dls, sum(epochs, [])).values()) == {22}


def test_undersampling_draws_as_many_of_each_class_as_the_rarest_has_and_others_each_epoch(folder):
    dls = loaders(folder, sampling="undersample")
    first, second = drawn(dls), drawn(dls)
    assert set(labels(dls, first).values()) == {4} and len(set(first)) == len(first) == 12
    assert len(dls.train) == 2 and set(first) != set(second)


def test_oversampling_leaves_validation_as_it_is(folder):
    dls = loaders(folder)
    assert list(dls.valid.get_idxs()) == list(range(7))
    assert Counter(label for _, label in dls.valid_ds.items) == {
        "covid_19": 2,
        "normal": 3,
        "tuberculosis": 2,
    }


def test_without_oversampling_every_image_comes_once(folder):
    dls = loaders(folder, sampling="none")
    assert sorted(drawn(dls)) == list(range(22))
    assert drawn(dls) != drawn(dls)


@pytest.mark.parametrize("sampling", ["oversample", "none"])
def test_the_seed_alone_makes_the_order(folder, sampling):
    first = loaders(folder, sampling=sampling, seed=5)
    a = [drawn(first), drawn(first)]
    random.seed(99), np.random.seed(99), torch.manual_seed(99)
    again = loaders(folder, sampling=sampling, seed=5)
    assert a == [drawn(again), drawn(again)]
    assert a[0] != a[1] and a[0] != drawn(loaders(folder, sampling=sampling, seed=6))
    again.train.epoch = 1
    assert drawn(again) == a[1], "an epoch's order follows from its number"


def test_drawing_leaves_numpys_global_generator_alone(folder):
    dls = loaders(folder)
    before = np.random.get_state()[1].tolist()
    drawn(dls)
    assert np.random.get_state()[1].tolist() == before


def test_no_image_comes_twice_before_all_of_its_class_came():
    groups = [[0, 1, 2], [*range(3, 10)], [*range(10, 50)]]
    draws = Draws(groups, 50, seed=1)
    stream = [i for e in range(20) for i in sorted(draws.epoch(e))]
    for group in groups:
        times = Counter(i for i in stream if i in group)
        assert len(times) == len(group) and max(times.values()) - min(times.values()) <= 1


def test_an_unknown_sampling_is_refused(folder):
    with pytest.raises(UsageError, match="'weighted'.*oversample, undersample, none"):
        loaders(folder, sampling="weighted")


@pytest.mark.parametrize("n, bs, last", [(9, 8, 8), (10, 8, 2), (8, 8, 8), (3, 8, 3)])
def test_no_train_batch_holds_a_single_image(tmp_path, n, bs, last):
    folder = toy.curated(
        tmp_path / "data",
        {"covid_19": (n - 2, 1, 0), "normal": (1, 1, 0), "tuberculosis": (1, 1, 0)},
    )
    assert [len(y) for _, y in build_dataloaders(folder, size=SIZE, bs=bs, device="cpu").train][
        -1
    ] == last


def test_loaders_for_prediction_do_not_draw(folder):
    dls = loaders(folder)
    assert list(dls.train.new(shuffle=False).get_idxs()) == list(range(22))


# ---- what is refused


def test_a_class_without_train_images_is_refused_with_counts_and_remedy(tmp_path):
    folder = toy.curated(
        tmp_path / "data", {"covid_19": (0, 1, 0), "normal": (5, 2, 0), "tuberculosis": (4, 2, 0)}
    )
    with pytest.raises(UsageError) as e:
        loaders(folder)
    assert "no train image of covid_19" in str(
        e.value
    ) and "tuberculosis 4, covid_19 0, normal 5" in str(e.value)
    assert "--allow-missing-classes" in str(e.value) and "\n" not in str(e.value)


def test_a_missing_class_can_be_accepted(tmp_path, capsys):
    folder = toy.curated(tmp_path / "data", {"normal": (5, 2, 0), "tuberculosis": (4, 2, 0)})
    dls = loaders(folder, allow_missing_classes=True)
    assert len(dls.vocab) == 3 and set(labels(dls, drawn(dls))) == {"normal", "tuberculosis"}
    assert (
        capsys.readouterr().err
        == "warning: no train image of covid_19: the model will never answer it\n"
    )


@pytest.mark.parametrize("split, counts", [("train", (0, 2, 1)), ("valid", (4, 0, 1))])
def test_an_empty_split_is_refused(tmp_path, split, counts):
    folder = toy.curated(tmp_path / "data", dict.fromkeys(toy.CLASSES, counts))
    with pytest.raises(UsageError, match=f"0 {split} images"):
        check_classes(read_manifest(folder), allow_missing=True)


def test_a_folder_that_is_not_curated_is_refused(tmp_path):
    with pytest.raises(NotCurated, match="cxr curate"):
        build_dataloaders(tmp_path)
