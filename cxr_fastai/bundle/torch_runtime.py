"""A bundle's network in torch: its weights checked and computed with, without pickle.

Bytes of safetensors and a Meta in, a TorchRuntime out. Nothing is computed with that was not
checked: the SHA-256 of the weights, every tensor's shape, that all are finite. Never changes a
weight, never unpickles, never imports fastai or pandas.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from cxr_fastai.bundle.files import BUNDLE_JSON, WEIGHTS, read_bytes
from cxr_fastai.bundle.meta import Meta
from cxr_fastai.core import IntegrityError, UsageError, one_line
from cxr_fastai.models.networks import build_network

__all__ = ["TorchRuntime", "check_tensors", "read_network", "stored_tensors"]


@dataclass(frozen=True, eq=False)
class TorchRuntime:
    """A network of torch that answers."""

    net: torch.nn.Module = field(repr=False)
    device: torch.device
    name: str = "torch"

    def logits(
        self,
        batch: np.ndarray,  # (n, in_channels, size, size) float32
    ) -> np.ndarray:  # (n, classes) float32
        """Compute what the network answers."""
        return self._run(self.net, batch)

    def features(
        self,
        batch: np.ndarray,  # (n, in_channels, size, size) float32
    ) -> np.ndarray:  # (n, d) float32
        """Compute what the last layer is given."""
        body, head = self.net.children()
        return self._run(torch.nn.Sequential(body, head[:-1]), batch)

    def tensor(
        self,
        array: np.ndarray,
    ) -> torch.Tensor:
        """Turn an array into a tensor of its own memory, in main memory."""
        return torch.tensor(array)

    def _run(
        self,
        net: torch.nn.Module,
        batch: np.ndarray,  # (n, in_channels, size, size) float32
    ) -> np.ndarray:  # float32
        """Run a network, whatever a caller did to it: dropout and batch statistics off."""
        net.eval()
        given = torch.from_numpy(np.require(batch, np.float32, ["C", "W"]))
        with torch.inference_mode():
            found = net(given.to(self.device)).float()
        array: np.ndarray = found.cpu().numpy()
        return array


# ---- read


def read_network(
    folder: Path,  # a bundle's
    meta: Meta,  # its own
    device: str | torch.device | None,  # None: a GPU if there is one
) -> TorchRuntime:
    """Read the weights of a bundle after checking all of them.

    Raises `IntegrityError` where they are not what `meta` says, `UsageError` for a device that
    cannot be had.
    """
    weights = folder / WEIGHTS
    tensors = _read_tensors(weights, meta["weights_sha256"])
    check_tensors(tensors, meta, weights)
    net = _filled(meta, tensors)
    where = _device(device)
    return TorchRuntime(_laid_out(net.to(where)).eval(), where)


def _filled(meta: Meta, tensors: dict[str, torch.Tensor]) -> torch.nn.Sequential:
    """Build the network with its weights.

    Without memory for others before, unless it has tensors that no state holds, as the positions of
    timm's swin: it is built whole then. Touches no random generator.
    """
    net = _blank_network(meta, tensors)
    net.load_state_dict(tensors, assign=True)
    if not any(tensor.is_meta for tensor in (*net.parameters(), *net.buffers())):
        return net
    with torch.random.fork_rng(devices=[]):
        net = build_network(meta["arch"], len(meta["vocab"]), meta["in_channels"], tensors)
    net.load_state_dict(tensors)
    return net


def _laid_out(net: torch.nn.Sequential) -> torch.nn.Sequential:
    """Lay weights out as processors convolve fastest: channels last.

    Batches of 32 at 224 px took 0.67 (cnn) to 0.97 (convnext_tiny) of the processor seconds that
    they take otherwise (docs/prediction.md). A GPU has layouts of its own choice.
    """
    if next(net.parameters()).device.type != "cpu":
        return net
    laid_out: torch.nn.Sequential = net.to(memory_format=torch.channels_last)
    return laid_out


def _read_tensors(file: Path, expected_sha256: str) -> dict[str, torch.Tensor]:
    """Read the weights. The same bytes are hashed and parsed, so none can change in between."""
    data = read_bytes(file)
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected_sha256:
        raise IntegrityError(
            f"{file}: SHA-256 is {actual}, {BUNDLE_JSON} says {expected_sha256}. The weights were "
            "damaged or replaced after training: copy the bundle again from where it was made."
        )
    try:
        tensors: dict[str, torch.Tensor] = safetensors.torch.load(data)
    except Exception as e:  # the parser refuses foreign bytes with errors of several libraries
        raise IntegrityError(f"{file} is no safetensors file: {one_line(e)[:120]}") from e
    return tensors


def _device(name: str | torch.device | None) -> torch.device:
    """Find the device to compute on. Raises `UsageError` where it cannot be had."""
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name or usual)
    except RuntimeError as e:
        raise UsageError(f"unknown device {str(name)!r}: expected cpu, cuda or cuda:N") from e
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"no GPU for device {name!r}: use cpu")
    return device


# ---- the network that bundle.json describes


def stored_tensors(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copy a network's tensors into main memory, contiguous; floats as float32."""
    return {name: _stored(tensor) for name, tensor in net.state_dict().items()}


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a tensor as it is stored."""
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to("cpu", dtype, copy=True).contiguous()


def _blank_network(meta: Meta, tensors: dict[str, torch.Tensor]) -> torch.nn.Sequential:
    """Build the network that `meta` describes and `tensors` are of, without memory for its weights.

    Touches no random generator.
    """
    with torch.device("meta"):
        return build_network(meta["arch"], len(meta["vocab"]), meta["in_channels"], tensors)


def check_tensors(
    tensors: dict[str, torch.Tensor],
    meta: Meta,
    file: Path,  # named in errors
) -> None:
    """Raise `IntegrityError` unless these are the tensors of the network that `meta` describes.

    They must be the same one for one, and finite.
    """
    wanted = _blank_network(meta, tensors).state_dict()
    network = f"a {meta['arch']} of {len(meta['vocab'])} classes"
    for key in (*wanted, *tensors):
        if key not in tensors:
            raise IntegrityError(f"{file}: tensor {key!r} of {network} is missing")
        if key not in wanted:
            raise IntegrityError(f"{file}: tensor {key!r} does not belong to {network}")
        problem = _misfit(tensors[key], wanted[key], network)
        if problem:
            raise IntegrityError(f"{file}: tensor {key!r} {problem}")


def _misfit(
    given: torch.Tensor,
    wanted: torch.Tensor,
    network: str,  # in words
) -> str:
    """Say why a tensor cannot stand for the wanted one; empty where it can."""
    if (given.shape, given.dtype) != (wanted.shape, wanted.dtype):
        return (
            f"is {given.dtype} {tuple(given.shape)}, "
            f"{network} has {wanted.dtype} {tuple(wanted.shape)}"
        )
    if not torch.isfinite(given).all():
        return "is not finite everywhere"
    return ""
