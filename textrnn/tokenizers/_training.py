"""Training a sentencepiece model on a sample of the text."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Iterator
from typing import Any

from textrnn.errors import TokenizerError
from textrnn.tokenizers._base import BOS, EOS, PAD, UNK
from textrnn.tokenizers._sampling import SPACE
from textrnn.tokenizers._settings import TokenizerSettings
from textrnn.tokenizers._text import utf8

__all__ = ["one_line", "train_model"]

LONGEST = 2000  # characters of a training line; sentencepiece leaves out longer ones in silence
THREADS = 2  # fixed, because the pieces depend on it


def train_model(texts: Iterable[str], settings: TokenizerSettings) -> bytes:
    """The bytes of a sentencepiece model.

    Raises:
        TokenizerError: the text is empty, or too small for what was asked.
    """
    from sentencepiece import SentencePieceTrainer

    sample = sample_lines(texts, settings.max_sentences, random.Random(settings.seed))
    if not sample:
        raise TokenizerError("the training text is empty: give some text to learn from")
    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(sample), model_writer=model, **trainer_options(settings)
        )
    except (RuntimeError, OSError) as error:
        raise TokenizerError(f"sentencepiece cannot train on this: {one_line(error)}") from None
    return model.getvalue()


def trainer_options(settings: TokenizerSettings) -> dict[str, Any]:
    """The settings in sentencepiece's words; nothing folds white space, ids 0 to 3 are ours."""
    return {
        "vocab_size": settings.vocab_size or 8000,
        "model_type": settings.model_type,
        "byte_fallback": settings.byte_fallback,
        "character_coverage": settings.character_coverage,
        "normalization_rule_name": settings.normalization,
        "user_defined_symbols": ["\n", *settings.user_symbols],
        "required_chars": SPACE if settings.spaces == "kept" else "",  # in a text that has none
        "remove_extra_whitespaces": False,
        "add_dummy_prefix": False,
        "max_sentence_length": 4 * LONGEST,
        "pad_id": PAD,
        "unk_id": UNK,
        "bos_id": BOS,
        "eos_id": EOS,
        "num_threads": THREADS,
        "minloglevel": 2,
    }


def sample_lines(texts: Iterable[str], size: int, rng: random.Random) -> list[str]:
    """At most ``size`` lines, each with the same chance, shuffled; long ones are cut at a space."""
    sample: list[str] = []
    lines = (line for text in texts for line in text.split("\n") if line)
    parts = (part for line in lines for part in cut(line, LONGEST))
    for seen, part in enumerate(parts):
        place = rng.randrange(seen + 1)
        if len(sample) < size:
            sample.append(part)
            sample[place], sample[-1] = sample[-1], sample[place]
        elif place < size:
            sample[place] = part
    return sample


def cut(line: str, longest: int) -> Iterator[str]:
    """``line`` in parts of at most ``longest`` characters, cut before a space where there is one.

    Raises:
        DataError: the line has a lone surrogate.

    >>> list(cut("one two three", 8))
    ['one two', ' three']
    """
    utf8(line)
    while len(line) > longest:
        space = line.rfind(" ", 1, longest + 1)
        end = space if space > 0 else longest
        yield line[:end]
        line = line[end:]
    yield line


def one_line(error: Exception) -> str:
    """What sentencepiece says, without its status and the place in its source."""
    text = " ".join(str(error).split())
    return text.rsplit("] ", 1)[-1] if "] " in text else text
