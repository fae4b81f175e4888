"""A corpus: one long run of ids in a file, mapped, so that it may be larger than memory."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.data.sources import Documents, TextSource
from textrnn.errors import DataError
from textrnn.tokenizers import BOS, EOS, UNK, Tokenizer

__all__ = ["Corpus", "prepare_corpus", "tokenizer_identity"]

LINES_AT_ONCE = 20_000


@dataclass(frozen=True)
class Corpus:
    """The ids of a text and what was counted on the way.

    Args:
        path: the file of ids.
        dtype: of an id in it.
        name: where the text came from.
        tokens: N, BOS and EOS of each document among them.
        bytes: of the text in UTF-8.
        words: runs of characters between white space.
        lines: newlines.
        unknown: ids that are UNK.
        backward: whether each document runs from its last token to its first. The file holds them
            as they are written, with EOS before and BOS behind, and is read from its end.
    """

    path: Path
    dtype: str
    name: str
    tokens: int
    bytes: int
    words: int
    lines: int
    unknown: int
    backward: bool = False

    def ids(self) -> NDArray[np.generic]:
        """All ids (N,), mapped from the file, not read."""
        ids = np.memmap(self.path, dtype=self.dtype, mode="r", shape=(self.tokens,))
        return ids[::-1] if self.backward else ids

    def checksum(self) -> int:
        """The CRC-32 of the ids as they lie in the file."""
        return zlib.crc32(np.memmap(self.path, np.uint8, "r").data)


def prepare_corpus(
    source: TextSource,
    tokenizer: Tokenizer,
    cache: Path,
    *,
    documents: Documents = "file",
    sampling: tuple[float, int] | None = None,
    backward: bool = False,
) -> Corpus:
    """Encode a text into ``cache``, unless it lies there already.

    A document becomes BOS, its ids, EOS; backward, its ids from the last to the first, and the last
    document first.

    Args:
        source: the text.
        tokenizer: what encodes it.
        cache: a folder for the ids.
        documents: where one document ends and the next begins.
        sampling: alpha and seed of a random segmentation; None for the most likely one.
        backward: from the last token to the first.

    Raises:
        DataError: the text is empty, or cannot be read.
    """
    given = (source.fingerprint(), tokenizer_identity(tokenizer), documents, sampling)
    key = repr((*given, "backward") if backward else given)
    stem = cache / hashlib.sha256(key.encode()).hexdigest()[:16]
    facts, ids_file = stem.with_suffix(".json"), stem.with_suffix(".ids")
    if not facts.exists():
        cache.mkdir(parents=True, exist_ok=True)
        temporary = stem.with_suffix(f".{os.getpid()}.tmp")
        try:
            marks = (EOS, BOS) if backward else (BOS, EOS)
            counts = _encode(source, tokenizer, temporary, documents, sampling, marks)
            temporary.replace(ids_file)
            corpus = Corpus(path=ids_file, name=source.name, backward=backward, **counts)
            temporary.write_text(json.dumps(asdict(corpus) | {"path": ids_file.name}))
            temporary.replace(facts)
        except OSError as error:  # what cannot be read is a DataError already
            raise DataError(f"cannot write {ids_file}: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)
    saved: dict[str, Any] = json.loads(facts.read_text())
    return Corpus(**saved | {"path": ids_file})


def tokenizer_identity(tokenizer: Tokenizer) -> str:
    """What decides the ids of a text: the tokenizer's facts and its vocabulary."""
    pieces = "\0".join(tokenizer.pieces(range(tokenizer.vocab_size)))
    return repr((tokenizer.facts(), hashlib.sha256(pieces.encode()).hexdigest()))


def _encode(
    source: TextSource,
    tokenizer: Tokenizer,
    path: Path,
    documents: Documents,
    sampling: tuple[float, int] | None,
    marks: tuple[int, int],
) -> dict[str, Any]:
    """The ids of each document between two marks, into a file; what was counted."""
    before, behind = marks
    dtype = np.uint16 if tokenizer.vocab_size <= 65_536 else np.uint32
    counts = dict.fromkeys(("tokens", "bytes", "words", "lines", "unknown"), 0)
    with path.open("wb") as file:
        marked = _marked(source.documents(documents))
        while lines := list(islice(marked, LINES_AT_ONCE)):
            texts = [text for text, _ in lines]
            for (text, starts), ids in zip(
                lines, _encode_lines(tokenizer, texts, sampling, counts), strict=True
            ):
                between = ([behind, before] if counts["tokens"] else [before]) if starts else []
                array = np.array([*between, *ids], dtype)
                file.write(array.tobytes())
                counts["tokens"] += len(array)
                counts["bytes"] += len(text.encode())
                counts["words"] += len(text.split())
                counts["lines"] += text.endswith("\n")
                counts["unknown"] += ids.count(UNK)
        file.write(np.array([behind], dtype).tobytes())
        counts["tokens"] += 1
    if counts["bytes"] == 0:
        raise DataError(f"{source.name} is empty: a corpus needs text")
    return {"dtype": np.dtype(dtype).name, **counts}


def _marked(documents: Iterable[Iterable[str]]) -> Iterator[tuple[str, bool]]:
    """Every line, and whether a document starts with it."""
    for document in documents:
        starts = True
        for line in document:
            yield line, starts
            starts = False


def _encode_lines(
    tokenizer: Tokenizer,
    texts: list[str],
    sampling: tuple[float, int] | None,
    counts: dict[str, int],
) -> Iterator[list[int]]:
    if sampling is None:
        yield from tokenizer.encode_lines(texts)
        return
    alpha, seed = sampling
    for offset, text in enumerate(texts):
        yield tokenizer.encode_sampled(
            text, alpha=alpha, seed=hash((seed, counts["lines"], offset)) % 2**31
        )
