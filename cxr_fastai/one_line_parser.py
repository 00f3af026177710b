"""An argparse parser whose errors are one line, with what was meant, and that drops no word.

Words of a command line -> what argparse makes of them, or one line on stderr and exit code 2. A
list that is given in parts is joined; a single value that is given twice is refused, where argparse
takes the last in silence. Which verbs and flags there are stands in flags.py.
"""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from cxr_fastai.core import one_line, printable

__all__ = [
    "FolderGivenBare",
    "GivenOnce",
    "Joined",
    "NamedOnce",
    "OneLineParser",
    "SwitchGivenOnce",
]

# how many of an argument there are -> how it is written
POSITIONAL = {"+": "{}..", "?": "[{}]", "*": "[{}..]"}
NEAR = 0.7  # least difflib ratio of what was meant: 0.6, its default, takes paint for train


class OneLineParser(argparse.ArgumentParser):
    """A parser that ends with one line: what is wrong, and how the verb is given."""

    def __init__(self, *args: Any, **how: Any):
        super().__init__(*args, **how)
        self.register("action", None, GivenOnce)  # of a flag that names no action
        self.register("action", "store", GivenOnce)
        self.given: dict[str, str] = {}  # what a flag is for -> how it was given

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read a command line, of which no flag was given yet."""
        self.given = {}
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and what the verb needs; end with exit code 2."""
        stop = "" if message.endswith("?") else "."
        self.end(f"{message}{stop} It is: {self._needs()}; {self.prog} -h tells all")

    def end(self, message: str) -> NoReturn:
        """Print one line; end with exit code 2."""
        self.exit(2, f"{self.prog}: {printable(one_line(message))}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is no choice, and say what was meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as e:
            e.message += _meant(action, str(value))
            raise

    def _needs(self) -> str:
        """Return the verb with what it cannot do without."""
        words = [self.prog]
        for action in self._actions:
            if action.help == argparse.SUPPRESS:
                continue
            name = str(action.metavar or action.dest)
            if not action.option_strings:
                words.append(POSITIONAL.get(str(action.nargs), "{}").format(name))
            elif action.required:
                words.append(f"{action.option_strings[0]} {name}")
        return " ".join([*words, "[FLAGS]"])

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read a command line; what nobody asked for is told by the verb it was given to."""
        found, surplus = self.parse_known_args(args, namespace)
        if surplus:
            self._verb(found).refuse(surplus)
        return found

    def _verb(self, found: argparse.Namespace) -> OneLineParser:
        """Return the parser of the verb that was read; else this one."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                verb: OneLineParser = action.choices.get(found.verb, self)
                return verb
        return self

    def refuse(
        self,
        surplus: Sequence[str],  # words that are no flag and no argument of the verb
    ) -> NoReturn:
        """Say which words were not understood, and the nearest flag."""
        first = surplus[0]
        if not first.startswith("-") and any(isinstance(a, FolderGivenBare) for a in self._actions):
            self.end(_bare_folder(surplus))
        known = [flag for action in self._actions for flag in action.option_strings]
        near = difflib.get_close_matches(first.split("=")[0], known, n=1)
        meant = f". Did you mean {near[0]}?" if near else ""
        self.end(f"not understood: {shlex.join(surplus)}{meant or f'; {self.prog} -h tells all'}")


def _meant(
    action: argparse.Action,
    value: str,  # none of its choices
) -> str:
    """Say which choice is near; of a folder or csv that was given as a verb, the verb it needs."""
    choices = [str(choice) for choice in action.choices or ()]
    near = difflib.get_close_matches(value.lower(), choices, n=1, cutoff=NEAR)
    if near:
        return f". Did you mean {near[0]}?"
    if not isinstance(action, argparse._SubParsersAction) or not Path(value).exists():
        return ""
    return f". A folder of your own is given as: cxr prototype {shlex.quote(value)}"


# ---- flags that may be given twice


def _give_once(
    action: argparse.Action,
    parser: argparse.ArgumentParser,
    given: str,  # the flag and its value, in words
    name: str,  # what may be given once
) -> None:
    """Refuse what was given before, and remember it."""
    if not isinstance(parser, OneLineParser):
        return
    before = parser.given.get(name)
    if before is not None:
        raise argparse.ArgumentError(action, f"given twice ({before}, {given}): give it once")
    parser.given[name] = given


class GivenOnce(argparse._StoreAction):
    """A flag of one value: given twice it is refused."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # the flag; None: an argument by its place
    ) -> None:
        """Keep the value."""
        if option_string:
            _give_once(self, parser, shlex.quote(str(values)), self.dest)
        super().__call__(parser, namespace, values, option_string)


class SwitchGivenOnce(argparse.BooleanOptionalAction):
    """A flag that turns something on, and off as --no-..: given twice it is refused."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # the flag
    ) -> None:
        """Keep whether it is on."""
        _give_once(self, parser, str(option_string), self.dest)
        super().__call__(parser, namespace, values, option_string)


class Joined(argparse._StoreAction):
    """A flag of a list as a,b,c: given again, its values follow those of before."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # the text a,b,c, or the list that it was read to
        option_string: str | None = None,
    ) -> None:
        """Keep the values behind those that were given before."""
        before = getattr(namespace, self.dest)
        if before is not None and isinstance(values, str):
            values = f"{before},{values}"
        elif before is not None:
            values = before + values
        setattr(namespace, self.dest, values)


class NamedOnce(argparse._AppendAction):
    """A flag of NAME=VALUE that may be given again for another name."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # name and value
        option_string: str | None = None,
    ) -> None:
        """Keep the pair."""
        name, value = values
        _give_once(self, parser, shlex.quote(f"{name}={value}"), f"{self.dest} {name}")
        super().__call__(parser, namespace, values, option_string)


class FolderGivenBare(argparse.Action):
    """A folder that was given to `cxr curate` without its flag: it tells the command."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # the words
        option_string: str | None = None,
    ) -> None:
        """Refuse words, if there are any."""
        if values and isinstance(parser, OneLineParser):
            parser.end(_bare_folder(values))


def _bare_folder(words: Sequence[str]) -> str:
    """Say how images of one's own are given."""
    if len(words) > 1:
        named = shlex.join(words)
        return f"{named}: put the class folders into one and give that: --folder FOLDER --out DIR"
    path = words[0]
    if path.lower().endswith((".csv", ".tsv", ".txt")):
        given = f"--table {shlex.quote(path)} --file COLUMN --label COLUMN --out DIR"
        return f"a csv of your own is given by its flag: cxr curate {given}"
    out = shlex.quote(f"{Path(path).name or 'my'}_curated")
    given = f"--folder {shlex.quote(path)} --out {out}"
    return f"images of your own are given by their flag: cxr curate {given}"
