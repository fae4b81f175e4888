"""Texts that a hypothesis must contain, and how far it has come with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from textrnn.errors import UsageError
from textrnn.tokenizers import EOS, Tokenizer

__all__ = ["Progress", "Speller", "Terms", "is_unspaced"]

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff01-\uff9f\U00020000-\U0003ffff]"
)


def is_unspaced(text: str) -> bool:
    """Whether a text has a character of a script that writes no spaces between words.

    Han and kana with their marks, Thai, Lao, Burmese and Khmer.

    >>> is_unspaced("東京"), is_unspaced("Tokyo")
    (True, False)
    """
    return _UNSPACED.search(text) is not None


class Speller:
    """Spells texts with the pieces of a vocabulary, wherever in a word they begin.

    Args:
        tokenizer: whose ids.

    >>> from textrnn.tokenizers.byte import ByteTokenizer
    >>> Speller(ByteTokenizer()).spell(b"ab")
    (101, 102)
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.contents = tuple(tokenizer.to_bytes((id,)) for id in range(tokenizer.vocab_size))
        special = range(EOS + 1)
        self._ids = {
            content: id
            for id, content in reversed(list(enumerate(self.contents)))
            if content and id not in special
        }
        self._longest = max(map(len, self._ids), default=0)

    def spell(self, text: bytes) -> tuple[int, ...] | None:
        """The ids whose bytes are ``text``, longest pieces first; None where there are none."""
        ids: list[int] = []
        while text:
            for length in range(min(self._longest, len(text)), 0, -1):
                if (id := self._ids.get(text[:length])) is not None:
                    ids.append(id)
                    text = text[length:]
                    break
            else:
                return None
        return tuple(ids)

    def encode(self, text: str) -> tuple[int, ...] | None:
        """The ids as the tokenizer cuts ``text``, or spelt where that changes the text."""
        ids = tuple(self._tokenizer.encode(text))
        given = text.encode()
        return ids if self._tokenizer.to_bytes(ids) == given else self.spell(given)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a hypothesis has come.

    Args:
        terms: what it must contain.
        text: the bytes of its text.
        level: how many tokens of the terms are in place; all are at :attr:`Terms.levels`.
        missing: how many tokens the rest takes.
        wanted: the ids that go on with a term, that of a term in the middle first.
    """

    terms: Terms
    text: bytes
    level: int
    missing: int
    wanted: tuple[int, ...]

    def after(self, id: int) -> Progress:
        """The progress after one more token."""
        return self.terms.measure(self.text + self.terms.speller.contents[id])

    @property
    def whole(self) -> bool:
        """Whether all terms are in place."""
        return self.level == self.terms.levels


@dataclass(frozen=True)
class _Form:
    """One way to write a term: its bytes, its ids, and where the bytes may be cut between ids."""

    text: bytes
    ids: tuple[int, ...]
    cuts: tuple[int, ...]


class Terms:
    """What a sentence's hypotheses must contain: for each term, one of its alternatives.

    A term is in place where its characters are, however they were cut into tokens, with no letter
    or digit touching it on either side where its script writes spaces between words. So a term may
    be found without having been asked for, and one that was begun may be left again. A term that is
    given twice must be there twice.

    Args:
        terms: for each term its alternatives.
        speller: spells them.

    Raises:
        UsageError: a term is empty, or the vocabulary cannot spell it.

    >>> from textrnn.tokenizers.byte import ByteTokenizer
    >>> terms = Terms([("ox",)], Speller(ByteTokenizer()))
    >>> begun = terms.measure(b"o")
    >>> begun.level, begun.missing, bytes(id - 4 for id in begun.wanted)
    (1, 1, b'x ')
    """

    def __init__(self, terms: Sequence[Sequence[str]], speller: Speller) -> None:
        self.speller = speller
        self._found = [_pattern(alternatives) for alternatives in terms]
        given = [tuple(alternatives) for alternatives in terms]
        self._times = [given[: place + 1].count(one) for place, one in enumerate(given)]
        self._forms = [self._forms_of(alternatives) for alternatives in terms]
        self._sizes = [max(len(form.ids) for form in forms) for forms in self._forms]
        self.levels = sum(self._sizes)

    def _forms_of(self, alternatives: Sequence[str]) -> list[_Form]:
        forms: dict[bytes, _Form] = {}
        for term in alternatives:
            for text in (f" {term}", term):
                ids = self.speller.encode(text) if term.strip() else None
                if ids is not None:
                    ends = [len(self.speller.contents[id]) for id in ids]
                    cuts = tuple(sum(ends[:place]) for place in range(len(ids)))
                    forms[text.encode()] = _Form(text.encode(), ids, cuts)
        if not forms:
            raise UsageError(
                f"the model's vocabulary cannot spell {alternatives[0]!r}: leave it out"
            )
        return list(forms.values())

    def measure(self, text: bytes) -> Progress:
        """How far a text has come."""
        shown = text.decode(errors="replace")
        level, missing, wanted = 0, 0, []
        begun: tuple[int, int, int] | None = None  # tokens in place, tokens more, what comes next
        asked = zip(self._found, self._times, self._forms, self._sizes, strict=True)
        for found, times, forms, size in asked:
            if sum(1 for _ in islice(found.finditer(shown), times)) == times:
                level += size
                continue
            missing += size
            for form in forms:
                held, rest = self._begun(text, form)
                if rest is None:
                    continue
                wanted.append(rest[0])
                if held and (begun is None or held > begun[0]):
                    begun = (min(held, size - 1), len(rest) - size, rest[0])
        if begun is not None:
            level += begun[0]
            missing += begun[1]
            wanted.insert(0, begun[2])
        return Progress(self, text, level, missing, tuple(dict.fromkeys(wanted)))

    def _begun(self, text: bytes, form: _Form) -> tuple[int, tuple[int, ...] | None]:
        """How many tokens of a form the text ends with, and the ids that complete it."""
        for length in range(min(len(text), len(form.text) - 1), 0, -1):
            if not text.endswith(form.text[:length]) or not _may_begin(text[:-length], form.text):
                continue
            if length in form.cuts:
                place = form.cuts.index(length)
                return place, form.ids[place:]
            rest = self.speller.spell(form.text[length:])
            if rest is not None:
                return sum(cut <= length for cut in form.cuts) - 1, rest
        return 0, form.ids if _may_begin(text, form.text) else None


def _touches(char: str) -> bool:
    """Whether a character would be one word with a letter or digit beside it."""
    return char.isalnum() and not is_unspaced(char)


def _may_begin(before: bytes, form: bytes) -> bool:
    """Whether a form may follow a text: it must not be one word with what stands before."""
    return not (_touches(form.decode()[:1]) and _touches(before.decode(errors="replace")[-1:]))


def _pattern(alternatives: Sequence[str]) -> re.Pattern[str]:
    """Finds a term that is no part of a longer word."""
    letter = rf"(?!{_UNSPACED.pattern})[^\W_]"
    parts = []
    for text in alternatives:
        before = f"(?<!{letter})" if _touches(text[:1]) else ""
        after = f"(?!{letter})" if _touches(text[-1:]) else ""
        parts.append(before + re.escape(text) + after)
    return re.compile("|".join(parts))
