"""A Dockerfile as a list of instructions, and what is wrong with it by a few of hadolint's rules and some of ours."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    name: str  # RUN, COPY, ..
    text: str  # what stands behind it, on one line
    stage: int  # from 0; -1 before the first FROM

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    @property
    def is_exec_form(self) -> bool:
        found = re.search(r"\[.*\]$", self.text)
        return bool(found) and isinstance(json.loads(found[0]), list)


def read(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found, stage = [], -1
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if not name:
            continue
        if name.upper() == "FROM":
            stage += 1
        found.append(Instruction(name.upper(), " ".join(rest.split()), stage))
    return found


def of(instructions, name, stage=None):
    return [i for i in instructions if i.name == name and stage in (None, i.stage)]


def faults(text: str, serves: bool = False) -> list[str]:
    "What is wrong with it; `serves`: it is run as a server."
    told = read(text)
    last = max(i.stage for i in told)
    found = []
    bases = {i.words[0].split("=", 1)[0]: i.words[0].split("=", 1)[1] for i in of(told, "ARG", -1)}
    for each in of(told, "FROM"):
        base = each.words[0]
        for name, value in bases.items():
            base = base.replace("${" + name + "}", value)
        tag = base.partition("@")[0].partition(":")[2]
        if not re.match(r"\d+\.\d+\.\d+", tag):
            found.append(f"FROM {base}: no whole version")
        digest = base.partition("@")[2]
        if digest and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            found.append(f"FROM {base}: no digest")
    if of(told, "ADD"):
        found.append("ADD: COPY does no more than it says")
    for each in of(told, "RUN"):
        if re.search(r"\b(sudo|curl|wget)\b", each.text):
            found.append(f"RUN {each.text[:40]}: sudo, curl, wget")
        if "apt-get install" in each.text and "/var/lib/apt/lists" not in each.text:
            found.append(f"RUN {each.text[:40]}: lists of apt are left")
        if re.search(r"\|(?!\|)", each.text):
            found.append(f"RUN {each.text[:40]}: a pipe hides a failure")
    users = of(told, "USER", last)
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1].text):
        found.append("USER: no fixed number other than root's")
    for each in of(told, "WORKDIR"):
        if not each.text.startswith("/"):
            found.append(f"WORKDIR {each.text}: not absolute")
    for each in of(told, "ENV") + of(told, "ARG"):
        if re.search(r"(?i)token|secret|password|key=", each.text):
            found.append(f"{each.name}: a secret in a layer")
    for each in of(told, "ENTRYPOINT") + of(told, "CMD") + of(told, "HEALTHCHECK"):
        if not each.is_exec_form:
            found.append(f"{each.name}: needs a shell, which swallows SIGTERM")
    if serves and not (of(told, "HEALTHCHECK", last) and of(told, "ENTRYPOINT", last)):
        found.append("no HEALTHCHECK, or no ENTRYPOINT")
    return found


def copied(text: str) -> list[str]:
    "What is copied out of the checkout."
    paths = []
    for each in of(read(text), "COPY"):
        words = [word for word in each.words if not word.startswith("--")]
        if "--from=" not in each.text:
            paths += words[:-1]
    return paths


def goes_to_the_build(ignore: str, path: str) -> bool:
    "Whether .dockerignore lets a path through: the last line that fits decides."
    goes = True
    for line in ignore.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.startswith("!")
        if _fits(pattern.removeprefix("!"), Path(path)):
            goes = wanted
    return goes


def _fits(pattern: str, path: Path) -> bool:
    "A pattern fits a path, and all that lies below what it fits."
    for part in [path, *path.parents][:-1]:
        if pattern.startswith("**/"):
            if part.match(pattern.removeprefix("**/")):
                return True
        elif len(Path(pattern).parts) == len(part.parts) and part.match(pattern):
            return True
    return False
