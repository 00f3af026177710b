"""pytest tests/test_trainable.py"""

from collections import Counter

import pytest
import toy

from cxr_fastai.core import UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.trainable import FEW_GROUPS, check_classes
from cxr_fastai.training.data import build_dataloaders

SIZE = 32


def loaders(folder, **kwargs):
    return build_dataloaders(folder, size=SIZE, bs=8, device="cpu", **kwargs)


def drawn(dls) -> list[int]:
    return dls.train.get_idxs()


def labels(dls, idxs):
    return Counter(dls.train_ds.items[i][1] for i in idxs)


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
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "warning: no train image of covid_19: the model will never answer it"
    assert "covid_19" not in told[1]


@pytest.mark.parametrize("split, counts", [("train", (0, 2, 1)), ("valid", (4, 0, 1))])
def test_an_empty_split_is_refused(tmp_path, split, counts):
    folder = toy.curated(tmp_path / "data", dict.fromkeys(toy.CLASSES, counts))
    with pytest.raises(UsageError, match=f"0 {split} images"):
        check_classes(read_manifest(folder), allow_missing=True)


def test_a_finding_without_a_train_image_is_told(tmp_path):
    toy.curated_findings(tmp_path, {**toy.FINDINGS_COUNTS, "mass|hernia|?effusion": (0, 2, 2)})
    with pytest.raises(
        UsageError, match="no train image of hernia .train: effusion 10, mass 10, hernia 0."
    ):
        check_classes(read_manifest(tmp_path))
    told = check_classes(read_manifest(tmp_path), True)[0]
    assert told.kind == "class_untrained"
    assert told.says == "no train image of hernia: the model will never answer it"


def test_a_class_of_few_groups_in_validation_is_told_with_its_number(tmp_path):
    counts = {"normal": (6, 5, 0), "tuberculosis": (6, 4, 0), "covid_19": (6, 1, 0)}
    (told,) = check_classes(read_manifest(toy.curated(tmp_path, counts)))
    assert told.kind == FEW_GROUPS and told.numbers == {"tuberculosis": 4, "covid_19": 1}
    assert "tuberculosis 4, covid_19 1" in told.says and "--folds" in told.do
    assert str(tmp_path) not in f"{told.says} {told.do}", "a bundle carries it to others"


def test_enough_groups_of_each_class_are_no_warning(tmp_path):
    assert not check_classes(
        read_manifest(toy.curated(tmp_path, dict.fromkeys(toy.CLASSES, (6, 5, 0))))
    )
