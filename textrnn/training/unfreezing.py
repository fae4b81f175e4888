"""Gradual unfreezing: how many of a network's groups learn at a point of a run, top first."""

from __future__ import annotations

from textrnn.config import RunSettings
from textrnn.training.progress import Progress

__all__ = ["is_kept_frozen", "unfrozen"]

SHARE = 1 / 3
"""Of a run that is too short for its unfreezing: the part after which every group learns."""


def is_kept_frozen(settings: RunSettings) -> bool:
    """Whether the settings themselves say that nothing below the top group ever learns."""
    if settings.unfreeze is None or settings.epochs is None:
        return False
    return settings.unfreeze.every >= settings.epochs


def unfrozen(settings: RunSettings, progress: Progress, batches: int, groups: int) -> int:
    """How many groups learn; see :class:`~textrnn.config.UnfreezeSettings`.

    Those that have begun go on: a run in minutes may turn out to be longer than it seemed.

    Args:
        settings: of the run.
        progress: where it stands.
        batches: of an epoch.
        groups: how many there are.

    >>> settings = RunSettings(steps=6, unfreeze={"every": 1})
    >>> [unfrozen(settings, Progress(step=n, batch=n), 6, 3) for n in range(4)]
    [1, 2, 3, 3]
    """
    if settings.unfreeze is None:
        return groups
    every, epochs = settings.unfreeze.every, progress.epochs(batches)
    count = max(progress.unfrozen, 1 + int(epochs / every))
    done = progress.done(settings, batches)
    whole = (groups - 1) * every
    too_short = done * whole >= epochs * (1 - 1e-9)  # at this pace the last group gets no step
    if too_short and not is_kept_frozen(settings):
        count = max(count, 1 + int((groups - 1) * min(done / SHARE, 1.0)))
    return min(count, groups)
