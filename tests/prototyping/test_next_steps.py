"""pytest tests/prototyping/test_next_steps.py"""

import shlex
from pathlib import Path

import pytest
import toy_prototypes as toys

from cxr_fastai.cli import HOME_OF
from cxr_fastai.core import FolderWarning
from cxr_fastai.flags import parser
from cxr_fastai.prototyping.next_steps import Known, curate_command, next_steps, train_command

BORDER = FolderWarning("probe", "says", title="Border of the film")


def known(**cells):
    base = dict(
        request=toys.request(),
        out=Path("my out"),
        plan=toys.plan(arch="resnet18"),
        images=400,
        patients=400,
        conflicts=0,
        shortcuts=(),
        test_images=40,
        sure=True,
        cut_short=False,
    )
    return Known(**{**base, **cells})


def whys(**cells):
    return [step.why for step in next_steps(known(**cells))]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            dict(images=299, patients=299),
            "299 images are few: a test split of 40 says little. Score over 5",
        ),
        (dict(shortcuts=(BORDER,)), "1 thing that may not be the disease tells the classes"),
        (dict(shortcuts=(BORDER, BORDER)), "2 things that may not be the disease tell the classes"),
        (dict(patients=399), "The patient of 1 image is not known"),
        (dict(patients=0, request=toys.request(table="/t.csv")), "--patient COL"),
        (dict(patients=0), "--patient REGEX"),
        (dict(conflicts=2), "2 radiographs stayed out because their copies carry"),
        (dict(conflicts=1), "1 radiograph stayed out because its copies carry"),
        (dict(cut_short=True), "before its epochs were over: 15 minutes give it time"),
        (dict(plan=toys.plan(arch="cnn")), "No ResNet18 learns enough on this machine"),
        (dict(sure=False), "40 test images show nothing for sure. Score over 5 folds"),
    ],
)
def test_a_step_is_advised_where_its_number_asks_for_it(cells, words):
    assert any(words in why for why in whys(**cells))
    assert not any(words in why for why in whys())


def test_folds_come_first_where_images_are_few():
    first = next_steps(known(images=200, shortcuts=(BORDER,)))[0]
    curate, train = first.commands
    assert "--folds 5" in curate and train.endswith("--folds") and "--beside" not in train


def test_imagenet_is_advised_only_where_the_network_began_at_random():
    assert any("began at random" in why for why in whys())
    assert not any("began at random" in why for why in whys(plan=toys.plan(weights="imagenet")))


def test_every_command_is_one_that_cxr_understands():
    everything = known(
        images=200,
        patients=0,
        conflicts=1,
        shortcuts=(BORDER,),
        cut_short=True,
        request=toys.request(seed=3, same=("A=B",), take_as=(("x", "normal"),)),
    )
    p = parser(dict.fromkeys(HOME_OF, lambda args: 0))
    commands = [command for step in next_steps(everything) for command in step.commands]
    verbs = set()
    for command in commands:
        name, *argv = shlex.split(command)
        args = p.parse_args(argv)
        verbs.add(args.verb)
        assert name == "cxr"
    assert verbs == {"curate", "train", "eda", "prototype", "predict", "evaluate"}
    (longer,) = [c for c in commands if c.startswith("cxr prototype")]
    args = p.parse_args(shlex.split(longer)[1:])
    assert (args.folder, args.minutes, args.seed) == ("/films of mine", 15, 3)
    assert args.same == ["A=B"] and args.take_as == [("x", "normal")]


def test_the_command_repeats_every_setting():
    command = train_command(toys.plan().settings, Path("d"), Path("o"), 7, epochs=9)
    assert command == (
        "cxr train d --out o --arch cnn --weights none --size 32 --bs 8 --epochs 9 --lr 0.003 "
        "--ema 0 --seed 7 --beside none"
    )
    assert curate_command(toys.request(), Path("d")) == (
        "cxr curate --folder '/films of mine' --out d"
    )
