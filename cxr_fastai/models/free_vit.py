"""torchvision's vision transformer for squares of any size.

Images in, the class token of each out. It alone of `models` has a class of torchvision's for its
own, so that whoever needs none of it need not import it.
"""

from __future__ import annotations

import torch
import torchvision
from torch import nn

__all__ = ["FreeViT"]


class FreeViT(torchvision.models.VisionTransformer):
    """torchvision's vision transformer for squares of any multiple of its patch.

    Its learned positions are interpolated to the squares that come.
    """

    def forward(
        self,
        x: torch.Tensor,  # (n, 3, side, side)
    ) -> torch.Tensor:
        """Give the class token of each image: (n, hidden_dim)."""
        patches = self.conv_proj(x)
        classes = self.class_token.expand(x.shape[0], -1, -1)  # len would fix it in exports
        tokens = torch.cat([classes, patches.flatten(2).transpose(1, 2)], 1)
        tokens = tokens + self._positions(patches.shape[-1])
        encoded = self.encoder.layers(self.encoder.dropout(tokens))
        return self.encoder.ln(encoded)[:, 0]

    def _positions(
        self,
        side: int,  # patches
    ) -> torch.Tensor:
        """Give a position for the class token and each patch of a square."""
        learned: torch.Tensor = self.encoder.pos_embedding
        first = learned[:, :1]
        rest = learned[:, 1:]
        known = round(rest.shape[1] ** 0.5)
        if known == side:
            return learned
        grid = rest.transpose(1, 2).unflatten(2, (known, known))
        grid = nn.functional.interpolate(grid, (side, side), mode="bicubic", align_corners=False)
        return torch.cat([first, grid.flatten(2).transpose(1, 2)], 1)
