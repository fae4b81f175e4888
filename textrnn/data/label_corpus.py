"""Labelled texts as ids, in memory."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.data.holding_out import held_out
from textrnn.data.labelled import LabelledSource
from textrnn.data.labelled_tables import Row
from textrnn.data.labels import SHOWN, Labels
from textrnn.errors import DataError
from textrnn.tokenizers import BOS, EOS, UNK, Tokenizer, fold_markup

__all__ = ["LabelledCorpus", "prepare_labelled"]

ROWS_AT_ONCE = 5_000


@dataclass(frozen=True)
class LabelledCorpus:
    """Labelled texts as ids, in memory.

    Args:
        name: where they came from.
        ids: of all texts, one after the other, each with BOS and EOS.
        ends: (N,), where each text ends in ``ids``.
        targets: labels (N,), or (N, C) of 0 and 1 where a text may have several; -1 where none is
            known.
        digests: (N,), of each text, to find it again.
        classes: the labels' names.
        unknown: ids that are UNK.
        empty: texts without a word, which were left out.
        bytes: of the texts in UTF-8.
    """

    name: str
    ids: NDArray[np.uint32]
    ends: NDArray[np.int64]
    targets: NDArray[np.int64]
    digests: NDArray[np.int64]
    classes: tuple[str, ...]
    unknown: int = 0
    empty: int = 0
    bytes: int = 0

    def __len__(self) -> int:
        return len(self.ends)

    def rows(self) -> range:
        """The numbers of the texts."""
        return range(len(self))

    def lengths(self) -> NDArray[np.int64]:
        """The ids of each text (N,)."""
        return np.diff(self.ends, prepend=0)

    def text(self, row: int) -> NDArray[np.uint32]:
        """The ids of a text (T,)."""
        begin = int(self.ends[row - 1]) if row else 0
        return self.ids[begin : int(self.ends[row])]

    def checksum(self) -> int:
        """The CRC-32 of all ids, of where the texts end, and of their labels."""
        return zlib.crc32(self.targets.data, zlib.crc32(self.ends.data, zlib.crc32(self.ids.data)))

    def counts(self) -> NDArray[np.int64]:
        """How many texts each label has (C,)."""
        if self.targets.ndim == 2:
            return np.asarray(self.targets.sum(0))
        return np.bincount(self.targets, minlength=len(self.classes))

    def select(self, rows: NDArray[np.int64], name: str) -> LabelledCorpus:
        """Some of the texts, in that order."""
        lengths = self.lengths()[rows]
        texts = [self.text(int(row)) for row in rows]
        return LabelledCorpus(
            name=name,
            ids=np.concatenate(texts),
            ends=np.cumsum(lengths),
            targets=self.targets[rows],
            digests=self.digests[rows],
            classes=self.classes,
        )

    def joined(self, other: LabelledCorpus) -> LabelledCorpus:
        """These texts, and then those of another corpus with the same labels."""
        return replace(
            self,
            name=f"{self.name}, {other.name}",
            ids=np.concatenate([self.ids, other.ids]),
            ends=np.concatenate([self.ends, len(self.ids) + other.ends]),
            targets=np.concatenate([self.targets, other.targets]),
            digests=np.concatenate([self.digests, other.digests]),
            unknown=self.unknown + other.unknown,
            empty=self.empty + other.empty,
            bytes=self.bytes + other.bytes,
        )

    def split(self, share: float) -> tuple[LabelledCorpus, LabelledCorpus]:
        """The texts without a share that is held out, and that share, both with all labels.

        Of each label's texts; see :func:`~textrnn.data.holding_out.held_out`.

        Raises:
            DataError: there are too few.
        """
        keys = self.targets if self.targets.ndim == 1 else self.targets.argmax(1)
        held = held_out(self.digests, keys, share)
        if not held.any():
            raise DataError(
                f"{self.name} has {len(self):,} texts: too few different ones to hold some out"
            )
        return (
            replace(self.select(np.flatnonzero(~held), self.name), empty=self.empty),
            self.select(np.flatnonzero(held), f"{self.name} (held out)"),
        )

    def balance(self) -> str:
        """How many texts there are of each label, in a line."""
        counts = self.counts()
        order = np.argsort(-counts, kind="stable")
        parts = [f"{self.classes[place]} {counts[place]:,}" for place in order[:SHOWN]]
        if len(order) > SHOWN:
            parts.append(f"{len(order) - SHOWN} more down to {counts[order[-1]]:,}")
        return f"{self.name}: {len(self):,} texts ({', '.join(parts)})"

    def shared_with(self, other: LabelledCorpus) -> int:
        """How many of these texts stand in the other corpus, too."""
        return int(np.isin(self.digests, other.digests).sum())

    def disputed(self) -> int:
        """How many different texts stand here several times, not always with the same labels."""
        labels = self.targets.reshape(len(self), -1)
        kinds = np.unique(np.column_stack([self.digests, labels]), axis=0)[:, 0]
        return int((np.unique(kinds, return_counts=True)[1] > 1).sum())


def prepare_labelled(
    source: LabelledSource,
    labels: Labels,
    tokenizer: Tokenizer,
    *,
    labelled: bool = True,
    max_length: int | None = None,
    sampling: tuple[float, int] | None = None,
    backward: bool = False,
) -> LabelledCorpus:
    """Encode labelled texts: BOS, the ids, EOS. Texts without a word are left out and counted.

    Args:
        source: the texts.
        labels: the names of their labels.
        tokenizer: what encodes them.
        labelled: whether the texts have labels.
        max_length: ids of a text, BOS and EOS among them; longer ones are cut. None: however long.
        sampling: alpha and seed of a random segmentation; None for the most likely one.
        backward: each text from its last id to its first, behind BOS and before EOS as ever.

    Raises:
        DataError: a text or a label cannot be read, or there is none.
    """
    runs: list[NDArray[np.uint32]] = []
    lengths: list[int] = []
    targets: list[Any] = []
    digests: list[int] = []
    counts: Counter[str] = Counter()
    for row, ids in _encoded(source, tokenizer, sampling):
        found = labels.of(row) if labelled else [-1]
        if not row.text:
            counts["empty"] += 1
            continue
        kept = ids if max_length is None else ids[: max_length - 2]
        runs.append(np.array([BOS, *(kept[::-1] if backward else kept), EOS], np.uint32))
        lengths.append(len(kept) + 2)
        targets.append(_indicator(found, len(labels.names)) if labels.several else found[0])
        digest = hashlib.blake2b(row.text.encode(), digest_size=8).digest()
        digests.append(int.from_bytes(digest, "little", signed=True))
        counts["unknown"] += kept.count(UNK)
        counts["bytes"] += len(row.text.encode())
    if not runs:
        needed = "a classifier needs labelled texts" if labelled else "leave data.unlabelled out"
        raise DataError(f"{source.name} has no text: {needed}")
    return LabelledCorpus(
        name=source.name,
        ids=np.concatenate(runs),
        ends=np.cumsum(lengths),
        targets=np.array(targets, np.int64),
        digests=np.array(digests, np.int64),
        classes=labels.names,
        unknown=counts["unknown"],
        empty=counts["empty"],
        bytes=counts["bytes"],
    )


def _indicator(found: Sequence[int], classes: int) -> list[int]:
    return [int(place in found) for place in range(classes)]


def _encoded(
    source: LabelledSource, tokenizer: Tokenizer, sampling: tuple[float, int] | None
) -> Iterator[tuple[Row, list[int]]]:
    """Each row, its text on one line, and the ids of that."""
    rows = source.rows()
    seen = 0
    while some := [row._replace(text=fold_markup(row.text)) for row in islice(rows, ROWS_AT_ONCE)]:
        if sampling is None:
            yield from zip(some, _encode(some, tokenizer), strict=True)
        else:
            alpha, seed = sampling
            for number, row in enumerate(some, seen):
                drawn = hash((seed, number)) % 2**31
                yield row, tokenizer.encode_sampled(row.text, alpha=alpha, seed=drawn)
        seen += len(some)


def _encode(rows: Sequence[Row], tokenizer: Tokenizer) -> list[list[int]]:
    try:
        return list(tokenizer.encode_lines([row.text for row in rows]))
    except DataError:  # a lone surrogate, in one of so many: find out where
        for row in rows:
            try:
                tokenizer.encode(row.text)
            except DataError as error:
                raise DataError(f"{row.place}: {error}") from None
        raise
