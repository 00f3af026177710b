"""Deal radiographs to train, valid and test by group: what is linked stays together.

Radiographs with their links, by patient or radiograph -> the group and the split of each. A group's
split is drawn from its own name and what its source says of it, so that another recipe, with other
sources, gives it the same. It can differ where the name does: one folder has the original with its
patient, the other only a copy without; a list of official test images is at hand for one only;
images of two named patients were tied by their look. It also hangs on the other groups of its class
where the draw holds out fewer than `least_held_out` of these: the next in the order of the draw
fill up then. A bundle therefore knows what it was trained on. Reads no file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from cxr_fastai.core import sha256_text
from cxr_fastai.disjoint_sets import DisjointSets

__all__ = [
    "Radiograph",
    "assign_splits",
    "connect",
    "split_of_draw",
    "least_held_out",
    "FRACTIONS",
    "LEAST_GROUPS",
    "RULE",
    "TIE",
]

FRACTIONS = {"train": 0.8, "valid": 0.1, "test": 0.1}
# Version of `assign_splits`; 1 dealt groups to the split that lacked most, 2 left a class as few
# groups to valid and test as the draw did. A folder keeps the rule it was made by.
RULE = 3
# Groups of a class that valid and test have at least, each: with fewer, an answer that is right for
# all of them may be right for less than half (Clopper-Pearson: 5 of 5 is 48 to 100 %).
LEAST_GROUPS = 5
MOST_HELD_OUT = 0.2  # of a class's groups that are so filled into valid, and into test
TIE = "exposures "  # begins a link between two images that look like exposures of one patient


@dataclass(frozen=True)
class Radiograph:
    """What splitting needs to know of one radiograph, its copies merged."""

    id: str  # pixel_sha256
    links: frozenset[str]  # patients and declared identities of all copies, and TIEs
    stratum: str  # source and finding, of the kept copy
    source: str
    official: frozenset[str]  # splits that its sources fix
    classes: frozenset[str] = frozenset()  # of its images in the folder; empty: none is there


@dataclass(frozen=True)
class _FreeGroup:
    """A group whose split no source fixes."""

    name: str
    images: int
    drawn: float  # 0 to 1, by the group's name and the seed
    locked: bool  # never tested on: its source has a test set of its own
    of_class: dict[str, int]  # class -> images in the folder


def least_held_out(
    groups: int,  # of a class
) -> int:
    """Return how many of a class's groups valid has at least, and test as many.

    5 of 25 groups or more. Of fewer a fifth, and one of three, while the split has less than a
    fifth of all groups.
    """
    if groups < 3:
        return 0  # nothing could be learnt from what is left
    return max(1, min(LEAST_GROUPS, int(groups * MOST_HELD_OUT)))


def assign_splits(
    radiographs: list[Radiograph],
    seed: int = 0,
) -> dict[str, tuple[str, str]]:
    """Give each radiograph its group and split: id -> (group, split).

    Each group has a chance of 80/10/10, and where a stratum has three groups, each split has one of
    them, but for a test split that the source has itself. Such a source has no other test images.
    Of each class valid and test have `least_held_out` groups, where so many may be held out.
    """
    groups = connect(radiographs)
    splits = _official_splits(groups)
    tested_sources = {r.source for r in radiographs if "test" in r.official}
    all_free: list[_FreeGroup] = []
    for _, names in sorted(_by_stratum(groups, splits, radiographs).items()):
        free = [_free_group(name, groups[name], tested_sources, seed) for name in names]
        free.sort(key=_by_draw)
        splits.update(_deal(free))
        all_free += free
    _fill_classes(groups, sorted(all_free, key=_by_draw), splits)
    assigned = {}
    for name, members in groups.items():
        for radiograph in members:
            assigned[radiograph.id] = (name, splits[name])
    return assigned


def connect(
    radiographs: list[Radiograph],  # in any order
) -> dict[str, list[Radiograph]]:  # members sorted by id
    """Group radiographs that share a link, also through others: group id -> members.

    The id is the start of the least radiograph id in the group, so that it does not depend on the
    order of radiographs.
    """
    sets: DisjointSets[tuple[str, str]] = DisjointSets()
    for radiograph in radiographs:
        for link in radiograph.links:
            sets.join(("id", radiograph.id), ("link", link))
    members_of_root = defaultdict(list)
    for radiograph in sorted(radiographs, key=lambda r: r.id):
        members_of_root[sets.find(("id", radiograph.id))].append(radiograph)
    return {members[0].id[:16]: members for members in members_of_root.values()}


def _official_splits(
    groups: dict[str, list[Radiograph]],  # name -> members
) -> dict[str, str]:  # groups that no source fixes are missing
    """Tell the split that the sources of a group fix.

    Of several, test goes before valid before train: no image of an official test set is ever
    trained on, and none that is for training only is tested on (its row is then left out).
    """
    splits: dict[str, str] = {}
    for name, members in groups.items():
        fixed: set[str] = set()
        for radiograph in members:
            fixed |= radiograph.official
        if fixed:
            splits[name] = next(split for split in ("test", "valid", "train") if split in fixed)
    return splits


def _by_stratum(
    groups: dict[str, list[Radiograph]],  # name -> members
    fixed: dict[str, str],  # groups whose split stands
    radiographs: list[Radiograph],  # all of them
) -> dict[str, list[str]]:
    """Stratum -> names of its free groups; a group counts for the rarest stratum of its members."""
    size = Counter(r.stratum for r in radiographs)
    by_stratum = defaultdict(list)
    for name, members in groups.items():
        if name not in fixed:
            strata = {r.stratum for r in members}
            by_stratum[min(strata, key=lambda s: (size[s], s))].append(name)
    return by_stratum


def _free_group(
    name: str,
    members: list[Radiograph],  # of the group
    tested_sources: set[str],  # that have a test set of their own
    seed: int,  # of the draw
) -> _FreeGroup:
    """Describe a group that is to be dealt."""
    sources = {r.source for r in members}
    return _FreeGroup(
        name=name,
        images=len(members),
        drawn=_drawn(members, seed),
        locked=bool(tested_sources & sources),
        of_class=_images_of_classes(members),
    )


def _by_draw(group: _FreeGroup) -> tuple[float, str]:
    """Sort groups by what they drew."""
    return group.drawn, group.name


def _images_of_classes(
    members: Iterable[Radiograph],
) -> dict[str, int]:  # class -> radiographs
    """Count the radiographs of each class."""
    counts: Counter[str] = Counter()
    for radiograph in members:
        counts.update(radiograph.classes)
    return dict(counts)


def _drawn(
    members: list[Radiograph],  # of one group
    seed: int,  # another one draws another number
) -> float:
    """Draw a number of 0 to 1 by the group's own name.

    That is the least of its patients and declared identities, which copies from other sources
    seldom change, or else of its radiographs.
    """
    names: list[str] = []
    for radiograph in members:
        names += [link for link in radiograph.links if not link.startswith(TIE)]
    if not names:
        names = [r.id for r in members]
    return int(sha256_text(f"{seed}|{min(names)}")[:13], 16) / 16**13


def _deal(
    groups: list[_FreeGroup],  # of one stratum, in the order of what they drew
) -> dict[str, str]:
    """Group -> split, of groups in the order of what they drew.

    The first tenth is tested on, the second validates. A group larger than a tenth of the images is
    trained on; a split that would stay empty has a group of the split that has most.
    """
    images = [group.images for group in groups]
    max_images = max(round(sum(images) * FRACTIONS["test"]), min(images))
    splits = dict.fromkeys((group.name for group in groups), "train")
    held_out = ["valid"] if all(group.locked for group in groups) else ["valid", "test"]
    if len(groups) <= len(held_out):
        return splits  # nothing could be learnt from what is left
    for group in groups:
        if group.images <= max_images:
            splits[group.name] = _split_of_draw(group)
    for split in ("train", *held_out):
        if split not in splits.values():
            _fill(split, groups, splits, max_images)
    return splits


def _split_of_draw(
    group: _FreeGroup,  # not too large to be held out
) -> str:
    """Give a group the split of what it drew, but no test split where its source has its own."""
    split = _drawn_split(group.drawn)
    return "train" if split == "test" and group.locked else split


def _drawn_split(
    drawn: float,  # 0 to 1
) -> str:
    """Return the split of a number: the first tenth is tested on, the next validates."""
    if drawn < FRACTIONS["test"]:
        return "test"
    return "valid" if drawn < FRACTIONS["test"] + FRACTIONS["valid"] else "train"


def split_of_draw(
    members: list[Radiograph],  # of one group, which is of no class
    seed: int,
) -> str:
    """Return the split that a group draws by its own name; an official test image is tested on."""
    if any("test" in member.official for member in members):
        return "test"
    return _drawn_split(_drawn(members, seed))


def _fill(
    split: str,  # without a group
    groups: list[_FreeGroup],  # in the order of what they drew
    splits: dict[str, str],  # group -> split
    max_images: int,  # of a group that is held out
) -> None:
    """Move a group of the split that has most into `split`, which is empty; `splits` is changed.

    None is moved that is the last of its split, that is too large to be held out, or that must not
    be tested on. Of those that may, train takes what was drawn last, the others what was first.
    """
    counts = Counter(splits.values())
    spare = []
    for group in groups:
        too_large = split != "train" and group.images > max_images
        forbidden = split == "test" and group.locked
        if counts[splits[group.name]] > 1 and not too_large and not forbidden:
            spare.append(group)
    if not spare:
        return
    sign = -1 if split == "train" else 1  # train takes what was drawn last
    moved = min(spare, key=lambda group: (-counts[splits[group.name]], sign * group.drawn))
    splits[moved.name] = split


# ---- no class of too few groups


def _fill_classes(
    groups: dict[str, list[Radiograph]],  # name -> members; all of them
    free: list[_FreeGroup],  # in the order of what they drew
    splits: dict[str, str],  # group -> split; changed
) -> None:
    """Hold out `least_held_out` groups of each class in test, and in valid, the rarest class first.

    What lacks is moved from train, the next in the order of the draw. A class that has enough by
    the draw alone moves no group. Classes that may have LEAST_GROUPS come first; the smaller fill
    up while the split has less than MOST_HELD_OUT of all groups, so that many rare findings do not
    take train apart.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)  # class -> split -> groups
    all_of: Counter[str] = Counter()  # split -> groups that are in the folder
    for name, members in groups.items():
        of_classes = _images_of_classes(members)
        all_of[splits[name]] += bool(of_classes)
        for label in of_classes:
            counts[label][splits[name]] += 1
    images = _images_of_classes(chain.from_iterable(groups.values()))
    most = {label: round(n * FRACTIONS["test"]) for label, n in images.items()}
    most_of_all = max(1, int(all_of.total() * MOST_HELD_OUT))
    by_size = sorted(counts, key=lambda label: (counts[label].total(), label))
    for label in sorted(by_size, key=lambda label: not _has_least(counts[label])):
        least = least_held_out(counts[label].total())
        for split in ("test", "valid"):
            lacks = max(least - counts[label][split], 0)
            if not _has_least(counts[label]):
                lacks = min(lacks, max(most_of_all - all_of[split], 0))
            all_of[split] += _fill_class(label, split, lacks, free, splits, counts, most)


def _has_least(
    groups: Counter[str],  # split -> groups of a class
) -> bool:
    """Whether a class has so many groups that valid and test have LEAST_GROUPS of them."""
    return least_held_out(groups.total()) == LEAST_GROUPS


def _fill_class(
    label: str,  # the class
    split: str,  # test | valid
    lacks: int,  # groups of it that the split lacks
    free: list[_FreeGroup],  # in the order of what they drew
    splits: dict[str, str],  # group -> split; changed
    counts: dict[str, Counter[str]],  # class -> split -> groups; changed
    most: dict[str, int],  # class -> images of a group that is held out
) -> int:  # groups that were moved
    """Move the next groups of a class from train to a split that has too few of them.

    Groups that would take a tenth of another class along come last.
    """
    if not lacks:
        return 0
    spare = []
    for group in free:
        in_train = label in group.of_class and splits[group.name] == "train"
        forbidden = split == "test" and group.locked
        if in_train and not forbidden and not _is_large(group, label, most):
            spare.append(group)
    spare.sort(key=lambda group: any(_is_large(group, other, most) for other in group.of_class))
    moved = 0
    for group in spare:
        may_go = all(counts[each]["train"] > 1 for each in group.of_class)
        if moved < lacks and may_go:
            moved += 1
            splits[group.name] = split
            for each in group.of_class:
                counts[each]["train"] -= 1
                counts[each][split] += 1
    return moved


def _is_large(
    group: _FreeGroup,
    label: str,  # one of its classes
    most: dict[str, int],  # class -> images of a group that is held out
) -> bool:
    """Whether a group has more than a tenth of a class's images, and more than one."""
    return group.of_class[label] > max(most[label], 1)
