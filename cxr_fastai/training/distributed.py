"""One run in several processes, a GPU each, on one machine or more: `torchrun .. -m cxr_fastai train DATA`.

Each process holds the same network and trains on its share of every batch; gradients are averaged. The first one (rank
0) alone writes and prints. Does nothing where there is one process.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

import torch
import torch.distributed as dist
from fastai.learner import Learner

from cxr_fastai.core import CxrError, UsageError

__all__ = ["world", "rank", "begin", "end", "shared", "first", "distributed", "same_everywhere"]


def world() -> int:
    return int(os.environ.get("WORLD_SIZE", 1))


def rank() -> int:
    return int(os.environ.get("RANK", 0))


def begin():
    """Meet the other processes. Raises `UsageError` where accelerate, which fastai's distrib_ctx needs, is missing."""
    if world() == 1 or dist.is_initialized():
        return
    try:
        import accelerate  # noqa: F401
    except ImportError as e:
        raise UsageError(
            "training in several processes needs accelerate: pip install 'cxr_fastai[distributed]'"
        ) from e
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        dist.init_process_group("nccl")
    else:
        dist.init_process_group("gloo")


def end():
    """Part from them; nobody leaves before all are done."""
    if not dist.is_initialized():
        return
    dist.barrier()
    dist.destroy_process_group()


def shared(decide):
    """What `decide()` gives in the first process, in all of them: a choice that hangs on files is made once."""
    if not dist.is_initialized():
        return decide()
    box = [decide() if rank() == 0 else None]
    dist.broadcast_object_list(box)
    return box[0]


def first(act):
    """Let the first process `act()` before the others do: what it downloads or decodes, they find."""
    if not dist.is_initialized():
        return act()
    done = act() if rank() == 0 else None
    dist.barrier()
    return done if rank() == 0 else act()


@contextmanager
def distributed(learn: Learner):
    """Fastai's distrib_ctx, where there are several processes; batch norm is synchronised on GPUs, which alone can."""
    if not dist.is_initialized():
        yield
        return
    import fastai.distributed  # adds distrib_ctx to Learner

    gpu = torch.cuda.is_available()
    fastai.distributed.DistributedDL._broadcast = _broadcast
    with learn.distrib_ctx(sync_bn=gpu, cpu=not gpu):
        yield


def _broadcast(self, t, rank):
    """In place of DistributedDL's own, which moves to a GPU whether there is one or not."""
    t = torch.tensor(t, device="cuda" if dist.get_backend() == "nccl" else "cpu")
    dist.broadcast(t, rank)
    return t.tolist()


def same_everywhere(net: torch.nn.Module):
    """Give every process the first one's tensors, after a look at whether training kept them equal. Raises `CxrError`."""
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
