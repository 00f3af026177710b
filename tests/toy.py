"""A tiny curated folder, drawn with numpy: each class has its own stripes, each image its own noise, and a marker at
the upper left. For tests of any wing; needs no download."""
import hashlib

import numpy as np

from cxr_fastai.core import SPLITS, write_json
from cxr_fastai.images import write_png
from cxr_fastai.manifest import CURATION, Record, write_manifest
from cxr_fastai.recipes import Recipe, Train

# in an order that is not the alphabet's
CLASSES = {"tuberculosis": ["tuberculosis"], "covid_19": ["covid_19"], "normal": ["no_finding"]}
COUNTS = {"tuberculosis": (6, 2, 1), "covid_19": (4, 2, 1), "normal": (12, 3, 1)}  # images of train, valid, test


def recipe(**train)->Recipe:
    "The toy folder's recipe; its settings are those of a run that ends in seconds."
    settings = dict(arch="resnet18", size=32, epochs=2, bs=8, weights="none")
    return Recipe("toy", "Toy classes", CLASSES, display={"covid_19": "COVID-19"}, train=Train(**{**settings, **train}))

def picture(kind:int, seed:int, size:int=48)->np.ndarray: # (size, size) uint8
    "Stripes of 2, 3, 4, .. periods for kind 0, 1, 2, .., noise, and the marker."
    x = np.arange(size)
    noise = np.random.default_rng([kind, seed]).normal(0, 12, (size, size))
    gray = 110 + 50*np.sin(2*np.pi*(kind + 2)*x/size)[None] + noise
    gray[4:12, 3:9] = 255
    return gray.clip(0, 255).astype(np.uint8)

def curated(root, counts=COUNTS, **train):
    "Write the folder; returns `root`."
    rows = [_image(root, label, split, i)
            for label, of in counts.items() for split, n in zip(SPLITS, of) for i in range(n)]
    root.mkdir(parents=True, exist_ok=True)
    write_manifest(root, rows, list(CLASSES))
    write_json(root/CURATION, {"recipe": recipe(**train).to_dict()})
    return root

def _image(root, label:str, split:str, i:int)->Record:
    "Draw one image into its class folder; its row."
    name = f"{label}-{split}-{i:02}"
    (root/label).mkdir(parents=True, exist_ok=True)
    write_png(picture(list(CLASSES).index(label), hash_of(name)), root/label/f"{name}.png")
    known = dict(path=f"{label}/{name}.png", sha256=f"{hash_of(name):064x}", pixel_sha256=f"{hash_of(name):064x}",
                 source="toy", label=label, findings=CLASSES[label][0], group=name, split=split,
                 width="48", height="48", mode="L8")
    return Record(**{**dict.fromkeys(Record.__dataclass_fields__, ""), **known})

def hash_of(name:str)->int: return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little") % 2**31
