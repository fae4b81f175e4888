"""Sets on the Hugging Face hub: their rows as they come, and what to call them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textrnn.errors import DataError

__all__ = ["hub_name", "read_hub"]


def hub_name(path: str, split: str, configuration: str | None) -> str:
    """What to call a split of a set on the hub.

    >>> hub_name("Salesforce/wikitext", "train", "wikitext-2-v1")
    'Salesforce/wikitext (wikitext-2-v1), split train'
    """
    return f"{path} ({configuration}), split {split}" if configuration else f"{path}, split {split}"


def read_hub(path: str, split: str, name: str | None, revision: str | None) -> Iterator[Any]:
    """The rows of a split of a set on the hub, as they come.

    Raises:
        DataError: the hub cannot be reached, or has no such set or split.
    """
    from datasets import load_dataset

    try:
        yield from load_dataset(path, name, split=split, revision=revision, streaming=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"cannot read {hub_name(path, split, name)} from the hub "
            f"({type(error).__name__}: {reason}); for local files, set data.path to their folder"
        ) from error
