"""Tell whether a picture is an upright frontal chest film, of the kind that training saw.

`fit` learns it from a folder's own films, from pictures made of them (`made`, `drawn`) and from the
laterals and CT slices that curation threw out (`thrown_out`); `gate` judges a picture, `stored`
keeps it as safetensors, `kinds` has the words. Judging needs NumPy alone: scikit-learn is imported
while fitting, torch, fastai and pandas never. It cannot see a mirrored film.
"""

from cxr_fastai.gate.features import SIDE, thumbnail
from cxr_fastai.gate.fit import fit_gate
from cxr_fastai.gate.gate import Gate
from cxr_fastai.gate.kinds import KINDS, Judgement, right
from cxr_fastai.gate.stored import gate_bytes, gate_of
from cxr_fastai.gate.thrown_out import Negatives

__all__ = [
    "KINDS",
    "SIDE",
    "Gate",
    "Judgement",
    "Negatives",
    "fit_gate",
    "gate_bytes",
    "gate_of",
    "right",
    "thumbnail",
]
