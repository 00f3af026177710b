"""What all handlers share: the model, what answers with it, and how the server was started."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from cxr_fastai import progress
from cxr_fastai.app.heats import Heats
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.metrics import Metrics
from cxr_fastai.app.model_facts import ModelFacts, model_facts
from cxr_fastai.app.page_facts import PageFacts, about_page
from cxr_fastai.app.service import Service
from cxr_fastai.app.similar import Similar
from cxr_fastai.app.tokens import Sessions
from cxr_fastai.app.told import Told, told_of
from cxr_fastai.app.turns import Turns, Visits
from cxr_fastai.serving.answers import Model

__all__ = ["Site"]


@dataclass(frozen=True)
class Site:
    """A server's own things. Handlers get it with every request."""

    model: Model
    service: Service
    limits: Limits = field(default_factory=Limits)
    token: str = field(default="", repr=False)  # empty: none is asked for
    names: tuple[str, ...] = ()  # of --name: it answers under them too
    similar: Similar | None = field(default=None, repr=False)  # None: started without --films
    metrics: Metrics = field(default_factory=Metrics, repr=False)
    sessions: Sessions = field(default_factory=Sessions, repr=False)

    @cached_property
    def turns(self) -> Turns:
        """The queue of requests with films."""
        return Turns(self.limits)

    @cached_property
    def visits(self) -> Visits:
        """How often each client came with films."""
        return Visits(self.limits.per_minute)

    @cached_property
    def told(self) -> Told:
        """What the page says of every film in the same way."""
        return told_of(self.model)

    @cached_property
    def heats(self) -> Heats:
        """What computes heats."""
        return Heats(self.model, progress)

    @cached_property
    def model_facts(self) -> ModelFacts:
        """What the bundles are, for programs."""
        service = self.service
        return model_facts(self.model, self.limits, service.gate, service.right)

    @cached_property
    def facts(self) -> PageFacts:
        """What the pages say of the bundles."""
        return about_page(
            self.model,
            gate=self.service.gate,
            right=self.service.right,
            has_heat=not self.heats.why_not,
            has_similar=self.similar is not None,
            token=bool(self.token),
            max_bytes=self.limits.max_bytes,
            csv_header=self.told.csv_header,
        )
