"""An architecture's name -> a plain torch network (body, head, groups), so that a bundle loads without fastai.

Names and weight files in, `nn.Sequential(body, head)` out. Layers, their order and their state-dict keys are those of
fastai's `vision_learner`, so weights travel both ways. Never imports fastai, never unpickles more than tensors, and
never leaves a network half loaded: either every weight of the body is found in the file or nothing is changed.
"""

from __future__ import annotations

import errno
import re
import socket
import sys
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse

import safetensors.torch
import torch
import torchvision
from torch import nn

from cxr_fastai.core import (
    IntegrityError,
    SourceUnavailable,
    StorageError,
    UsageError,
    one_line,
    sha256_file,
)
from cxr_fastai.models.architectures import body_parts, family_of, from_timm

__all__ = ["AdaptiveConcatPool2d", "build_network", "param_groups", "load_weights"]

STALL = 30  # seconds without an answer after which a download gives up; torch.hub itself would wait for ever
HIDDEN = 512  # width of the head's inner layer, as in fastai's create_head
COUNTER = "num_batches_tracked"  # batch norm's step counter: no weight, and older files lack it
WRAPPERS = (
    "module.",
    "model.",
    "_orig_mod.",
)  # what DataParallel, Lightning and torch.compile put before every key
ELSE = (
    "Train from scratch with `--weights none`, or give a .pth or .safetensors state dict, or a bundle's "
    "model.safetensors, with `--weights FILE`."
)
DENSE = re.compile(
    r"(denselayer\d+\.(?:norm|conv))\.(\d+\.)"
)  # norm.1 for norm1: DenseNets' files of old
DISK = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


# ---- networks


class AdaptiveConcatPool2d(nn.Module):
    """(n, c, h, w) -> (n, 2c, 1, 1): each channel's largest value, then each channel's mean."""

    def __init__(self):
        super().__init__()
        self.ap, self.mp = nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)

    def forward(self, x):
        return torch.cat([self.mp(x), self.ap(x)], 1)


def _stem(body: nn.Module) -> tuple[str, nn.Conv2d]:
    """The name and the layer of the convolution that sees the image."""
    return next((name, m) for name, m in body.named_modules() if isinstance(m, nn.Conv2d))


def _set_in_channels(body: nn.Sequential, n: int):
    """Replace the first convolution by one of `n` input channels, initialised as torchvision does the others."""
    name, old = _stem(body)
    if old.in_channels == n:
        return
    new = nn.Conv2d(
        n, old.out_channels, old.kernel_size, old.stride, old.padding, bias=old.bias is not None
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    body.set_submodule(name, new)


def _head(nf: int, n_out: int) -> nn.Sequential:
    """Fastai's default vision head, layer by layer and with its initialisation (apply_init, kaiming_normal_)."""
    head = nn.Sequential(
        AdaptiveConcatPool2d(),
        nn.Flatten(),
        nn.BatchNorm1d(2 * nf),
        nn.Dropout(0.25),
        nn.Linear(2 * nf, HIDDEN, bias=False),
        nn.ReLU(inplace=True),
        nn.BatchNorm1d(HIDDEN),
        nn.Dropout(0.5),
        nn.Linear(HIDDEN, n_out, bias=False),
    )
    for m in head:
        if isinstance(m, nn.Linear):
            nn.init.kaiming_normal_(m.weight)
        if isinstance(m, nn.BatchNorm1d):
            nn.init.constant_(m.bias, 1e-3)  # fastai.layers.BatchNorm starts there
    return head


def build_network(
    arch: str,  # of architectures.FAMILIES: torchvision's, timm's where it is installed, cnn
    n_out: int,  # outputs, one a class
    in_channels: int = 1,  # radiographs are gray
) -> nn.Sequential:  # body, head; maps (n, in_channels, h, w) to (n, n_out) logits
    """Build a network with random weights; nothing is fetched. Raises `UnknownName`."""
    parts, nf = body_parts(arch, in_channels)
    if n_out < 1:
        raise UsageError(f"a network needs at least one class, not {n_out}")
    body = nn.Sequential(*parts.values())
    _set_in_channels(body, in_channels)
    net = nn.Sequential(body, _head(nf, n_out))
    net.arch = arch
    return net


def param_groups(
    net: nn.Sequential,  # of build_network
) -> list[list[nn.Parameter]]:  # early body, late body, head
    """Split the parameters into groups that learn at their own rates, slowest first. Usable as fastai's `splitter`."""
    body, head = net
    early = family_of(net.arch).early(body)
    known = set(map(id, early))
    return [early, [p for p in body.parameters() if id(p) not in known], list(head.parameters())]


# ---- weights


def load_weights(
    net: nn.Sequential,  # of build_network(arch, ..); changed in place
    weights: str | Path,  # "none", "imagenet", or a .pth or .safetensors file
    arch: str,  # the name `net` was built from
) -> str:  # what was loaded, as in "imagenet: 216 of 216 body tensors"
    """Load the body; the head always starts fresh.

    A three-channel first convolution is summed over its channels for a one-channel network: a gray image repeated
    three times and the image itself then give the same activations, exactly where all three channels are normalised
    with one mean and deviation, as radiographs are here. ImageNet's own constants differ by channel (means 0.406 to
    0.485, deviations 0.224 to 0.229), so its body sees inputs slightly shifted and scaled; training absorbs that.

    Raises `SourceUnavailable` (no network), `UsageError` (no such file), `IntegrityError` (not this network's weights).
    """
    family_of(arch)
    if str(weights) == "none":
        return "none: every weight starts at random"
    source = str(weights)
    if source == "imagenet":
        state = _imagenet(arch)
    else:
        state = _body_state(_tensors(_read(_existing(weights)), source), arch)
    found = _match(state, net[0], arch, source)
    net[0].load_state_dict(
        found, strict=False
    )  # _match was strict; only step counters may be absent
    return f"{source}: {len(found)} of {len(found)} body tensors"


def _existing(weights) -> Path:
    file = Path(weights)
    if file.is_file():
        return file
    raise UsageError(
        f"no weights file {str(weights)!r}: expected imagenet, none, or a .pth or .safetensors file"
    )


def _read(file: Path):
    """What a weights file holds. Only tensors and plain containers are ever unpickled."""
    try:
        if file.suffix.lower() == ".safetensors":
            return safetensors.torch.load_file(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}") from e
    except Exception as e:  # a damaged or hostile file may fail in any way inside the parser
        raise IntegrityError(
            f"{file} is no plain state dict ({_why(e)}); nothing in it was run. Give the network's "
            "state_dict(), saved with safetensors or torch.save."
        ) from e


def _why(e: Exception) -> str:
    """Torch's refusal in a few words; its own text goes on to advise loading the file without protection."""
    code = re.search(r"GLOBAL (\S+)", str(e))
    return (
        f"it asks for the Python object {code[1]}" if code else f"{type(e).__name__} while reading"
    )


def _tensors(obj, source: str) -> dict[str, torch.Tensor]:
    """The tensors of a state dict, also of one that a trainer wrapped, without the wrappers' prefixes."""
    for key in ("state_dict", "model"):
        if isinstance(obj, dict) and isinstance(obj.get(key), dict):
            obj = obj[key]
    tensors = {}
    for key, value in obj.items() if isinstance(obj, dict) else ():
        if not isinstance(value, torch.Tensor):
            continue
        bare = _bare(str(key))
        if bare in tensors:
            raise IntegrityError(f"{source} holds {bare!r} twice, under different prefixes")
        tensors[bare] = value
    return tensors


def _bare(key: str) -> str:
    while key.startswith(WRAPPERS):
        key = key.split(".", 1)[1]
    return key


def _body_state(tensors: dict, arch: str) -> dict[str, torch.Tensor]:
    """The body's tensors by the torchvision name of their layer, from torchvision's keys or our own."""
    names = _body_names(arch)
    if not any(k.startswith("0.") for k in tensors):
        return {DENSE.sub(r"\1\2", k): v for k, v in tensors.items()}
    state = {}
    for key, value in tensors.items():
        part, index, rest = (key.split(".", 2) + ["", ""])[:3]
        if part == "0" and index.isdecimal() and int(index) < len(names):
            state[_joined(names[int(index)], rest)] = value
    return state


def _joined(child: str, rest: str) -> str:
    return f"{child}.{rest}" if child else rest


def _body_names(arch: str) -> list[str]:
    """Torchvision's names of the body's children, in order."""
    with torch.device("meta"):
        return list(body_parts(arch)[0])


def _match(
    state: dict,  # torchvision key -> tensor
    body: nn.Sequential,
    arch: str,
    source: str,  # names the file in errors
) -> dict[str, torch.Tensor]:  # every tensor of `body`, by its own key
    """Find each of the body's tensors. Raises `IntegrityError` that counts and names what is missing."""
    names, stem = _body_names(arch), _stem(body)[0] + ".weight"
    found, wanted, problem = {}, 0, ""
    for key, want in body.state_dict().items():
        index, rest = key.split(".", 1)
        name = _joined(names[int(index)], rest)
        got = state.get(name)
        if got is None and name.endswith(COUNTER):
            continue
        wanted += 1
        if key == stem:
            got = _fit_channels(got, want.shape[1])
        why = _misfit(got, want)
        if why:
            problem = problem or f"{name} {why}"
        else:
            found[key] = got
    if not problem:
        return found
    raise IntegrityError(
        f"{source}: {len(found)} of {wanted} body tensors of {arch} fit; the first that does not: "
        f"{problem}. Nothing was loaded. Is it another architecture's file?"
    )


def _fit_channels(weight, n: int):
    """A first convolution's weight (out, c, h, w) for `n` input channels where that loses nothing, else as it is."""
    if weight is None or weight.ndim != 4 or weight.shape[1] == n:
        return weight
    if n == 1 and weight.shape[1] == 3:
        return weight.sum(1, keepdim=True)
    if n == 3 and weight.shape[1] == 1:
        return weight.expand(-1, n, -1, -1) / n
    return weight


def _misfit(got, want: torch.Tensor) -> str:
    """Why `got` cannot stand for `want`; empty where it can."""
    if got is None:
        return "is missing"
    if got.shape != want.shape:
        return f"has shape {tuple(got.shape)}, expected {tuple(want.shape)}"
    if got.is_floating_point() != want.is_floating_point():
        return f"is {got.dtype}, expected {want.dtype}"
    return "" if torch.isfinite(got).all() else "holds values that are not finite"


# ---- ImageNet weights


def _imagenet(arch: str) -> dict[str, torch.Tensor]:
    """Pretrained tensors by the names of the whole network. Raises `SourceUnavailable`."""
    if from_timm(arch):
        return _timm_imagenet(arch)
    if arch == "cnn":
        raise UsageError(
            "cnn is a plain baseline that nobody pretrained: train it with --weights none."
        )
    return _body_state(_tensors(_read(_imagenet_file(arch)), "imagenet"), arch)


def _timm_imagenet(arch: str) -> dict[str, torch.Tensor]:
    """Timm's default weights, by its own download from the Hugging Face hub into that hub's cache."""
    import timm

    try:
        return timm.create_model(arch, pretrained=True, num_classes=0).state_dict()
    except Exception as e:  # the hub's client has many errors, for no network alone
        why = one_line(e)[:120]
        raise SourceUnavailable(
            f"cannot fetch pretrained weights of {arch} by timm ({why}). {ELSE}"
        ) from e


def _imagenet_file(arch: str) -> Path:
    """Torchvision's official weights, from torch.hub's cache or fetched into it. Checks the hash in the file's name."""
    url = torchvision.models.get_model_weights(arch).DEFAULT.url
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    tag = re.search(r"-([0-9a-f]{8,})\.", file.name)
    prefix = tag[1] if tag else None
    if file.is_file() and sha256_file(file).startswith(prefix or ""):
        return file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _no_place(file, e) from e
    try:
        with _stall_limit(STALL):
            torch.hub.download_url_to_file(url, str(file), prefix, progress=sys.stderr.isatty())
    except (OSError, HTTPException, RuntimeError) as e:
        if getattr(e, "errno", None) in DISK:
            raise _no_place(file, e) from e
        why = one_line(e).strip("<>")
        raise SourceUnavailable(
            f"cannot fetch ImageNet weights of {arch} from {url} ({why}). {ELSE}"
        ) from e
    return file


def _no_place(file: Path, e: OSError) -> StorageError:
    return StorageError(
        f"cannot keep weights at {file}: {e.strerror}. Set TORCH_HOME to another folder."
    )


@contextmanager
def _stall_limit(seconds: float):
    """Sockets opened inside give up after `seconds` of silence."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
