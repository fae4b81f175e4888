"""Every error that textrnn raises on purpose.

    TextRNNError                 exit 1   something failed, and the message says what to do
    ├── UsageError               exit 2   wrong option, wrong setting, wrong value
    │   └── UnknownNameError     exit 2   a name that no family or folder has ("did you mean")
    ├── DataError                exit 1   a corpus, a file of text, a line of it
    ├── TokenizerError           exit 1   training or reading a tokenizer
    ├── ModelFolderError         exit 1   a model folder that is damaged, hostile or of another task
    ├── EngineError              exit 1   an engine that cannot run this model on this machine
    ├── GenerationError          exit 1   a generation that cannot go on
    ├── TrainingError            exit 1   a run that cannot go on
    │   └── DivergedError        exit 1   the loss is no longer a number
    └── MissingExtraError        exit 1   an optional dependency that is not installed

A message is one line: what was given, what is allowed, what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "DataError",
    "DivergedError",
    "EngineError",
    "GenerationError",
    "MissingExtraError",
    "ModelFolderError",
    "TextRNNError",
    "TokenizerError",
    "TrainingError",
    "UnknownNameError",
    "UsageError",
    "did_you_mean",
]


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """A hint to append to a message, or an empty string where nothing is close.

    >>> did_you_mean("lsmt", ["rnn", "lstm", "gru"])
    "; did you mean 'lstm'?"
    >>> did_you_mean("transformer", ["rnn", "lstm", "gru"])
    ''
    """
    if not isinstance(given, str):
        return ""
    close = get_close_matches(given, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class TextRNNError(Exception):
    """The root: catch this to catch everything textrnn raises on purpose."""

    exit_code = 1

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled by the message, as a process pool does, whatever the class is made from."""
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: type[TextRNNError], args: tuple[object, ...]) -> TextRNNError:
    return kind.__new__(kind, *args)


class UsageError(TextRNNError):
    """An option or a setting has a value that is not allowed."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that is not among the known ones.

    >>> raise UnknownNameError("cell", "lsmt", ["rnn", "lstm", "gru"])
    Traceback (most recent call last):
    textrnn.errors.UnknownNameError: no cell 'lsmt' (known: gru, lstm, rnn); did you mean 'lstm'?
    """

    def __init__(self, noun: str, given: object, known: Iterable[str]) -> None:
        names = sorted(known)
        listed = ", ".join(names) or "none"
        super().__init__(f"no {noun} {given!r} (known: {listed}){did_you_mean(given, names)}")


class DataError(TextRNNError):
    """A corpus or an input file cannot be used as it is."""


class TokenizerError(TextRNNError):
    """A tokenizer cannot be trained or read."""


class ModelFolderError(TextRNNError):
    """A model folder is missing, damaged, hostile, or made for another task."""


class EngineError(TextRNNError):
    """An engine cannot run this model on this machine."""


class GenerationError(TextRNNError):
    """A generation cannot go on, for example because every token is banned."""


class TrainingError(TextRNNError):
    """A training run cannot start or go on."""


class DivergedError(TrainingError):
    """The training loss is no longer a finite number."""


class MissingExtraError(TextRNNError):
    """An optional dependency is missing.

    >>> raise MissingExtraError("matplotlib", "plot", "the loss curve")
    Traceback (most recent call last):
    textrnn.errors.MissingExtraError: the loss curve needs matplotlib: pip install 'textrnn[plot]'
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'textrnn[{extra}]'")
