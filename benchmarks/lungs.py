"""Train the lung segmenter that travels with the package, and tell its Dice on patients held out.

OMP_NUM_THREADS=1 .venv/bin/python benchmarks/lungs.py IMAGES MASKS [--weights FILE] [--epochs N]
OMP_NUM_THREADS=1 .venv/bin/python benchmarks/lungs.py IMAGES MASKS --score [--out FILE]

IMAGES is a folder of the films of Kermany et al. (chest_xray of the Kaggle download), MASKS one of
the lung masks that V7 Labs drew on them (CC BY 4.0), each named as its film. Of the patients 60 %
train, 20 % choose the epoch, 20 % are scored once, at the end; with --score by the weights that the
package holds. Dice is the mean over films at 64 x 64, its 95 % interval by a bootstrap over
patients; the mean mask of the training films stands beside it, cut where validation says.
"""

from __future__ import annotations

import argparse
import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from cxr_fastai import images
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.lungs.field import SIDE, WEIGHTS, is_stray, standardised
from cxr_fastai.lungs.network import WIDTHS, logits
from cxr_fastai.reporting.text import count, span

SEED = 0
BATCH = 32
EPOCHS = 60
RATE = 3e-3
SHARES = {"test": 0.2, "valid": 0.2}  # of the patients; the others train
PERSON = re.compile(r"person(\d+)_|IM-(\d+)-")  # in a file's name; one number, one patient
CUTS = np.linspace(0.2, 0.8, 13)  # of the mean mask, chosen on validation


@dataclass(frozen=True, eq=False)
class Films:
    """Films with their masks, small."""

    squares: np.ndarray  # (n, SIDE, SIDE) uint8
    masks: np.ndarray  # (n, SIDE, SIDE) float32, share of each point that is lung
    patients: np.ndarray  # (n,) str

    def of(self, patients: Iterable[str]) -> Films:
        """Keep the films of these patients."""
        kept = np.isin(self.patients, list(patients))
        return Films(self.squares[kept], self.masks[kept], self.patients[kept])


def patient_of(stem: str) -> str:
    """Give the patient in the name of a film; films of one number count as one patient's."""
    found = PERSON.search(stem)
    if found is None:
        raise SystemExit(f"no patient in the name {stem}: expected person12_.. or ..IM-0123-..")
    person, normal = found.groups()
    return f"person {person}" if person else f"normal {normal}"


def read_films(films: Path, masks: Path) -> Films:
    """Read every mask and the film of its name."""
    paths = {path.stem: path for path in sorted(films.rglob("*")) if images.is_image_name(path)}
    squares, lungs, patients = [], [], []
    for mask in sorted(masks.glob("*.png")):
        square = images.resize(images.decode(paths[mask.stem]), SIDE)
        drawn = np.asarray(Image.open(mask).convert("L"))
        squares.append(square)
        lungs.append(images.resize(drawn, SIDE).astype(np.float32) / 255)
        patients.append(patient_of(mask.stem))
    return Films(np.stack(squares), np.stack(lungs), np.array(patients))


def deal(patients: np.ndarray) -> dict[str, list[str]]:
    """Deal the patients to test, valid and train, by the seed."""
    every = sorted(set(patients))
    order = np.random.default_rng(SEED).permutation(len(every))
    shuffled = [every[place] for place in order]
    dealt: dict[str, list[str]] = {}
    for split, share in SHARES.items():
        n = round(share * len(every))
        dealt[split] = shuffled[:n]
        shuffled = shuffled[n:]
    dealt["train"] = shuffled
    return dealt


# ---- the network, with batch normalisation


class Block(nn.Sequential):
    """Two convolutions, each normalised and cut at 0."""

    def __init__(self, n_in: int, n_out: int) -> None:
        layers: list[nn.Module] = []
        for channels in (n_in, n_out):
            layers.append(nn.Conv2d(channels, n_out, 3, padding=1, bias=False))
            layers.append(nn.BatchNorm2d(n_out))
            layers.append(nn.ReLU())
        super().__init__(*layers)


class UNet(nn.Module):
    """The layers of lungs/network.py, as they are trained."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        before = 1
        for width in WIDTHS:
            self.down.append(Block(before, width))
            before = width
        self.up = nn.ModuleList()
        for width in reversed(WIDTHS[:-1]):
            self.up.append(Block(before + width, width))
            before = width
        self.out = nn.Conv2d(before, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give (n, 1, side, side) logits."""
        kept = []
        for block in self.down[:-1]:
            x = block(x)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = self.down[-1](x)
        for block in self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, kept.pop()], 1))
        return self.out(x)


def folded(net: UNet) -> dict[str, np.ndarray]:
    """Fold the normalisation into the convolutions, under the names of lungs/network.py."""
    found: dict[str, np.ndarray] = {}
    for level, block in enumerate(net.down):
        _fold(block, f"down{level}", found)
    for place, block in enumerate(net.up):
        _fold(block, f"up{len(WIDTHS) - 2 - place}", found)
    found["out.weight"] = net.out.weight.detach().numpy()
    found["out.bias"] = net.out.bias.detach().numpy()
    return {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}


def _fold(block: nn.Module, name: str, found: dict[str, np.ndarray]) -> None:
    """Fold one block."""
    for part, start in enumerate((0, 3)):
        conv, norm = block[start], block[start + 1]
        scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
        found[f"{name}.{part}.weight"] = (conv.weight.detach() * scale[:, None, None, None]).numpy()
        found[f"{name}.{part}.bias"] = (norm.bias - norm.running_mean * scale).detach().numpy()


# ---- films changed as other machines, ages and positions change them


def moved(
    x: torch.Tensor, y: torch.Tensor, g: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn, scale, shift and mirror films with their masks; what comes in from outside is black."""
    n = len(x)
    angle = _uniform(n, -0.26, 0.26, g)  # radians: 15 degrees
    wide = torch.exp(_uniform(n, -0.35, 0.35, g))
    high = wide * torch.exp(_uniform(n, -0.2, 0.2, g))
    mirror = torch.sign(_uniform(n, -1, 1, g))
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = wide * torch.cos(angle) * mirror
    theta[:, 0, 1] = -high * torch.sin(angle)
    theta[:, 1, 0] = wide * torch.sin(angle) * mirror
    theta[:, 1, 1] = high * torch.cos(angle)
    theta[:, :, 2] = torch.stack([_uniform(n, -0.2, 0.2, g), _uniform(n, -0.2, 0.2, g)], 1)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    both = F.grid_sample(torch.cat([x, y], 1), grid, align_corners=False)
    return both[:, :1], both[:, 1:]


def repainted(x: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Change contrast, sharpness and grain; lay soft shadows, bars and signs over 0-1."""
    n = len(x)
    x = x.clamp(0, 1) ** torch.exp(_uniform(n, -0.6, 0.6, g))[:, None, None, None]
    for _ in range(2):
        x = x + _shadows(n, x.shape[-1], g)
    blurred = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    soft = _uniform(n, 0, 1, g)[:, None, None, None]
    x = torch.lerp(x, blurred, soft)
    x = x + torch.randn(x.shape, generator=g) * _uniform(n, 0, 0.06, g)[:, None, None, None]
    for place in range(n):
        _lay_bars(x[place, 0], g)
    return x


def _shadows(n: int, side: int, g: torch.Generator) -> torch.Tensor:
    """Make one soft bright or dark round spot a film, as a consolidation or an overexposed apex."""
    line = torch.linspace(-1, 1, side)
    x0 = _uniform(n, -1, 1, g)[:, None, None]
    y0 = _uniform(n, -1, 1, g)[:, None, None]
    wide = _uniform(n, 0.1, 0.6, g)[:, None, None]
    high = _uniform(n, 0.1, 0.6, g)[:, None, None]
    depth = _uniform(n, -0.25, 0.5, g)[:, None, None]
    far = ((line[None, None] - x0) / wide) ** 2 + ((line[None, :, None] - y0) / high) ** 2
    return (depth * torch.exp(-far))[:, None]


def _lay_bars(film: torch.Tensor, g: torch.Generator) -> None:
    """Blacken a margin and lay a bright sign into a corner, now and then, in place."""
    side = film.shape[-1]
    chance, width, x, y = torch.rand(4, generator=g).tolist()
    margin = int(width * side / 6)
    if chance < 0.15:
        film[:, :margin] = 0
        film[:, side - margin :] = 0
    elif chance < 0.3:
        film[:margin] = 0
        film[side - margin :] = 0
    if width < 0.4:
        row, column = int(y * (side - 5)), int(x * (side - 8))
        film[row : row + 4, column : column + 7] = 1.0


def _uniform(n: int, low: float, high: float, g: torch.Generator) -> torch.Tensor:
    return torch.rand(n, generator=g) * (high - low) + low


def standard(x: torch.Tensor) -> torch.Tensor:
    """Standardise each film, as `standardised` does."""
    spread = x.std((2, 3), keepdim=True, correction=0).clamp_min(1e-6)
    return (x - x.mean((2, 3), keepdim=True)) / spread


# ---- training


def loss_of(found: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Add cross entropy to 1 less the soft Dice."""
    probs = found.sigmoid()
    shared = 2 * (probs * masks).sum((1, 2, 3)) + 1
    dice = shared / (probs.sum((1, 2, 3)) + masks.sum((1, 2, 3)) + 1)
    return F.binary_cross_entropy_with_logits(found, masks) + (1 - dice).mean()


def train(films: Films, valid: Films, epochs: int) -> dict[str, np.ndarray]:
    """Train by the seed; give the folded weights of the epoch that is best on validation."""
    torch.manual_seed(SEED)
    g = torch.Generator().manual_seed(SEED)
    net = UNet()
    x = torch.from_numpy(films.squares).float()[:, None] / 255
    y = torch.from_numpy(films.masks)[:, None]
    steps = epochs * (len(x) // BATCH)
    opt = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, RATE, total_steps=steps)
    best, best_net = 0.0, net
    for epoch in range(epochs):
        net.train()
        order = torch.randperm(len(x), generator=g)
        for start in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            xb, yb = moved(x[chosen], y[chosen], g)
            loss = loss_of(net(standard(repainted(xb, g))), yb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            plan.step()
        net.eval()
        score = float(dice_of(found_lungs(valid, folded(net)), valid.masks).mean())
        if score > best:
            best, best_net = score, copy.deepcopy(net)
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, valid Dice {score:.4f}", flush=True)
    return folded(best_net)


# ---- scores


def found_lungs(films: Films, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Give the lungs that the network finds on each film: (n, SIDE, SIDE) bool."""
    found = []
    for square in films.squares:
        inside = logits(standardised(square), weights) > 0
        found.append(inside & ~is_stray(inside))
    return np.stack(found)


def dice_of(found: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Give the Dice of each film: twice what both share, by what both hold."""
    drawn = masks >= 0.5
    shared = (found & drawn).sum((1, 2))
    return 2 * shared / (found.sum((1, 2)) + drawn.sum((1, 2)))


def cut_mean_mask(train_films: Films, valid: Films) -> np.ndarray:
    """Cut the mean mask of the training films where validation has the highest Dice."""
    mean = train_films.masks.mean(0)
    scores = []
    for cut in CUTS:
        same = np.broadcast_to(mean >= cut, valid.masks.shape)
        scores.append(dice_of(same, valid.masks).mean())
    return mean >= CUTS[int(np.argmax(scores))]


def line(name: str, dice: np.ndarray, patients: np.ndarray) -> str:
    """Write a row of the table."""
    draws = Resampling(list(patients))
    between = interval(draws.shares(dice), draws.n_groups)
    worst = np.quantile(dice, 0.05)
    return f"| {name} | {dice.mean():.3f} | {span(between, as_share=False)} | {worst:.3f} |"


def report(test: Films, dealt: dict[str, list[str]], films: Films, weights: dict) -> str:
    """Write the table of the films held out."""
    mean = cut_mean_mask(films.of(dealt["train"]), films.of(dealt["valid"]))
    ours = dice_of(found_lungs(test, weights), test.masks)
    same = dice_of(np.broadcast_to(mean, test.masks.shape), test.masks)
    numbers = sum(value.size for name, value in weights.items() if name != "mean_mask")
    splits = {name: len(films.of(people).squares) for name, people in dealt.items()}
    return "\n".join(
        [
            "# Lungs found on films of patients held out",
            "",
            f"{count(len(films.squares), 'film')} of children with a mask each: "
            f"{splits['train']} train, {splits['valid']} choose the epoch, {splits['test']} of "
            f"{count(len(dealt['test']), 'patient')} are scored here. {numbers:,} weights, "
            f"{SIDE} x {SIDE} points. Not measured on adults: no mask of one is at hand.",
            "",
            "| | Dice | 95 % interval | 5th percentile |",
            "| --- | --- | --- | --- |",
            line("the network", ours, test.patients),
            line("the mean mask, the same on every film", same, test.patients),
            "",
        ]
    )


def main() -> None:
    """Read, train unless only to score, write, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--weights", type=Path, help="where the trained weights go")
    parser.add_argument("--score", action="store_true", help="only score the package's own weights")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, help="the table, as Markdown")
    args = parser.parse_args()
    films = read_films(args.images, args.masks)
    dealt = deal(films.patients)
    if args.score:
        weights = safetensors.numpy.load_file(WEIGHTS)
    else:
        weights = train(films.of(dealt["train"]), films.of(dealt["valid"]), args.epochs)
        weights["mean_mask"] = films.of(dealt["train"]).masks.mean(0).astype(np.float32)
        file = args.weights or WEIGHTS
        safetensors.numpy.save_file(weights, file)
        file.chmod(0o644)  # it travels with the package
    text = report(films.of(dealt["test"]), dealt, films, weights)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
