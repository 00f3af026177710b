"""What is said of bundles before they answer: warnings of training, their gates, means of several.

A bundle or an ensemble in, lines of progress out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxr_fastai.serving.answers import Model

__all__ = ["say_of_gates", "say_of_means", "say_of_training"]


def say_of_means(
    model: Model,
    tta: bool,
) -> None:
    """Say what each probability is the mean of."""
    from cxr_fastai import progress
    from cxr_fastai.serving.about import mean_notes

    for line in mean_notes(model, tta):
        progress.say(line)


def say_of_training(model: Model) -> None:
    """Say what the training of the bundles warned of: the answers are no better than that."""
    from cxr_fastai import progress
    from cxr_fastai.bundle.training_warnings import training_warnings
    from cxr_fastai.serving.answers import members_of

    members = members_of(model)
    for member in members:
        whose = f"training of {member.path}" if len(members) > 1 else "training"
        for warning in training_warnings(member.meta):
            told = f"{warning.says.rstrip('.')}. {warning.do}".rstrip()
            progress.say(f"{whose} warned: {told}")


def say_of_gates(model: Model) -> None:
    """Say which bundles have no gate, or a weak one."""
    from cxr_fastai import progress
    from cxr_fastai.bundle.gates import doubt_line
    from cxr_fastai.serving.answers import members_of

    members = members_of(model)
    has_gate = any(member.gate for member in members)
    for member in members:
        line = doubt_line(member.path, member.gate)
        if has_gate and not member.gate:
            line = (
                f"{member.path} has no gate: what the gate of another bundle lets pass is answered"
            )
        if line:
            progress.say(line)
