"""What to do, for those at a terminal and those in Python: one wording for both in every error.

The name of a parameter, and maybe its value -> the flag and the keyword in words. A room that
Python calls reach names a flag by these alone; tests/test_advice.py holds that.
"""

from __future__ import annotations

__all__ = ["flag", "command"]


def flag(
    name: str,  # of the parameter: mirror, on_conflict
    value: object = None,  # that is advised; True: a switch; None: the name alone
) -> str:
    """Return how an option is given, as in: --mirror DIR (Python: mirror=DIR)."""
    spelled = f"--{name.replace('_', '-')}"
    if value is None:
        return f"{spelled} (Python: {name})"
    if value is True:
        return f"{spelled} (Python: {name}=True)"
    if not isinstance(value, str) or value.isupper():
        return f"{spelled} {value} (Python: {name}={value})"
    return f'{spelled} {value} (Python: {name}="{value}")'


def command(
    line: str,  # as typed: cxr train DATA
    call: str,  # as written in Python: train(DATA)
) -> str:
    """Return how the same is done at a terminal and in Python."""
    return f"`{line}` (Python: {call})"
