"""pytest tests/evaluation/test_unseen.py

Which images of another folder a bundle may be judged by, and as what.
"""

from pathlib import Path

import pytest

from cxr_fastai.core import Task, UsageError
from cxr_fastai.evaluation.unseen import Selection, label_as_bundle, select_rows
from cxr_fastai.manifest import COLUMNS, Manifest, Record
from cxr_fastai.recipes import load_recipe


def record(i, label, findings, source="s", patient=""):
    known = dict(
        path=f"{label}/{i}.png",
        label=label,
        findings=findings,
        source=source,
        patient=patient,
        split="test",
        pixel_sha256=f"{i:064x}"[::-1],
        group=f"g{i}",
    )
    return Record(**{**dict.fromkeys(COLUMNS, ""), **known})


def folder(recipe: str, *rows) -> tuple[Manifest, list[dict]]:
    m = Manifest("/nowhere", list(rows), load_recipe(recipe), "a" * 64)
    return m, m.part("test").to_dict("records")


class SeeingBundle:
    "Knows what training saw: images by path, patients by id; None: it does not tell."

    path = Path("toy/bundle")

    def __init__(self, recipe: str, saw=None, sha256="b" * 64):
        self.meta = dict(manifest_sha256=sha256, recipe=load_recipe(recipe).to_dict())
        self.seen = saw
        self.task = Task(self.meta["recipe"]["task"])
        self.vocab = load_recipe(recipe).vocab
        self.display = {}

    def saw(self, rows):
        if self.seen is None:
            return None
        return [row["path"] in self.seen or row["patient"] in self.seen for row in rows]


def select(bundle: SeeingBundle, data: Manifest, rows: list[dict]):
    chosen = select_rows(bundle, data, rows)
    return chosen.data, chosen.rows, chosen.notes


CHILDREN = [
    record(0, "normal", "no_finding"),
    record(1, "pneumonia", "bacterial_pneumonia"),
    record(2, "pneumonia", "viral_pneumonia"),
]
NIH = [
    record(0, "normal", "no_finding"),
    record(1, "abnormal", "effusion|mass"),
    record(2, "abnormal", "hernia"),
]


def test_rows_of_the_bundles_own_folder_are_as_they_are():
    data, rows = folder("pneumonia", *CHILDREN)
    bundle = SeeingBundle("pneumonia", sha256=data.sha256)
    assert select_rows(bundle, data, rows) == Selection(data, rows, [])


@pytest.mark.parametrize(
    "trained,curated,rows,labels",
    [
        ("kermany", "pneumonia", CHILDREN, ["normal", "bacterial_pneumonia", "viral_pneumonia"]),
        ("six_class", "pneumonia", CHILDREN, ["normal", "bacterial_pneumonia", "viral_pneumonia"]),
        ("pneumonia", "kermany", CHILDREN, ["normal", "pneumonia", "pneumonia"]),
        ("triage", "nih14", NIH, ["normal", "abnormal", "abnormal"]),
        ("six_class", "triage", NIH, ["normal", "other_findings", "other_findings"]),
    ],
)
def test_a_folder_of_another_recipe_is_labelled_by_its_findings(trained, curated, rows, labels):
    data, found, notes = select(SeeingBundle(trained), *folder(curated, *rows))
    assert [r["label"] for r in found] == labels and set(labels) <= set(data.vocab)
    assert (
        f"labelled here by the findings as the bundle's own recipe {trained} has it." in notes[-1]
    )
    assert data.recipe.name == f"{curated}, labelled as {trained}"


def test_findings_that_a_source_was_never_seen_to_state_are_unknown_and_its_others_absent():
    data, found, _ = select(SeeingBundle("nih14"), *folder("triage", *NIH))
    told = [data.recipe.targets(r["label"]) for r in found]
    stated = [data.vocab.index(c) for c in ("effusion", "hernia", "mass")]
    assert [[t[i] for i in stated] for t in told] == [[0, 0, 0], [1, 0, 1], [0, 1, 0]]
    edema = data.vocab.index("edema")
    assert [str(t[edema]) for t in told] == ["0.0", "nan", "nan"], "no finding is none at all"


def test_an_image_without_a_finding_of_the_bundles_keeps_a_label_that_the_bundle_knows():
    rows = [record(0, "pneumonia", "bacterial_pneumonia"), record(1, "other_findings", "mass")]
    _, found, notes = select(SeeingBundle("pneumoniamnist"), *folder("pneumonia", *rows))
    assert [r["label"] for r in found] == [
        "pneumonia"
    ] and "1 image has no class of it (other_findings 1)." in notes[-1]


def test_what_training_saw_is_left_out_and_told():
    _, found, notes = select(
        SeeingBundle("pneumonia", saw={"normal/0.png"}), *folder("pneumonia", *CHILDREN)
    )
    assert [r["path"] for r in found] == ["pneumonia/1.png", "pneumonia/2.png"]
    assert notes == [
        "1 of 3 images are left out: training saw them; of the 2 that are left, the patient of 2 is "
        "unknown."
    ]


@pytest.mark.parametrize(
    "saw,said",
    [
        (None, "whether its images were in training is not known"),
        ({"elsewhere.png"}, "The model saw none of these 3 images"),
    ],
)
def test_what_is_known_of_training_is_told(saw, said):
    assert said in select(SeeingBundle("pneumonia", saw=saw), *folder("pneumonia", *CHILDREN))[2][0]


def patients(*names):
    "Rows of children's images, under the ids of these patients; blank: unknown."
    return [record(i, "pneumonia", "viral_pneumonia", patient=name) for i, name in enumerate(names)]


@pytest.mark.parametrize(
    "names,says",
    [
        (
            ["s:1", "s:1", "s:2"],
            "The model saw none of these 3 images (exact pixels were compared), and no other image "
            "under their patient ids.",
        ),
        (
            ["s:1", "", ""],
            "The model saw none of these 3 images (exact pixels were compared), and no other image "
            "under the patient ids of the 1 that has one; the patient of 2 is unknown.",
        ),
        (
            ["s:1", "s:2", ""],
            "The model saw none of these 3 images (exact pixels were compared), and no other image "
            "under the patient ids of the 2 that have one; the patient of 1 is unknown.",
        ),
        (
            ["", "", ""],
            "The model saw none of these 3 images (exact pixels were compared); the patient of none "
            "is known: it may have seen other images of them.",
        ),
    ],
)
def test_other_images_of_a_patient_are_denied_of_known_patients_only(names, says):
    bundle = SeeingBundle("pneumonia", saw={"elsewhere.png"})
    assert select_rows(bundle, *folder("pneumonia", *patients(*names))).notes == [says]


@pytest.mark.parametrize(
    "names,saw,says",
    [
        (
            ["s:1", "s:1", "s:2"],
            {"s:1"},
            "2 of 3 images are left out: training saw them, or their patient.",
        ),
        (
            ["s:1", "", "s:2"],
            {"s:1"},
            "1 of 3 images are left out: training saw them, or their patient; of the 2 that are "
            "left, the patient of 1 is unknown.",
        ),
        (
            ["", "s:1", "s:2"],
            {"pneumonia/0.png"},
            "1 of 3 images are left out: training saw them.",
        ),
    ],
)
def test_why_images_are_left_out_is_said_of_those_images(names, saw, says):
    bundle = SeeingBundle("pneumonia", saw=saw)
    assert select_rows(bundle, *folder("pneumonia", *patients(*names))).notes == [says]


def test_labels_that_are_not_of_the_findings_are_counted():
    rows = [record(0, "pneumonia", "bacterial_pneumonia"), record(1, "other_findings", "mass")]
    notes = select_rows(SeeingBundle("pneumoniamnist"), *folder("pneumonia", *rows)).notes
    assert "; 1 without a class by their findings keep the label they had; 1 image" in notes[-1]


def test_where_nothing_is_left_it_says_why():
    everything = {r.path for r in CHILDREN}
    with pytest.raises(UsageError, match="none of 3 images is left .* training saw them"):
        select(SeeingBundle("pneumonia", saw=everything), *folder("pneumonia", *CHILDREN))


# ---- all splits: the outer test


def select_all(bundle, data, rows):
    chosen = select_rows(bundle, data, rows, "all")
    return [row["path"] for row in chosen.rows], chosen.notes


def test_of_all_splits_of_its_own_folder_those_of_training_are_left_out():
    data, rows = folder("pneumonia", *CHILDREN)
    rows[0]["split"], rows[1]["split"], rows[2]["split"] = "train", "valid", "test"
    paths, notes = select_all(SeeingBundle("pneumonia", sha256=data.sha256), data, rows)
    assert paths == [rows[2]["path"]]
    assert notes[0].startswith("2 of 3 images are left out: the model was trained on them")


def test_of_all_splits_of_another_folder_what_training_saw_is_left_out():
    bundle = SeeingBundle("pneumonia", saw={"normal/0.png"})
    paths, notes = select_all(bundle, *folder("pneumonia", *CHILDREN))
    assert paths == ["pneumonia/1.png", "pneumonia/2.png"]
    assert "1 of 3 images are left out: training saw them" in notes[0]


def test_classes_that_bundle_or_folder_lack_are_named():
    foreign = record(3, "tuberculosis", "tuberculosis")
    bundle = SeeingBundle("pneumonia")
    bundle.meta["recipe"] = {"name": "only a name"}  # so that nothing is labelled anew
    bundle.vocab, bundle.display = ["normal", "pneumonia", "other"], {"other": "Other"}
    paths, notes = select_all(bundle, *folder("six_class", *CHILDREN, foreign))
    assert paths == [row.path for row in CHILDREN]
    assert "1 image of classes that the model does not know is left out: tuberculosis 1." in notes
    assert notes[-1].startswith("No image here is of Other: ")


def test_rows_are_labelled_as_the_bundle_does_and_none_is_left_out():
    rows = [record(0, "pneumonia", "bacterial_pneumonia"), record(1, "other_findings", "mass")]
    data, own = folder("pneumonia", *rows)
    recipe, labelled = label_as_bundle(SeeingBundle("pneumoniamnist"), data, own)
    assert [row["label"] for row in labelled] == ["pneumonia", ""]
    assert recipe.name == "pneumoniamnist"
