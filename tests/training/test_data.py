"""pytest tests/training/test_data.py"""

import pickle
import tracemalloc

import matplotlib
import numpy as np
import pytest
import torch
import toy
from fastai.vision.core import TensorImageBW
from fasttransform import Pipeline

from cxr_fastai import images
from cxr_fastai.bundle import inputs
from cxr_fastai.core import NotCurated, Task, UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.training.data import MEAN, STD, Pixels, ReadRadiograph, build_dataloaders
from cxr_fastai.training.pixel_cache import pixel_cache

SIZE = 32


def loaders(folder, **kwargs):
    return build_dataloaders(folder, size=SIZE, bs=8, device="cpu", **kwargs)


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
    wanted = np.stack([inputs.prepare(images.decode(path), meta) for path, _ in dls.valid_ds.items])
    assert x.shape == (7, 1, SIZE, SIZE) and x.dtype == torch.float32
    assert torch.equal(torch.Tensor(x), torch.tensor(wanted))
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
    pixels = Pixels(
        all=mapped,
        rows=np.arange(400),
        labels=torch.zeros(400, dtype=torch.long),
        device=torch.device("cpu"),
    )
    tracemalloc.start()
    pixels.batch(list(range(0, 400, 4)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 100 * 128 * 128 <= peak < 2 * 100 * 128 * 128


def test_a_batch_can_be_shown(folder):
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


def test_a_network_made_for_colour_gets_the_gray_channel_three_times(folder):
    gray, colour = (loaders(folder, augment="none", channels=n) for n in (1, 3))
    x, three = gray.valid.one_batch()[0], colour.valid.one_batch()[0]
    assert three.shape[1] == 3
    for channel in range(3):
        assert torch.equal(torch.Tensor(three[:, channel]), torch.Tensor(x[:, 0]))
    shown = colour.valid.decode(colour.valid.one_batch())[0]
    assert torch.equal(
        torch.Tensor(shown), torch.Tensor(gray.valid.decode(gray.valid.one_batch())[0])
    )


def test_two_channels_are_refused(folder):
    with pytest.raises(UsageError, match="channels = 2: expected 1, or 3"):
        loaders(folder, channels=2)


def test_labels_are_in_the_recipes_order_also_where_valid_lacks_a_class(tmp_path, capsys):
    counts = {"tuberculosis": (4, 2, 0), "normal": (4, 2, 0), "covid_19": (4, 0, 0)}
    dls = loaders(toy.curated(tmp_path / "data", counts))
    assert list(dls.vocab) == list(toy.CLASSES)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == (
        "warning: no valid image of covid_19: the choice of the best epoch does not look at it"
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


@pytest.mark.parametrize("n, bs, last", [(9, 8, 8), (10, 8, 2), (8, 8, 8), (3, 8, 3)])
def test_no_train_batch_holds_a_single_image(tmp_path, n, bs, last):
    folder = toy.curated(
        tmp_path / "data",
        {"covid_19": (n - 2, 1, 0), "normal": (1, 1, 0), "tuberculosis": (1, 1, 0)},
    )
    assert [len(y) for _, y in build_dataloaders(folder, size=SIZE, bs=bs, device="cpu").train][
        -1
    ] == last


def test_smaller_sides_lie_ready_and_one_is_used_when_told(folder):
    train = loaders(folder, resize=[16, 24]).train
    assert list(train.pixels_by_side) == [16, 24, 32] and train.one_batch()[0].shape[-1] == 32
    train.use_side(16)
    assert train.one_batch()[0].shape[-1] == 16


def test_only_the_loader_that_draws_weighs_classes(folder):
    dls = loaders(folder, sampling="none")
    assert dls.valid.loss_weights(3) is None
    assert dls.train.loss_weights(3)[0].tolist() == pytest.approx([22 / 18, 22 / 12, 22 / 36])
    assert loaders(folder).train.loss_weights(3)[0].tolist() == pytest.approx([1, 1, 1])


# ---- findings


def test_a_batch_has_1_0_and_nan_a_class(findings_folder):
    dls = build_dataloaders(findings_folder, size=32, bs=8, sampling="none", device="cpu")
    manifest = read_manifest(findings_folder)
    x, y = dls.valid.one_batch()
    expected = [manifest.recipe.targets(r.label) for r in manifest.rows if r.split == "valid"][:8]
    np.testing.assert_array_equal(y.numpy(), np.array(expected, np.float32))
    assert np.isnan(expected).any() and x.shape == (8, 1, 32, 32)


def test_a_batch_of_findings_can_be_shown(findings_folder):
    assert (
        build_dataloaders(findings_folder, 32, device="cpu").train.pixels.task is Task.MULTI_LABEL
    )
    dls = build_dataloaders(findings_folder, size=32, bs=8, sampling="none", device="cpu")
    dls.show_batch(max_n=4)
    item = dls.valid_ds[0]
    assert list(dls.valid_ds.decode(item)[1]) == [c for c, t in zip(dls.vocab, item[1]) if t == 1]


# ---- what is refused


def test_a_folder_that_is_not_curated_is_refused(tmp_path):
    with pytest.raises(NotCurated, match="cxr curate"):
        build_dataloaders(tmp_path)
