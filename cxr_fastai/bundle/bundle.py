"""A trained network with all that turns a radiograph into an answer.

Radiographs in, probabilities and predictions out. Never imports torch, fastai or pandas: what
computes the network is its `runtime`. Never changes a weight, writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxr_fastai.bundle.calibrated import calibrated
from cxr_fastai.bundle.conformal import Promise, promise_of
from cxr_fastai.bundle.decision_words import Grounds, class_words, findings_words
from cxr_fastai.bundle.files import TRAINED_ON
from cxr_fastai.bundle.film_view import FilmView
from cxr_fastai.bundle.gates import gates_of, screen
from cxr_fastai.bundle.inputs import decode, prepare, radiograph_of
from cxr_fastai.bundle.meta import Meta
from cxr_fastai.bundle.model_card import facts
from cxr_fastai.bundle.most_probable import most_probable, risk_besides
from cxr_fastai.bundle.runtime import TORCH, Runtime
from cxr_fastai.bundle.trained_on import read_names, short_name
from cxr_fastai.core import IntegrityError, Prediction, Task, UsageError
from cxr_fastai.docments import explain_methods
from cxr_fastai.gate.gate import Gate
from cxr_fastai.recipes import NONE, UNSET

if TYPE_CHECKING:
    import torch

__all__ = ["Bundle"]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained network with all that turns a radiograph into an answer."""

    runtime: Runtime  # what computes its network
    meta: Meta = field(repr=False)  # bundle.json
    path: Path
    gate: Gate | None = field(default=None, repr=False)  # None: every picture is answered

    @property
    def net(self) -> torch.nn.Module:
        """The network itself. Raises `UsageError` where torch does not compute it."""
        net: torch.nn.Module = self._of_torch("net")
        return net

    @property
    def device(self) -> torch.device:
        """Where torch computes. Raises `UsageError` where torch does not compute the network."""
        device: torch.device = self._of_torch("device")
        return device

    def _of_torch(self, name: str) -> Any:
        """Return what the runtime torch alone has."""
        if self.runtime.name != TORCH:
            raise UsageError(
                f"{self.path}: this needs the network in torch, and {self.runtime.name} computes "
                'it: load_bundle(.., runtime="torch")'
            )
        return getattr(self.runtime, name)

    @property
    def vocab(self) -> list[str]:
        """The classes, in the order of the probabilities' columns."""
        return self.meta["vocab"]

    @property
    def display(self) -> dict[str, str]:
        """Class -> its name for people."""
        names = self.meta["display"]
        return {name: names.get(name, name) for name in self.vocab}

    @property
    def size(self) -> int:
        """Width and height of the network's input, pixels."""
        return self.meta["size"]

    @property
    def task(self) -> Task:
        """Whether a radiograph has one class or any number of them."""
        return Task(self.meta["task"])

    # ---- radiographs to probabilities

    def tensor(
        self,
        source: Any,  # as for `read`
    ) -> torch.Tensor:  # (in_channels, size, size) float32
        """Read one radiograph as the input of the network in torch. Raises `ImageRejected`."""
        make: Callable[[np.ndarray], torch.Tensor] = self._of_torch("tensor")
        return make(self.read(source)[0])

    def read(
        self,
        # path, bytes, open file, Pillow image, array (h, w) or (h, w, channels), or tensor (h, w)
        # or (channels, h, w)
        source: Any,
    ) -> tuple[np.ndarray, tuple[str, ...]]:  # of `prepare`; what is odd, keys of images.NOTES
        """Read one radiograph, and what the decoder notes of it. Raises `ImageRejected`."""
        radiograph = radiograph_of(source)
        return prepare(radiograph.pixels, self.meta), radiograph.notes

    def probs_of(
        self,
        batch: np.ndarray,  # (n, in_channels, size, size) float32, of `read`
    ) -> np.ndarray:  # (n, classes) float32, calibrated by the bundle's temperature and offsets
        """Compute probabilities of prepared inputs.

        Raises `IntegrityError` where the network answers NaN or infinity.
        """
        logits = self.runtime.logits(batch)
        if not np.isfinite(logits).all():
            raise IntegrityError(f"{self.path}: the network's answers are not finite")
        return calibrated(logits, self.meta)

    def probs(
        self,
        sources: Iterable[Any],  # each as for `read`
        bs: int = 32,  # images at a time: bounds memory, does not change results
        decode: Callable[[Any], np.ndarray] = decode,  # source -> (h, w) uint8
    ) -> np.ndarray:  # (n, classes) float32, columns in the order of `vocab`
        """Compute probabilities of many radiographs.

        Raises `ImageRejected` at the first that is none, and what `decode` raises.
        """
        if isinstance(sources, (str, bytes, Path)):
            raise UsageError("probs takes a list; for one image call predict")
        found = [np.empty((0, len(self.vocab)), np.float32)]
        found += [self.probs_of(batch) for batch in self._batches(sources, bs, decode)]
        return np.concatenate(found)

    def embed(
        self,
        sources: Iterable[Any],  # each as for `read`
        bs: int = 32,  # images at a time: bounds memory, does not change results
        decode: Callable[[Any], np.ndarray] = decode,  # source -> (h, w) uint8
    ) -> np.ndarray:  # (n, d) float32, in the order of `sources`; d is the network's own
        """Describe radiographs by what the network's last layer is given: its embeddings.

        Raises `ImageRejected` at the first that is none, what `decode` raises, and
        `IntegrityError` where the network answers NaN or infinity.
        """
        if isinstance(sources, (str, bytes, Path)):
            raise UsageError("embed takes a list; for one image give a list of it")
        blank = np.zeros((1, self.meta["in_channels"], self.size, self.size), np.float32)
        found = [self.runtime.features(blank)[:0]]  # so that of no image there are 0 rows of d
        found += [self.runtime.features(batch) for batch in self._batches(sources, bs, decode)]
        features = np.concatenate(found)
        if not np.isfinite(features).all():
            raise IntegrityError(f"{self.path}: the network's embeddings are not finite")
        return features

    def _batches(
        self,
        sources: Iterable[Any],
        bs: int,  # images at a time
        decode: Callable[[Any], np.ndarray],
    ) -> Iterator[np.ndarray]:  # (bs or fewer, in_channels, size, size) float32
        """Yield the network's inputs, in order. Raises `UsageError`."""
        if bs < 1:
            raise UsageError(f"bs is {bs}, expected 1 or more")
        remaining = iter(sources)
        while True:
            inputs = [prepare(decode(source), self.meta) for source in islice(remaining, bs)]
            if not inputs:
                return
            yield np.stack(inputs)

    # ---- probabilities to answers

    def found(
        self,
        probs: np.ndarray,  # (n, classes), of `probs`
    ) -> np.ndarray:  # (n, classes) bool
        """Tell which classes of a multi-label task reach their threshold.

        It is UNSET where validation fixed none.
        """
        thresholds = [self.meta["thresholds"].get(name, UNSET) for name in self.vocab]
        return np.asarray(probs) >= np.array(thresholds)

    def risk(
        self,
        probs: np.ndarray,  # (n, classes), of `probs`
    ) -> np.ndarray | None:  # (n,) 0-1: what a worklist is ordered by
        """Sum the probability of the classes that are not `negative`, whatever the network.

        Of a multi-label task it is that of the likeliest finding. None for a task where no class
        means nothing found.
        """
        probs = np.asarray(probs)
        decision = self.meta["decision"]
        if self.task is Task.MULTI_LABEL:
            return probs.max(1)
        if not decision:
            return None
        return risk_besides(probs, self.vocab.index(decision["negative"]))

    def answers(
        self,
        probs: np.ndarray,  # (n, classes), of `probs`
    ) -> np.ndarray:  # (n,) indices into vocab
        """Give the class of each radiograph of a single-label task: the most probable one.

        Where the bundle carries a `decision`, it is the negative class unless the others together
        reach the threshold that validation fixed.
        """
        probs = np.asarray(probs)
        decision = self.meta.get("decision")
        if not decision:
            return most_probable(probs)
        negative = self.vocab.index(decision["negative"])
        return most_probable(probs, negative, decision["threshold"])

    def decide(
        self,
        probs: np.ndarray,  # (classes,), of `probs`
        promise: Promise | None = None,  # of `promise`: adds a prediction set
    ) -> Prediction:
        """Turn probabilities into an answer.

        Single label: that of `answers`, if it reaches its threshold; otherwise it abstains and says
        why, and never falls back on a second choice. Multi-label: all that reach theirs, joined by
        `|`, or `none`, as in a manifest.
        """
        answer = self._answer(probs)
        if promise is None:
            return answer
        found = promise.set_of(answer.probs)
        words = f"{answer.decision}; {found.says}"
        return replace(answer, prediction_set=found, decision=words)

    def _answer(
        self,
        probs: np.ndarray,  # (classes,)
    ) -> Prediction:
        """Turn probabilities into an answer, as `decide` says."""
        one_row = np.asarray(probs)[None]
        grounds = self._grounds(one_row)
        if self.task is Task.MULTI_LABEL:
            is_found = self.found(one_row)[0]
            found = [name for name, present in zip(self.vocab, is_found) if present]
            words = findings_words(found, grounds)
            return self._prediction("|".join(found) or NONE, grounds, words, None)
        best = self.vocab[int(self.answers(one_row)[0])]
        own = self.meta["thresholds"].get(best)
        threshold = own if grounds.threshold is None else grounds.threshold
        if own is None or grounds.probs[best] >= own:
            return self._prediction(best, grounds, class_words(best, False, grounds), threshold)
        words = class_words(best, True, grounds)
        return self._prediction(None, grounds, words, threshold)

    def _grounds(
        self,
        one_row: np.ndarray,  # (1, classes)
    ) -> Grounds:
        """Collect what an answer follows from."""
        risks = self.risk(one_row)
        decision = self.meta["decision"]
        return Grounds(
            probs={name: float(p) for name, p in zip(self.vocab, one_row[0])},
            thresholds=self.meta["thresholds"],
            display=self.display,
            negative=decision.get("negative", ""),
            risk=None if risks is None else float(risks[0]),
            threshold=decision.get("threshold"),
        )

    def _prediction(
        self,
        label: str | None,  # None: it abstains
        grounds: Grounds,
        decision: str,  # in words
        threshold: float | None,  # that the answer was held against
    ) -> Prediction:
        """Put an answer together with what it was made from."""
        abstained = label is None
        return Prediction(
            label=label,
            probs=dict(grounds.probs),
            thresholds=dict(grounds.thresholds),
            abstained=abstained,
            reason=decision.removeprefix("no answer: ") if abstained else "",
            decision=decision,
            threshold=threshold,
            risk=grounds.risk,
        )

    def predict(
        self,
        source: Any,  # as for `read`
        coverage: float | None = None,  # of a prediction set beside the answer, as 0.9; None: none
        gate: bool = True,  # False: also what is no upright frontal chest film is answered
        right: bool = False,  # turn and invert back what looks turned or inverted, and say so
    ) -> Prediction:
        """Answer for one radiograph, with what is odd about it.

        What the gate refuses has no label and no probabilities, and the reason. Raises
        `ImageRejected`, and `UsageError` for a coverage that the bundle cannot promise, and where
        nothing could be righted.
        """
        promise = self.promise(coverage)
        gates = gates_of([self.gate], [self.path], gate, right)
        radiograph = radiograph_of(source)
        screened = screen(gates, radiograph.pixels, right)
        if screened.refused:
            return replace(screened.refusal, notes=radiograph.notes, view=FilmView(source))
        array = prepare(screened.pixels, self.meta)
        answer = screened.marked(self.decide(self.probs_of(array[None])[0], promise))
        view = FilmView(source, screened.righted)
        return replace(answer, notes=radiograph.notes, view=view)

    def promise(
        self,
        coverage: float | None,  # share of the patients of each class; None: nothing is promised
    ) -> Promise | None:
        """Return what makes prediction sets of a coverage. Raises `UsageError`."""
        if coverage is None:
            return None
        return promise_of(self.meta, coverage, self.path)

    # ---- what it is

    def _repr_html_(self) -> str:
        """Show what it answers, how it decides and how it scored, in a notebook."""
        from cxr_fastai.reporting.html import render

        return render("bundle", "bundle.html", page=False, b=self, facts=facts(self.meta))

    # ---- what it has seen

    def saw(
        self,
        rows: Iterable[Mapping[str, Any]],  # of a manifest, as records: pixel_sha256, patient
    ) -> list[bool] | None:
        """Tell whether training or validation had each image, or another of its patient.

        None where the bundle does not tell. Raises `IntegrityError` where its list was changed.
        """
        sha256 = self.meta["trained_on_sha256"]
        if not sha256:
            return None
        names = read_names(self.path / TRAINED_ON, sha256)
        return [short_name(row["pixel_sha256"]) in names or row["patient"] in names for row in rows]


explain_methods(Bundle)  # for help()
