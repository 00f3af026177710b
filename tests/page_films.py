"""What the page is tried with: two small bundles, and films of every kind, all drawn."""

from pathlib import Path

import numpy as np
import torch
from dicom_files import write_dicom
from gate_films import small_gate
from PIL import Image
from toy_rows import META, VOCAB

from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import draw

FILM = 9200  # seed of the film that is turned and inverted
DECIDES = "decides"  # by a threshold on the risk
ABSTAINS = "abstains"  # each class has a threshold that none reaches


def saved_bundle(folder: Path, kind: str) -> Path:
    "Save a small network with a gate that knows drawn films."
    torch.manual_seed(0)
    network = build_network("cnn", len(VOCAB))
    meta = {**META, "arch": "cnn"}
    if kind == ABSTAINS:
        meta["thresholds"] = dict.fromkeys(VOCAB, 0.99)
    else:
        bare = save_bundle(folder.parent / "bare", network, meta)
        meta["decision"] = {"negative": "normal", "threshold": middle_risk(bare)}
    return save_bundle(folder, network, meta, gate=small_gate())


def middle_risk(bundle: Path) -> float:
    "A risk that lies between those of two drawn films."
    model = load_bundle(bundle, "cpu")
    risks = []
    for seed in (FILM, FILM + 1):
        answer = model.predict(draw("normal", seed, 128))
        risks.append(1 - answer.probs["normal"])
    return float(np.mean(risks))


def write_films(folder: Path) -> dict[str, Path]:
    "Write two films, one turned, one inverted, noise, a DICOM and a file that is none: name -> path."
    film = draw("normal", FILM, 128)
    noise = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)
    pictures = {
        "a_film": film,
        "b_turned": np.rot90(film),
        "c_inverted": 255 - film,
        "d_noise": noise,
        "g_other": draw("normal", FILM + 1, 128),
    }
    for name, pixels in pictures.items():
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{name}.png")
    put(folder / "e_broken.png", b"<html>sign in</html>")
    write_dicom(folder / "f_film.dcm", draw("normal", FILM + 2, 128))
    return {path.name: path for path in sorted(folder.iterdir())}


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
