"""What all handlers share: the model, what answers with it, and how the server was started."""

from __future__ import annotations

from dataclasses import dataclass, field

from cxr_fastai.app.limits import Limits
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
