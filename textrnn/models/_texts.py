"""What a model is given: a text, or several."""

from __future__ import annotations

from collections.abc import Iterable

from textrnn.errors import UsageError

__all__ = ["as_texts", "check_text"]


def as_texts(given: object) -> list[str]:
    """A text alone, or all of several.

    >>> as_texts("one"), as_texts(("one", "two"))
    (['one'], ['one', 'two'])

    Raises:
        UsageError: something else.
    """
    if isinstance(given, str):
        return [given]
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise UsageError(
            f"{given!r} is of type {type(given).__name__}: give text (str), or a list of texts"
        )
    texts = list(given)
    for text in texts:
        check_text(text)
    return texts


def check_text(text: str) -> None:
    """Refuse what is not text.

    Raises:
        UsageError: of another type.
    """
    if not isinstance(text, str):
        raise UsageError(f"{text!r} is of type {type(text).__name__}: give text (str)")
