"""What the files of a bundle are called.

Constants only.
"""

from __future__ import annotations

__all__ = [
    "BUNDLE_FILES",
    "BUNDLE_JSON",
    "EVALUATION",
    "GATE",
    "MODEL_CARD",
    "MODEL_ONNX",
    "TRAINED_ON",
    "WEIGHTS",
]

BUNDLE_JSON = "bundle.json"
WEIGHTS = "model.safetensors"
MODEL_CARD = "README.md"
EVALUATION = "evaluation.json"  # the numbers of an evaluation that the model card tells
TRAINED_ON = "trained_on.txt"  # names of images and patients that training or validation saw
GATE = "gate.safetensors"
MODEL_ONNX = "model.onnx"
# All that a bundle may hold. bundle.json comes last: where it stands, the rest is whole.
BUNDLE_FILES = (MODEL_CARD, EVALUATION, TRAINED_ON, GATE, MODEL_ONNX, WEIGHTS, BUNDLE_JSON)
