"""Minimal pairs: does a language model find the good sentence more probable than the bad one?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from textrnn.errors import DataError

if TYPE_CHECKING:
    from textrnn.models.language_model import LanguageModel

__all__ = ["MinimalPair", "PairAccuracy", "minimal_pair_accuracy", "read_minimal_pairs"]

_AT_ONCE = 128  # pairs scored at once


@dataclass(frozen=True)
class MinimalPair:
    """Two sentences that differ in one thing; ``group`` says in which, where it is known."""

    good: str
    bad: str
    group: str | None = None


@dataclass(frozen=True)
class PairAccuracy:
    """How often the good sentence was the more probable one.

    Args:
        pairs: how many there were.
        right: in how many the good sentence has fewer bits; a tie counts as wrong.
        groups: the same of each group, (pairs, right), in the order of the file.
    """

    pairs: int
    right: int
    groups: Mapping[str, tuple[int, int]]

    @property
    def accuracy(self) -> float:
        """The share that was right."""
        return self.right / self.pairs


def read_minimal_pairs(lines: Iterable[str], name: str) -> Iterator[MinimalPair]:
    r"""The pairs of a file in the format of BLiMP (Warstadt et al. 2020, arXiv:1912.00582).

    A line is a JSON object with ``sentence_good`` and ``sentence_bad``; its group is its ``UID``,
    else its ``field``. Other keys are BLiMP's own and empty lines are nothing.

    Args:
        lines: of the file.
        name: the file's, for errors.

    Raises:
        DataError: a line that is no such object; the message has its number.

    >>> line = '{"sentence_good": "Dogs run.", "sentence_bad": "Dogs runs.", "UID": "agreement"}'
    >>> list(read_minimal_pairs([line], "pairs.jsonl"))
    [MinimalPair(good='Dogs run.', bad='Dogs runs.', group='agreement')]
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _pair(line, f"{name}, line {number}")


def _pair(line: str, where: str) -> MinimalPair:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where} is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise DataError(f"{where} is not an object with sentence_good and sentence_bad")
    for key in ("sentence_good", "sentence_bad"):
        if not isinstance(record.get(key), str) or not record[key]:
            raise DataError(f"{where} has no text as {key}: a pair is sentence_good, sentence_bad")
    groups = [record[key] for key in ("UID", "field") if key in record]
    if not all(isinstance(group, str) for group in groups):
        raise DataError(f"{where} has a UID or a field that is not text")
    return MinimalPair(record["sentence_good"], record["sentence_bad"], *groups[:1])


def minimal_pair_accuracy(model: LanguageModel, pairs: Iterable[MinimalPair]) -> PairAccuracy:
    """Score both sentences of each pair, whole, and count.

    Raises:
        DataError: there is no pair.
    """
    count: Counter[str | None] = Counter()
    right: Counter[str | None] = Counter()
    rest = iter(pairs)
    while chunk := list(islice(rest, _AT_ONCE)):
        scores = model.score([text for pair in chunk for text in (pair.good, pair.bad)])
        for pair, good, bad in zip(chunk, scores[::2], scores[1::2], strict=True):
            count[pair.group] += 1
            right[pair.group] += good.bits < bad.bits
    if not count:
        raise DataError("there is no pair: give a file with a line for each")
    groups = {group: (count[group], right[group]) for group in count if group is not None}
    return PairAccuracy(count.total(), right.total(), groups)
