"""One run in several processes, a GPU each, on one machine or more.

`torchrun .. -m cxr_fastai train DATA`. Each process holds the same network and trains on its share
of every batch; gradients are averaged. The first one (rank 0) alone writes and prints. Does nothing
where there is one process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from fastai.data.load import DataLoader
from fastai.learner import Learner
from torch.nn.parallel import DistributedDataParallel

from cxr_fastai.core import CxrError, UsageError

__all__ = [
    "world",
    "rank",
    "begin",
    "end",
    "shared",
    "first",
    "distributed",
    "same_everywhere",
    "unwrapped_network",
    "unwrapped_loader",
]

T = TypeVar("T")


def world() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE", 1))


def rank() -> int:
    """Return this process's number, from 0."""
    return int(os.environ.get("RANK", 0))


def begin() -> None:
    """Meet the other processes.

    Raises `UsageError` where accelerate, which fastai's distrib_ctx needs, is missing.
    """
    if world() == 1 or dist.is_initialized():
        return
    try:
        import accelerate  # noqa: F401  only whether it is there
    except ImportError as e:
        raise UsageError(
            "training in several processes needs accelerate: pip install 'cxr_fastai[distributed]'"
        ) from e
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        dist.init_process_group("nccl")
    else:
        dist.init_process_group("gloo")


def end() -> None:
    """Part from the other processes; nobody leaves before all are done."""
    if not dist.is_initialized():
        return
    dist.barrier()
    dist.destroy_process_group()


def shared(decide: Callable[[], T]) -> T:
    """Return in all processes what `decide` gives in the first one.

    A choice that hangs on files is made once.
    """
    if not dist.is_initialized():
        return decide()
    decision = [decide() if rank() == 0 else None]
    dist.broadcast_object_list(decision)
    return decision[0]  # type: ignore[return-value]  # None stood there only before the broadcast


def first(act: Callable[[], T]) -> T:
    """Let the first process `act` before the others do: what it fetches or decodes, they find."""
    if not dist.is_initialized():
        return act()
    if rank() == 0:
        result = act()
        dist.barrier()
        return result
    dist.barrier()
    return act()


@contextmanager
def distributed(learn: Learner) -> Iterator[None]:
    """Spread training over the processes, by fastai's distrib_ctx, where there are several.

    Batch norm is synchronised on GPUs, which alone can.
    """
    if not dist.is_initialized():
        yield
        return
    import fastai.distributed  # adds distrib_ctx to Learner

    has_gpu = torch.cuda.is_available()
    fastai.distributed.DistributedDL._broadcast = _broadcast
    with learn.distrib_ctx(sync_bn=has_gpu, cpu=not has_gpu):
        yield


def _broadcast(self: Any, t: Any, rank: int) -> list[int]:
    """Replace DistributedDL's own, which moves to a GPU whether there is one or not."""
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    tensor = torch.tensor(t, device=device)
    dist.broadcast(tensor, rank)
    return tensor.tolist()


def unwrapped_network(net: torch.nn.Module) -> torch.nn.Module:
    """Return the network that DistributedDataParallel wraps, or `net` itself."""
    return net.module if isinstance(net, DistributedDataParallel) else net


def unwrapped_loader(loader: DataLoader) -> DataLoader:
    """Return the loader that fastai's DistributedDL wraps, or `loader` itself."""
    if not dist.is_initialized():
        return loader
    from fastai.distributed import DistributedDL

    return loader.dl if isinstance(loader, DistributedDL) else loader


def same_everywhere(net: torch.nn.Module) -> None:
    """Give every process the first one's tensors, after a look at whether training kept them equal.

    Raises `CxrError` where it did not.
    """
    if not dist.is_initialized():
        return
    weights = [p.detach() for p in net.parameters()]
    sums = torch.stack([p.double().abs().sum() for p in weights])
    wanted = sums.clone()
    dist.broadcast(wanted, 0)
    if not torch.equal(sums, wanted):
        raise CxrError("the processes' weights have drifted apart: a bug, please report.")
    for t in net.state_dict().values():
        dist.broadcast(t, 0)
