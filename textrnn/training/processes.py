"""The processes of a run: one, or several that torchrun started and that must do the same."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from textrnn.errors import UsageError

__all__ = ["agree", "check_training_device", "make_accelerator", "sum_of"]


def check_training_device(device: str) -> None:
    """Refuse what is no device to train on.

    >>> check_training_device("cuda")
    Traceback (most recent call last):
    textrnn.errors.UsageError: cannot train on device 'cuda': give 'auto', which takes a GPU where \
there is one, or 'cpu'

    Raises:
        UsageError: neither ``"auto"`` nor ``"cpu"``.
    """
    if device not in ("auto", "cpu"):
        raise UsageError(
            f"cannot train on device {device!r}: give 'auto', which takes a GPU where there is "
            "one, or 'cpu'"
        )


def make_accelerator(precision: str, device: str = "auto") -> Accelerator:
    """The devices and the precision of a run; several processes where ``torchrun`` started them.

    Args:
        precision: ``"float32"`` or ``"bf16"``.
        device: ``"auto"``, or ``"cpu"``.

    Raises:
        UsageError: another device.
    """
    check_training_device(device)
    AcceleratorState._reset_state(reset_partial_state=False)
    mixed = {"float32": "no", "bf16": "bf16"}[precision]
    if not torch.accelerator.is_available():
        device = "cpu"  # left to itself, accelerate does not join processes without a GPU
    return Accelerator(cpu=device == "cpu", mixed_precision=mixed)


def sum_of(accelerator: Accelerator, value: float) -> float:
    """The sum of a number over all processes."""
    if accelerator.num_processes == 1:
        return value
    number = torch.tensor(value, dtype=torch.float64, device=accelerator.device)
    return float(accelerator.reduce(number))


def agree(accelerator: Accelerator, here: bool) -> bool:
    """The main process's decision, on all processes."""
    return sum_of(accelerator, float(here and accelerator.is_main_process)) > 0.0
