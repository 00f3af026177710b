"""What all handlers share: the model, what answers with it, and how the server was started."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.page_facts import PageFacts, about_page
from cxr_fastai.app.service import Service
from cxr_fastai.serving.answers import Model

__all__ = ["Site"]


@dataclass(frozen=True)
class Site:
    """A server's own things. Handlers get it with every request."""

    model: Model
    service: Service
    limits: Limits = field(default_factory=Limits)
    token: str = field(default="", repr=False)  # empty: none is asked for

    @cached_property
    def facts(self) -> PageFacts:
        """What the pages say of the bundles."""
        return about_page(
            self.model,
            gate=self.service.gate,
            token=bool(self.token),
            max_bytes=self.limits.max_bytes,
        )
