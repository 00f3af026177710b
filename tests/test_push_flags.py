"""pytest tests/test_push_flags.py"""

from cxr_fastai.cli import HOME_OF
from cxr_fastai.flags import parser


def parsed(*args):
    return parser(dict.fromkeys(HOME_OF, print)).parse_args(["push", *args])


def test_nothing_is_sent_and_nothing_is_public_unless_it_is_asked():
    args = parsed("run", "ann/toy")
    assert (args.path, args.repo) == ("run", "ann/toy")
    assert not any((args.yes, args.public, args.trained_on, args.licence, args.manifest, args.json))


def test_each_flag_is_taken():
    args = parsed(
        "run", "a/b", "--yes", "--public", "--licence", "mit", "--trained-on", "--manifest", "x.csv"
    )
    assert args.yes and args.public and args.trained_on
    assert (args.licence, args.manifest) == ("mit", "x.csv")
