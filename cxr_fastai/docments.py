"""What stands beside a function's parameters (docments), also for help().

A function in, its docstring with the sections Parameters and Returns out. Only what is asked for is
read, so that importing stays light; where no source is at hand, docstrings stay as they are.
"""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize
from collections.abc import Callable
from typing import Any

__all__ = ["Comments", "comments_of", "explain", "explain_methods"]

RETURN = "return"  # among the names of parameters
Comments = dict[str, str]  # parameter, or RETURN -> its meaning
AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


def explain(function: Callable[..., Any]) -> None:
    """Add the sections Parameters and Returns to a function's docstring, once."""
    written = inspect.getdoc(function) or ""
    if "Parameters\n---" in written:
        return
    comments = comments_of(function)
    if comments:
        sections = _sections(function, comments)
        function.__doc__ = "\n".join([written, *sections]).strip() + "\n"


def explain_methods(cls: type) -> None:
    """Do so for all public methods that a class defines."""
    for name, member in vars(cls).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            explain(member)


def _sections(function: Callable[..., Any], comments: Comments) -> list[str]:
    """Write the two sections, line by line."""
    lines = []
    signature = inspect.signature(function)
    named = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    if named:
        lines += ["", "Parameters", "----------"]
    for parameter in named:
        of_type = _type(parameter.annotation)
        of_type = f" : {of_type}" if of_type else ""
        if parameter.default is not parameter.empty:
            of_type += f", default {_default(parameter.default)}"
        lines.append(f"{parameter.name}{of_type}")
        lines += _indented(comments.get(parameter.name, ""))
    if RETURN in comments:
        lines += ["", "Returns", "-------", _type(signature.return_annotation)]
        lines += _indented(comments[RETURN])
    return lines


def _type(annotation: object) -> str:
    """Write an annotation as it stands in the source; empty where there is none."""
    if annotation is inspect.Signature.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _default(value: object) -> str:
    """Write a default; a function by its name."""
    return getattr(value, "__name__", None) or repr(value)


def _indented(meaning: str) -> list[str]:
    """Break a meaning into indented lines."""
    return textwrap.wrap(meaning, 92, initial_indent="    ", subsequent_indent="    ")


# ---- from the source


def comments_of(function: Callable[..., Any]) -> Comments:
    """Return what the comments beside a function's parameters say; empty without its source.

    A comment on a line of its own belongs to the parameter below it, unless that has one beside it:
    then it goes on with the one above.
    """
    try:
        source = textwrap.dedent(inspect.getsource(function))
        node = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return {}
    if not isinstance(node, AnyFunction):
        return {}
    ends = _ends(node)
    beside, alone = _comments_by_line(source, node, ends)
    found: dict[str, list[str]] = {name: [text] for name, text in beside.items()}
    for line, text in alone:
        name = _owner(line, ends, beside)
        if name:
            found.setdefault(name, []).append(text)
    return {name: " ".join(texts) for name, texts in found.items()}


def _ends(node: AnyFunction) -> dict[str, int]:
    """Return the line on which each parameter ends, and what is returned, in order."""
    args = node.args
    ends = {}
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    defaults = [default for default in [*args.defaults, *args.kw_defaults] if default]
    for arg in every:
        if arg is not None:
            ends[arg.arg] = arg.end_lineno or 0
    for default in defaults:  # one may be longer than a line
        begun = [name for name, line in ends.items() if line <= default.lineno]
        if begun:
            owner = max(begun, key=lambda name: ends[name])
            ends[owner] = max(ends[owner], default.end_lineno or 0)
    if node.returns is not None:
        ends[RETURN] = node.returns.end_lineno or 0
    return dict(sorted(ends.items(), key=lambda item: item[1]))


def _comments_by_line(
    source: str,
    node: AnyFunction,
    ends: dict[str, int],  # of _ends
) -> tuple[Comments, list[tuple[int, str]]]:  # beside a parameter; on a line of its own
    """Take the comments of a function's head."""
    by_line = {line: name for name, line in ends.items()}
    beside: Comments = {}
    alone = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line = token.start[0]
        if line >= node.body[0].lineno:
            break
        if token.type != tokenize.COMMENT or line < node.lineno:
            continue
        text = token.string.lstrip("# ").strip()
        if token.line.lstrip().startswith("#"):
            alone.append((line, text))
        elif line in by_line:
            beside[by_line[line]] = text
    return beside, alone


def _owner(
    line: int,  # of a comment on a line of its own
    ends: dict[str, int],
    beside: Comments,
) -> str:
    """Return the parameter that such a comment is of; empty where there is none."""
    above = [name for name, end in ends.items() if end < line]
    below = [name for name, end in ends.items() if end > line and name != RETURN]
    if below and below[0] not in beside:
        return below[0]
    return above[-1] if above else ""
