"""Attention, an open folder: a file is a way to compare a query with keys, named by its file."""

from __future__ import annotations

from pathlib import Path

from textrnn.config import AttentionSettings
from textrnn.errors import UsageError
from textrnn.nn.attention._base import Attention
from textrnn.registry import Family

__all__ = ["FAMILY", "Attention", "make_attention"]

FAMILY: Family[type[Attention]] = Family(__name__, Path(__file__).parent, "attention")


def make_attention(settings: AttentionSettings, query_size: int, memory_size: int) -> Attention:
    """The attention that the settings ask for.

    Args:
        settings: its kind, and the options that this kind has.
        query_size: Q, the width of the decoder's hidden state.
        memory_size: M, the width of the encoder's outputs.

    Raises:
        UnknownNameError: no such kind.
        UsageError: an option that the kind does not have, or sizes that do not go together.

    >>> make_attention(AttentionSettings(kind="dot", heads=2), 4, 4)
    Traceback (most recent call last):
    UsageError: decoder.attention.heads does not apply to dot, only to multi_head
    """
    chosen = FAMILY.get(settings.kind)
    options = {name: value for name, value in settings.options().items() if value is not None}
    for name in options:
        if name not in chosen.options:
            owners = [kind for kind in FAMILY.names() if name in FAMILY.get(kind).options]
            raise UsageError(
                f"decoder.attention.{name} does not apply to {settings.kind}, "
                f"only to {', '.join(owners)}"
            )
    return chosen(query_size, memory_size, **options)
