"""What an engine is, and the two settings that every engine takes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textrnn.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = [
    "AnyEngine",
    "ClassificationEngine",
    "DeviceEngine",
    "Engine",
    "EngineEntry",
    "Floats",
    "HeldLogits",
    "Ids",
    "State",
    "StepEngine",
    "TranslationEngine",
    "check_device",
    "check_threads",
]

Ids: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float32]
State: TypeAlias = Any  # opaque: only the engine that made it reads it

_DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")


class StepEngine(Protocol):
    """Writes a token a row at a time: all that the generation loop and the beam search need.

    Numpy in, numpy out, the state passed in and returned. A state covers B rows and is never
    changed in place, so that one may be kept and gone on from twice. A row's result does not depend
    on the rows beside it (rounding of the last bit aside).
    """

    @property
    def name(self) -> str:
        """The engine's name in its family."""
        ...

    @property
    def vocab_size(self) -> int:
        """V, the number of logits a row."""
        ...

    def step(self, ids: Ids, state: State) -> tuple[Floats, State]:
        """Read one token a row, ``ids`` (B,): the logits (B, V) that follow, and the new state."""
        ...

    def reorder(self, state: State, rows: Ids) -> State:
        """The state of ``rows`` (N,), in that order; a row may come twice or not at all."""
        ...


class HeldLogits(Protocol):
    """Logits (B, V) that stay where they were computed, until ``numpy.asarray`` takes them all."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, V)."""
        ...

    def __len__(self) -> int:
        """B."""
        ...

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of them."""
        ...

    def __getitem__(self, places: tuple[Any, Any]) -> Floats:
        """Those at ``rows, ids``."""
        ...

    def best(self, count: int, never: int) -> tuple[Ids, Floats]:
        """The greatest of each row from id ``never`` on: ids and values (B, K), greatest first."""
        ...

    def log_totals(self, never: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logarithms of the sums of exponentials (B,): of all tokens, and from ``never`` on."""
        ...


class DeviceEngine(StepEngine, Protocol):
    """What an engine on a device may offer beside :meth:`step`: the logits stay there.

    Ask for it by ``getattr(engine, "step_on_device", engine.step)``.
    """

    def step_on_device(self, ids: Ids, state: State) -> tuple[HeldLogits, State]:
        """See :meth:`step`."""
        ...


class Engine(StepEngine, Protocol):
    """Runs a language model."""

    @property
    def hidden_size(self) -> int:
        """H, the width of the hidden states that the output layer sees."""
        ...

    def start(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """Read ``ids`` (B, T), right-padded with PAD, of which ``lengths`` (B,) >= 1 are real.

        Goes on from ``state`` where one is given, else from the beginning of a text.

        Returns:
            The logits (B, V) that follow each row's last real token, and the state there.
        """
        ...

    def score(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """Log-probabilities (B, T): ``[b, t]`` is log p(ids[b, t] | ids[b, :t]), natural logarithm.

        ``[b, 0]`` is 0, and so is all beyond ``lengths``. The returned state has read all tokens of
        a row but the last, so a text is scored in parts by beginning each part with the last token
        of the one before. Never holds (B, T, V).
        """
        ...

    def read(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """Read ``ids`` (B, T), right-padded, of which ``lengths`` (B,) >= 0 are real.

        Returns:
            The hidden states (B, T, H) that the output layer sees, 0 beyond the lengths, and the
            state after each row's last real token.
        """
        ...

    def log_probs(self, hidden: Floats, targets: Ids) -> Floats:
        """The log-probability of each target (N,) from its hidden state (N, H)."""
        ...

    def state_arrays(self, state: State) -> dict[str, NDArray[Any]]:
        """The state as named arrays, each (B, ...), to be saved."""
        ...

    def state_from_arrays(self, arrays: dict[str, NDArray[Any]]) -> State:
        """The state that :meth:`state_arrays` took apart.

        Raises:
            EngineError: the arrays are not a state of this model.
        """
        ...


class TranslationEngine(StepEngine, Protocol):
    """Runs a translator: the source is read once, and its memory travels inside the state.

    :meth:`reorder` copies the memory of a sentence only where a row gets another sentence than it
    had, so a beam search over the hypotheses of one sentence moves a few kilobytes a row.
    """

    def start(self, ids: Ids, lengths: Ids) -> tuple[Floats, State]:
        """Read the sources ``ids`` (B, S), EOS last, right-padded with PAD, then BOS.

        ``lengths`` (B,) >= 1 says how many of a row are real.

        Returns:
            The logits (B, V) of each target's first token, and the state there.
        """
        ...

    def attention(self, state: State) -> Floats:
        """Where the decoder looked for the logits that came with ``state``: weights (B, S).

        S is the width of the source that :meth:`start` was given; a row sums to 1 and is 0 beyond
        its length.
        """
        ...

    def score(self, source: Ids, source_lengths: Ids, target: Ids, target_lengths: Ids) -> Floats:
        """Log-probabilities (B, T) of given targets (forced decoding), natural logarithm.

        Args:
            source: ids (B, S) as for :meth:`start`.
            source_lengths: (B,).
            target: ids (B, T), BOS first, right-padded with PAD.
            target_lengths: (B,) >= 1.

        Returns:
            At ``[b, t]`` log p(target[b, t] | source[b], target[b, :t]); 0 at ``[b, 0]`` and beyond
            the lengths.
        """
        ...


class ClassificationEngine(Protocol):
    """Runs a classifier: a text to a logit a label. A row's result is its own."""

    @property
    def name(self) -> str:
        """The engine's name in its family."""
        ...

    @property
    def label_count(self) -> int:
        """C, the number of logits a row."""
        ...

    def classify(self, ids: Ids, lengths: Ids) -> Floats:
        """Texts to logits (B, C).

        Long texts are read window by window, the state carried, so memory grows with B only.

        Args:
            ids: (B, T), each row BOS, a text, EOS, right-padded with PAD.
            lengths: (B,) >= 1, how many of a row are real.
        """
        ...


AnyEngine: TypeAlias = Engine | TranslationEngine | ClassificationEngine


class EngineEntry(Protocol):
    """What an engine's file offers: usually a class with these two as class methods."""

    def refusal(self, folder: ModelFolder, device: str) -> str | None:
        """Why this engine cannot run ``folder`` on ``device``, or None where it can."""
        ...

    def open(self, folder: ModelFolder, *, device: str, threads: int | None) -> AnyEngine:
        """The engine for the folder's task, ready to run ``folder``."""
        ...


def check_device(device: str) -> None:
    """Refuse what is not the name of a device.

    >>> check_device("cuda:1")
    >>> check_device("gpu")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    textrnn.errors.UsageError: no device 'gpu' (known: auto, cpu, ...); did you mean 'cpu'?

    Raises:
        UsageError: an unknown device.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", str(device)):
        hint = did_you_mean(device, _DEVICES)
        raise UsageError(f"no device {device!r} (known: {', '.join(_DEVICES)}){hint}")


def check_threads(threads: int | None) -> None:
    """Refuse a number of threads that this machine cannot run; None leaves it to the engine.

    >>> check_threads(0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    textrnn.errors.UsageError: threads is 0: give a whole number from 1 to ...

    Raises:
        UsageError: not a whole number between 1 and the number of processors.
    """
    if threads is None:
        return
    most = os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= most:
        raise UsageError(
            f"threads is {threads!r}: give a whole number from 1 to {most}, "
            "the processors of this machine"
        )
