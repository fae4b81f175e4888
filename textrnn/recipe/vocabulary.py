"""Tokenizers of a recipe, and the parameters that a new vocabulary begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from textrnn.config import TokenizerSection
from textrnn.tokenizers import FAMILY as TOKENIZERS
from textrnn.tokenizers import Tokenizer, TokenizerSettings, load_tokenizer, vocab_names, vocab_path

__all__ = ["make_tokenizer", "remap_vocabulary"]

VOCABULARY_ROWS = ("encoder.embedding.weight", "head.weight", "head.bias")


def make_tokenizer(section: TokenizerSection, texts: Iterable[str], folder: Path) -> Tokenizer:
    """The tokenizer that a recipe names, or one trained on the training text.

    Args:
        section: the recipe's.
        texts: the training text, read only where a tokenizer is to be trained.
        folder: where one that is trained lies; one that lies there already is taken.

    Raises:
        TokenizerError: it cannot be read, or the text does not suffice.
        UsageError: a setting that does not apply to its kind.
    """
    if section.path is not None:
        return load_tokenizer(
            vocab_path(section.path) if section.path in vocab_names() else Path(section.path)
        )
    if not (folder / "tokenizer.json").exists():
        settings = TokenizerSettings(**section.given())
        TOKENIZERS.get(settings.kind).train(texts, settings).save(folder)
    return load_tokenizer(folder)


def remap_vocabulary(
    tensors: dict[str, Tensor],
    old: Tokenizer,
    new: Tokenizer,
    names: Sequence[str] = VOCABULARY_ROWS,
) -> dict[str, Tensor]:
    """Parameters for a new vocabulary: shared pieces keep their rows, new ones take the mean row.

    The mean embedding is the start that ULMFiT gives to new words (arXiv:1801.06146, section 3.2).

    Args:
        tensors: the parameters by name.
        old: the tokenizer they were trained with.
        new: the one they are to work with.
        names: of those that have a row a token; they are remapped.
    """
    found = [old.id_of(piece) for piece in new.pieces(range(new.vocab_size))]
    known = torch.tensor([id is not None for id in found])
    rows = torch.tensor([0 if id is None else id for id in found])
    result = dict(tensors)
    for name in names:
        if name in tensors:
            value = tensors[name]
            mask = known.view(-1, *[1] * (value.ndim - 1))
            result[name] = torch.where(mask, value[rows], value.mean(0, keepdim=True))
    return result
