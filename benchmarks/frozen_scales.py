"""What the scale of inputs does to a pretrained network that is not trained further.

Pooled features of curated films, with the network's normalisation in its first layer, and with
inputs of twice that scale, as they were before it was; a logistic regression on those of train.
Prints JSON: AUROC on validation. Usage: python benchmarks/frozen_scales.py FOLDER [SIDE] [ARCH]
"""

import json
import sys
import time

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxr_fastai.bundle.inputs import normalise
from cxr_fastai.manifest import read_manifest
from cxr_fastai.models.input_scale import GRAY_MEAN, GRAY_STD
from cxr_fastai.models.networks import build_network
from cxr_fastai.models.weights import load_weights
from cxr_fastai.training.pixel_cache import pixel_cache

AT_ONCE = 64  # films
SCALES = {"own": 1.0, "doubled": 2.0}


def features(body: torch.nn.Module, films: np.ndarray, gain: float) -> np.ndarray:
    """Pool what the body finds in each film."""
    found = []
    for start in range(0, len(films), AT_ONCE):
        batch = normalise(films[start : start + AT_ONCE, None], GRAY_MEAN, GRAY_STD) * gain
        with torch.inference_mode():
            found.append(body(torch.from_numpy(batch)).mean((2, 3)).numpy())
    return np.concatenate(found)


def main() -> None:
    folder, side, arch = (*sys.argv[1:], *("224", "tf_efficientnet_lite0")[len(sys.argv) - 2 :])
    manifest = read_manifest(folder)
    rows, pixels = pixel_cache(manifest, int(side))
    negative = manifest.recipe.negative
    net = build_network(arch, 2).eval()
    loaded = load_weights(net, "imagenet", arch)
    body = net[0].to(memory_format=torch.channels_last)
    of = {}
    for split in ("train", "valid"):
        own = [row for row in manifest.rows if row.split == split]
        films = pixels[[rows[str(manifest.root / row.path)] for row in own]]
        of[split] = films, np.array([row.label != negative for row in own])
    for name, gain in SCALES.items():
        begun = time.monotonic()
        train, valid = (features(body, of[split][0], gain) for split in ("train", "valid"))
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        model.fit(train, of["train"][1])
        auroc = roc_auc_score(of["valid"][1], model.predict_proba(valid)[:, 1])
        line = {"scale": name, "valid_auroc": round(float(auroc), 4), "n_train": len(train)}
        seconds = round(time.monotonic() - begun)
        print(json.dumps({**line, "n_valid": len(valid), "seconds": seconds, "loaded": loaded}))


if __name__ == "__main__":
    main()
