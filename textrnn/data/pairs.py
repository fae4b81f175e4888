"""Sentence pairs as ids in mapped files, so that they may be larger than memory."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from textrnn.data.corpus import tokenizer_identity
from textrnn.data.pair_parts import Pair
from textrnn.data.pair_sources import PairSource
from textrnn.errors import DataError, UsageError
from textrnn.tokenizers import UNK, Tokenizer

__all__ = ["EMPTY", "PairCorpus", "Pairs", "PairsFrom", "left_out", "prepare_pairs"]

EMPTY = "with an empty side"
"""Why a pair is left out of which a side says nothing."""
PAIRS_AT_ONCE = 20_000
Ids = NDArray[np.integer[Any]]


class Pairs(Protocol):
    """What batches are made of."""

    def __len__(self) -> int:
        """N, how many there are."""
        ...

    def lengths(self) -> NDArray[np.int64]:
        """The ids of source and target (N, 2), without BOS and EOS."""
        ...

    def pair(self, row: int) -> tuple[Ids, Ids]:
        """The ids of source (S,) and target (T,), without BOS and EOS."""
        ...


@dataclass(frozen=True)
class PairCorpus:
    """The ids of sentence pairs and what was counted on the way.

    Args:
        path: the file of ids, source and target of each pair one after the other.
        name: where the pairs came from.
        size: N, how many were kept.
        tokens: of source and target.
        bytes: of source and target, in UTF-8.
        words: runs of characters between white space, of source and target.
        unknown: ids that are UNK, of source and target.
        dropped: how many pairs were left out, by reason.
        examples: the first pair that was left out, by reason.
    """

    path: Path
    name: str
    size: int
    tokens: tuple[int, int]
    bytes: tuple[int, int]
    words: tuple[int, int]
    unknown: tuple[int, int]
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.size

    @cached_property
    def _ids(self) -> Ids:
        return np.memmap(self.path, np.uint32, "r", shape=(max(1, sum(self.tokens)),))

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Where each source ends, and each target (N, 2)."""
        ends = self.path.with_suffix(".ends")
        return np.memmap(ends, np.int64, "r", shape=(self.size, 2))

    def lengths(self) -> NDArray[np.int64]:
        """The ids of source and target (N, 2), without BOS and EOS."""
        return np.diff(self._ends.ravel(), prepend=0).reshape(-1, 2)

    def pair(self, row: int) -> tuple[Ids, Ids]:
        """The ids of source (S,) and target (T,), without BOS and EOS."""
        begin = int(self._ends[row - 1, 1]) if row else 0
        middle, end = (int(place) for place in self._ends[row])
        return self._ids[begin:middle], self._ids[middle:end]

    def checksum(self) -> int:
        """The CRC-32 of all ids and of where the sides end."""
        return zlib.crc32(self._ends.data, zlib.crc32(self._ids.data))

    def report(self) -> str | None:
        """What was left out and why, in a sentence; None where nothing was."""
        return left_out(self.name, self.size, self.dropped, self.examples)


def left_out(
    name: str, kept: int, dropped: Mapping[str, int], examples: Mapping[str, str]
) -> str | None:
    """What of a set's pairs is left out, by reason, in a sentence; None where nothing is."""
    if not dropped:
        return None
    reasons = "; ".join(
        f"{count:,} {reason} (the first: {examples[reason]})" for reason, count in dropped.items()
    )
    whole = kept + sum(dropped.values())
    return f"{name}: {kept:,} of {whole:,} pairs are used; left out: {reasons}"


@dataclass(frozen=True)
class PairsFrom:
    """How pairs become ids.

    Args:
        source: the source's tokenizer.
        target: the target's, which may be the same.
        max_length: ids of a side; longer pairs are left out. None: however long.
        max_ratio: of the longer side's ids to the shorter's. None: any.
        tag: a piece put before each source.
        sampling: alpha and seed of a random segmentation; None for the most likely one.
    """

    source: Tokenizer
    target: Tokenizer
    max_length: int | None = None
    max_ratio: float | None = None
    tag: str | None = None
    sampling: tuple[float, int] | None = None

    def identity(self) -> str:
        """Changes when the ids would."""
        sides = [tokenizer_identity(side) for side in (self.source, self.target)]
        return repr((sides, self.max_length, self.max_ratio, self.tag, self.sampling))

    def tag_ids(self) -> list[int]:
        """The tag's id, or nothing.

        Raises:
            UsageError: the source's tokenizer has no such piece.
        """
        if self.tag is None:
            return []
        id = self.source.id_of(self.tag)
        if id is None:
            raise UsageError(
                f"data.tag {self.tag!r} is no piece of the source's tokenizer: train it with "
                f"tokenizer.user_symbols=[{self.tag}]"
            )
        return [id]

    def encode(self, pairs: Sequence[Pair], first: int) -> Iterator[tuple[list[int], list[int]]]:
        """The ids of each pair; ``first`` is the number of the first of them in its corpus."""
        sides = []
        for side, tokenizer in enumerate((self.source, self.target)):
            texts = [pair[side] for pair in pairs]
            if self.sampling is None:
                sides.append(list(tokenizer.encode_lines(texts)))
                continue
            alpha, seed = self.sampling
            sides.append(
                [
                    tokenizer.encode_sampled(
                        text, alpha=alpha, seed=hash((seed, side, number)) % 2**31
                    )
                    for number, text in enumerate(texts, first)
                ]
            )
        tag = self.tag_ids()
        for source, target in zip(*sides, strict=True):
            yield [*tag, *source] if source else [], target

    def refusal(self, source: Sequence[int], target: Sequence[int]) -> str | None:
        """Why a pair is left out, or None."""
        if not source or not target:
            return EMPTY
        short, long = sorted((len(source), len(target)))
        if self.max_length is not None and long > self.max_length:
            return f"longer than {self.max_length} tokens"
        if self.max_ratio is not None and long > self.max_ratio * short:
            return f"with a side more than {self.max_ratio:g} times as long as the other"
        return None


def prepare_pairs(source: PairSource, making: PairsFrom, cache: Path) -> PairCorpus:
    """Encode sentence pairs into ``cache``, unless they lie there already.

    Args:
        source: the pairs.
        making: what encodes them, and which are left out.
        cache: a folder for the ids.

    Raises:
        DataError: the pairs cannot be read, or none is left.
        UsageError: a tag that the tokenizer does not have.
    """
    making.tag_ids()
    key = repr((source.fingerprint(), making.identity()))
    stem = cache / hashlib.sha256(key.encode()).hexdigest()[:16]
    facts, files = stem.with_suffix(".json"), (stem.with_suffix(".ids"), stem.with_suffix(".ends"))
    if not facts.exists():
        cache.mkdir(parents=True, exist_ok=True)
        staged = [file.with_suffix(f"{file.suffix}.{os.getpid()}.tmp") for file in (*files, facts)]
        try:
            with staged[0].open("wb") as ids, staged[1].open("wb") as ends:
                counts = _encode(source, making, ids, ends)
            corpus = PairCorpus(path=files[0], name=source.name, **counts)
            staged[2].write_text(json.dumps(asdict(corpus) | {"path": files[0].name}))
            for file, place in zip(staged, (*files, facts), strict=True):
                file.replace(place)
        except OSError as error:  # what cannot be read is a DataError already
            raise DataError(f"cannot write {files[0]}: {error.strerror or error}") from error
        finally:
            for file in staged:
                file.unlink(missing_ok=True)
    saved: dict[str, Any] = json.loads(facts.read_text())
    sides = {name: tuple(value) for name, value in saved.items() if isinstance(value, list)}
    return PairCorpus(**saved | sides | {"path": files[0]})


def _encode(source: PairSource, making: PairsFrom, ids: BinaryIO, ends: BinaryIO) -> dict[str, Any]:
    """Write ids and ends, and count."""
    counts = {name: [0, 0] for name in ("tokens", "bytes", "words", "unknown")}
    dropped: Counter[str] = Counter()
    examples: dict[str, str] = {}
    size = seen = end = 0
    numbered = source.numbered_pairs()
    while rows := list(islice(numbered, PAIRS_AT_ONCE)):
        for (place, pair), encoded in zip(rows, _encoded(making, rows, seen), strict=True):
            reason = making.refusal(*encoded)
            if reason is not None:
                dropped[reason] += 1
                examples.setdefault(reason, place)
                continue
            places = []
            for side, one in enumerate(encoded):
                ids.write(np.array(one, np.uint32).tobytes())
                places.append(end := end + len(one))
                counts["tokens"][side] += len(one)
                counts["bytes"][side] += len(pair[side].encode())
                counts["words"][side] += len(pair[side].split())
                counts["unknown"][side] += one.count(UNK)
            ends.write(np.array(places, np.int64).tobytes())
            size += 1
        seen += len(rows)
    if not size:
        raise DataError(
            f"{source.name} has no pair to learn from"
            + "".join(f"; {count:,} {reason}" for reason, count in dropped.items())
        )
    return {"size": size, **counts, "dropped": dict(dropped), "examples": examples}


def _encoded(
    making: PairsFrom, rows: Sequence[tuple[str, Pair]], first: int
) -> list[tuple[list[int], list[int]]]:
    try:
        return list(making.encode([pair for _, pair in rows], first))
    except DataError:  # a lone surrogate, in one of so many: find out where
        for number, (place, pair) in enumerate(rows, first):
            try:
                list(making.encode([pair], number))
            except DataError as error:
                raise DataError(f"{place}: {error}") from None
        raise
