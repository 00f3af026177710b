"""What computes a bundle's network: torch, or an engine that needs none of it.

Prepared inputs in, logits or features out. A bundle knows nothing else of what it runs on, so that
it answers where torch is not installed. Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ONNX", "RUNTIMES", "TORCH", "Runtime"]

TORCH = "torch"  # that which is taken where none is named
ONNX = "onnx"
RUNTIMES = (TORCH, ONNX)


class Runtime(Protocol):
    """Computes a network."""

    @property
    def name(self) -> str:
        """One of RUNTIMES."""

    def logits(
        self,
        batch: np.ndarray,  # (n, in_channels, size, size) float32, of `inputs.prepare`
    ) -> np.ndarray:  # (n, classes) float32, before temperature and offsets
        """Compute what the network answers."""

    def features(
        self,
        batch: np.ndarray,  # as for `logits`
    ) -> np.ndarray:  # (n, d) float32
        """Compute what the network's last layer is given: its own description of each image."""
