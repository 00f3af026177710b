"""The second door: save, verify, load a trained model without pickle.

A network and its facts in, a folder out: `model.safetensors`, `bundle.json`, `README.md` (the model card). The folder
in, a `Bundle` out, which turns radiographs into probabilities. Nothing is loaded that was not checked: keys and types,
the SHA-256 of the weights, every tensor's shape. Never unpickles, never imports fastai or pandas, never fetches.
A hash beside a file finds accidents, not forgers: whoever can change the weights can change bundle.json as well.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from cxr_fastai import images
from cxr_fastai.bundle.meta import WEIGHTS, card, check_facts, complete, upgraded
from cxr_fastai.core import (
    IntegrityError,
    NotTrained,
    Prediction,
    StorageError,
    Task,
    UsageError,
    atomic_path,
    make_folder,
    one_line,
    write_json,
    write_text,
)
from cxr_fastai.models import networks as models
from cxr_fastai.recipes import NONE, UNSET

__all__ = ["Bundle", "save_bundle", "load_bundle", "prepare", "normalise"]

FACTS, CARD, SEEN = "bundle.json", "README.md", "trained_on.txt"


# ---- the network that the facts describe


def _blank_network(meta: dict):
    """The network that `meta` describes, without memory for its weights and without touching any random generator."""
    with torch.device("meta"):
        return models.build_network(meta["arch"], len(meta["vocab"]), meta["in_channels"])


def _check_tensors(tensors: dict, meta: dict, where):
    """Raise `IntegrityError` unless `tensors` are those of the network that `meta` describes, one for one, and finite."""
    wanted, what = (
        _blank_network(meta).state_dict(),
        f"a {meta['arch']} of {len(meta['vocab'])} classes",
    )
    for key in (*wanted, *tensors):
        if key not in tensors:
            raise IntegrityError(f"{where}: tensor {key!r} of {what} is missing")
        if key not in wanted:
            raise IntegrityError(f"{where}: tensor {key!r} does not belong to {what}")
        got, want = tensors[key], wanted[key]
        if (got.shape, got.dtype) != (want.shape, want.dtype):
            raise IntegrityError(
                f"{where}: tensor {key!r} is {got.dtype} {tuple(got.shape)}, "
                f"{what} has {want.dtype} {tuple(want.shape)}"
            )
        if not torch.isfinite(got).all():
            raise IntegrityError(f"{where}: tensor {key!r} is not finite everywhere")


# ---- save


def save_bundle(
    folder,  # created if need be; a bundle that lies there is replaced
    net,  # network of models.build_network, on any device
    meta: dict,  # arch, vocab, size, mean, std, recipe, manifest_sha256, trained; the other KEYS have defaults or are
    # computed. Further keys are kept
    trained_on=(),  # names of images and patients that training or validation saw: pixel_sha256, namespace:id
) -> Path:  # the folder; the same network gives the same bytes of weights
    """Write a bundle; bundle.json comes last, so that its existence means the rest is whole."""
    folder = Path(folder)
    tensors = {k: _stored(v) for k, v in net.state_dict().items()}
    data = safetensors.torch.save(tensors)
    names = "".join(f"{name}\n" for name in sorted({short(name) for name in trained_on}))
    sha = hashlib.sha256(names.encode()).hexdigest() if names else ""
    facts = complete({**meta, "trained_on_sha256": sha}, hashlib.sha256(data).hexdigest())
    check_facts(facts, folder / FACTS)
    _check_tensors(tensors, facts, folder / WEIGHTS)
    make_folder(folder)
    (folder / FACTS).unlink(missing_ok=True)
    with atomic_path(folder / WEIGHTS) as part:
        part.write_bytes(data)
    if names:
        write_text(folder / SEEN, names)
    write_text(folder / CARD, card(facts))
    write_json(folder / FACTS, facts)
    return folder


def short(name: str) -> str:
    """A patient as he is named; an image by the first 16 of its pixels' hash, enough to tell it from all others."""
    return name if ":" in name else name[:16]


def _stored(t: torch.Tensor) -> torch.Tensor:
    """A copy in main memory, contiguous; floats as float32."""
    return (
        t.detach()
        .to("cpu", torch.float32 if t.is_floating_point() else t.dtype, copy=True)
        .contiguous()
    )


# ---- load


def load_bundle(
    path,  # a bundle's folder, or a run's folder that holds `bundle`
    device=None,  # "cpu", "cuda", ..; None: a GPU if there is one
) -> Bundle:
    """Load a trained model after checking all of it; never unpickles. Raises `UsageError` where there is no bundle,
    `IntegrityError` where it is not what it claims to be, `NotTrained` where the network never learned.
    """
    folder = _find(Path(path))
    meta = _read_facts(folder / FACTS)
    data = _read_weights(folder / WEIGHTS, meta["weights_sha256"])
    try:
        tensors = safetensors.torch.load(data)
    except Exception as e:  # the parser refuses foreign bytes with errors of several libraries
        raise IntegrityError(
            f"{folder / WEIGHTS} is no safetensors file: {one_line(e)[:120]}"
        ) from e
    _check_tensors(tensors, meta, folder / WEIGHTS)
    net = _blank_network(meta)
    net.load_state_dict(tensors, assign=True)
    device = _device(device)
    return Bundle(net.to(device).eval(), meta, folder, device)


def _find(path: Path) -> Path:
    """The bundle's folder. Raises `UsageError`."""
    if path.suffix == ".pkl":
        raise UsageError(
            f"{path} is a pickle: load_bundle never unpickles, as that runs whatever code the file holds. "
            "Give the bundle's folder; for a learner.pkl that you trust there is fastai's load_learner."
        )
    for folder in (path, path / "bundle"):
        if (folder / FACTS).is_file():
            return folder
    raise UsageError(
        f"no bundle at {path}: expected a folder with {FACTS} and {WEIGHTS}, as `cxr train` writes"
    )


def _refuse_constant(name: str):
    raise ValueError(f"{name} is no JSON number")


def _read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as e:
        raise IntegrityError(f"{file} is missing: the bundle is not whole") from e
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}") from e


def _read_facts(file: Path) -> dict:
    """bundle.json, checked. Raises `IntegrityError`, `NotTrained`."""
    try:
        meta = json.loads(_read_bytes(file), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as e:
        raise IntegrityError(f"{file} is no readable JSON: {one_line(e)[:120]}") from e
    meta = upgraded(meta)
    check_facts(meta, file)
    if meta["trained"]["epochs"] < 1:
        raise NotTrained(
            f"{file}: this network never learned (trained for 0 epochs); its answers would be chance. "
            "Run `cxr train`."
        )
    if meta["decoder_version"] != images.DECODER_VERSION:
        warnings.warn(
            f"{file}: trained on pixels of decoder {meta['decoder_version']}, this library has decoder "
            f"{images.DECODER_VERSION}: probabilities may differ. Train again, or use the library it names.",
            stacklevel=3,
        )
    return meta


def _read_weights(file: Path, expected: str) -> bytes:
    """The weights' bytes; the same bytes are hashed and parsed, so none can change in between."""
    data = _read_bytes(file)
    actual = hashlib.sha256(data).hexdigest()
    if actual == expected:
        return data
    raise IntegrityError(
        f"{file}: SHA-256 is {actual}, {FACTS} says {expected}. The weights were damaged or replaced "
        "after training: copy the bundle again from where it was made."
    )


def _device(name) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as e:
        raise UsageError(f"unknown device {str(name)!r}: expected cpu, cuda or cuda:N") from e
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"no GPU for device {name!r}: use cpu")
    return device


# ---- predict


def normalise(
    x: torch.Tensor,  # gray values 0-255, any shape
    mean: float,  # of gray values scaled to 0-1
    std: float,
) -> torch.Tensor:  # float32
    return (x.to(torch.float32) / 255 - mean) / std


def prepare(
    pixels: np.ndarray,  # (h, w) uint8, as from images.decode
    meta: dict,  # bundle.json: size, crop, in_channels, mean, std
) -> torch.Tensor:  # (in_channels, size, size) float32
    """Turn decoded pixels into the network's input. Training uses the same steps and constants."""
    gray = torch.tensor(images.resize(pixels, meta["size"], meta["crop"]))
    return normalise(gray, meta["mean"], meta["std"]).expand(meta["in_channels"], -1, -1)


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained network with all that turns a radiograph into an answer."""

    net: torch.nn.Module = field(repr=False)
    meta: dict = field(repr=False)  # bundle.json
    path: Path
    device: torch.device

    @property
    def vocab(self) -> list[str]:
        return self.meta["vocab"]

    @property
    def display(self) -> dict[str, str]:
        return {c: self.meta["display"].get(c, c) for c in self.vocab}

    @property
    def size(self) -> int:
        return self.meta["size"]

    def tensor(self, source) -> torch.Tensor:
        """(in_channels, size, size) float32 of one path, bytes, file object or array. Raises `ImageRejected`."""
        return prepare(images.decode(source), self.meta)

    def probs_of(
        self,
        batch,  # (n, in_channels, size, size) float32, of `tensor`
    ) -> np.ndarray:  # (n, classes) float32, calibrated by the bundle's temperature and offsets
        """Probabilities of prepared inputs. Raises `IntegrityError` where the network answers NaN or infinity."""
        self.net.eval()  # dropout and batch statistics off, whatever a caller did to the network in between
        with torch.inference_mode():
            logits = self.net(batch.to(self.device)).float() / self.meta["temperature"]
        logits = logits + torch.tensor(
            [self.meta["offsets"].get(c, 0.0) for c in self.vocab], device=logits.device
        )
        if not torch.isfinite(logits).all():
            raise IntegrityError(f"{self.path}: the network's answers are not finite")
        probs = logits.sigmoid() if self.task is Task.MULTI_LABEL else logits.softmax(1)
        return probs.cpu().numpy()

    def probs(
        self,
        sources,  # paths, bytes, file objects or arrays
        bs: int = 32,  # images at a time: bounds memory, does not change results
    ) -> np.ndarray:  # (n, classes) float32, columns in the order of `vocab`
        """Probabilities of many radiographs. Raises `ImageRejected` at the first that is none."""
        if isinstance(sources, (str, bytes, Path)):
            raise UsageError("probs takes a list; for one image call predict")
        if bs < 1:
            raise UsageError(f"bs is {bs}, expected 1 or more")
        found, sources = [np.empty((0, len(self.vocab)), np.float32)], iter(sources)
        while batch := [self.tensor(s) for s in islice(sources, bs)]:
            found.append(self.probs_of(torch.stack(batch)))
        return np.concatenate(found)

    def predict(self, source) -> Prediction:
        """The answer for one radiograph: path, bytes, file object or array. Raises `ImageRejected`."""
        return self.decide(self.probs([source])[0])

    def saw(
        self,
        rows,  # of a manifest, as records: pixel_sha256, patient
    ) -> list[bool] | None:
        """Whether training or validation had each image, or another of its patient; None where the bundle does not
        tell. Raises `IntegrityError` where its list was changed.
        """
        if not self.meta["trained_on_sha256"]:
            return None
        data = _read_bytes(self.path / SEEN)
        if hashlib.sha256(data).hexdigest() != self.meta["trained_on_sha256"]:
            raise IntegrityError(
                f"{self.path / SEEN}: not the list that {FACTS} names: copy the bundle again."
            )
        names = set(data.decode().split("\n")) - {""}
        return [short(r["pixel_sha256"]) in names or r["patient"] in names for r in rows]

    @property
    def task(self) -> Task:
        return Task(self.meta["task"])

    def found(
        self,
        probs: np.ndarray,  # (n, classes), of `probs`
    ) -> np.ndarray:  # (n, classes) bool
        """Which classes of a multi-label task reach their threshold, UNSET where validation fixed none."""
        return np.asarray(probs) >= np.array(
            [self.meta["thresholds"].get(c, UNSET) for c in self.vocab]
        )

    def risk(
        self,
        probs: np.ndarray,  # (n, classes), of `probs`
    ) -> np.ndarray | None:  # (n,) 0-1: what a worklist is ordered by
        """The probability of the classes that are not `negative`, whatever the network; of a multi-label task, of the
        likeliest finding. None for a task where no class means nothing found.
        """
        probs, decision = np.asarray(probs), self.meta["decision"]
        if self.task is Task.MULTI_LABEL:
            return probs.max(1)
        return (
            np.delete(probs, self.vocab.index(decision["negative"]), 1).sum(1) if decision else None
        )

    def answers(
        self,
        probs: np.ndarray,  # (n, classes), of `probs`
    ) -> np.ndarray:  # (n,) indices into vocab
        """The class of each radiograph of a single-label task: the most probable one; where the bundle carries a
        `decision`, its negative class unless the others together reach the threshold that validation fixed.
        """
        probs, decision = np.asarray(probs), self.meta.get("decision")
        if not decision:
            return probs.argmax(1)
        index = self.vocab.index(decision["negative"])
        others = probs.copy()
        others[:, index] = -1
        return np.where(self.risk(probs) >= decision["threshold"], others.argmax(1), index)

    def decide(
        self,
        probs: np.ndarray,  # (classes,), of `probs`
    ) -> Prediction:
        """Turn probabilities into an answer. Single label: that of `answers`, if it reaches its threshold; otherwise
        it abstains and says why, and never falls back on a second choice. Multi-label: all that reach theirs, joined
        by `|`, or `none`, as in a manifest.
        """
        thresholds, by_class = (
            dict(self.meta["thresholds"]),
            dict(zip(self.vocab, map(float, probs))),
        )
        if self.task is Task.MULTI_LABEL:
            found = [c for c, has in zip(self.vocab, self.found(np.asarray(probs)[None])[0]) if has]
            return Prediction("|".join(found) or NONE, by_class, thresholds)
        best = self.vocab[int(self.answers(np.asarray(probs)[None])[0])]
        least = thresholds.get(best, 0.0)
        if by_class[best] >= least:
            return Prediction(best, by_class, thresholds)
        reason = f"{self.display[best]} leads with {by_class[best]:.3f}, below its threshold of {least:.3f}"
        return Prediction(None, by_class, thresholds, True, reason)
