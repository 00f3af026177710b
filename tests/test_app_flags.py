"""pytest tests/test_app_flags.py"""

import pytest

from cxr_fastai.app.limits import Limits
from cxr_fastai.app_flags import APP_LIMITS
from cxr_fastai.cli import HOME_OF
from cxr_fastai.flags import parser


def parsed(*args):
    return parser(dict.fromkeys(HOME_OF, print)).parse_args(["app", *args])


def test_it_serves_this_machine_alone_with_the_gate_unless_it_is_asked():
    args = parsed("run")
    assert (args.bundle, args.host, args.port, args.gate) == ("run", "127.0.0.1", 8000, True)
    assert not any((args.open, args.token_file, args.name, args.films, args.right))


def test_the_limits_that_help_names_are_those_of_the_server():
    args = parsed("run")
    limits = Limits()
    for flag, (default, _) in APP_LIMITS.items():
        name = flag.removeprefix("--").replace("-", "_")
        assert getattr(args, name) == default == getattr(limits, name)


def test_names_are_joined():
    assert parsed("run", "--name", "a.org", "--name", "b.org").name == "a.org,b.org"


@pytest.mark.parametrize("flag", sorted(APP_LIMITS))
def test_a_limit_is_a_whole_number(flag, capsys):
    with pytest.raises(SystemExit):
        parsed("run", flag, "few")
    assert flag in capsys.readouterr().err
