"""Libraries that report to their makers by themselves: switched off before they are imported.

What such a report holds is not ours to know, and nothing of this library's work leaves the machine
unasked. A person's own setting of a variable stands. Standard library only.
"""

from __future__ import annotations

import os

__all__ = ["REPORTS_NOTHING", "reports_nothing"]

# Library -> what keeps it from reporting, read when it is imported. ONNX Runtime 1.32 writes a
# number of the device into ~/.cache/Microsoft and tells it, and what it runs, to a server of its
# maker; MLflow 3 and Ray count uses; wandb sends its own errors; the Hub's client counts calls.
REPORTS_NOTHING = {
    "onnxruntime": {"ORT_DISABLE_TELEMETRY": "1"},
    "onnxscript": {"ORT_DISABLE_TELEMETRY": "1"},  # which may import it
    "mlflow": {"MLFLOW_DISABLE_TELEMETRY": "true"},
    "ray": {"RAY_USAGE_STATS_ENABLED": "0"},
    "wandb": {"WANDB_ERROR_REPORTING": "false"},
    "huggingface_hub": {"HF_HUB_DISABLE_TELEMETRY": "1"},
    "trackio": {"HF_HUB_DISABLE_TELEMETRY": "1"},
}


def reports_nothing(
    library: str,  # that is about to be imported
) -> None:
    """Switch its reports off, for this process and those that it starts."""
    for name, value in REPORTS_NOTHING.get(library, {}).items():
        os.environ.setdefault(name, value)
