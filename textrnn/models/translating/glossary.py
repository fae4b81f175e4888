"""Terms and how they are to be translated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from textrnn.errors import DataError, UsageError
from textrnn.models.translating.spans import letters
from textrnn.models.translating.verbatim import verbatim_parts
from textrnn.models.translating.words import alone

__all__ = ["Glossary", "Mention", "is_said"]


class Mention(NamedTuple):
    """A term in a source.

    Args:
        span: where it stands, in characters, white space not counted.
        target: what it is to be translated to.
    """

    span: tuple[int, int]
    target: str


class Glossary:
    """Source terms with their target terms.

    A term is found where it stands as a word or words of its own, not inside an address or a
    placeholder; one in small letters is found in capital letters too. Of terms that overlap the
    longest counts. What begins a sentence begins with a capital letter, if the translation did.

    Args:
        terms: source term to target term.

    Raises:
        UsageError: a term is empty, or no text.

    >>> glossary = Glossary({"train": "Zug", "train station": "Bahnhof"})
    >>> glossary.mentions("The train station, not trains")
    (Mention(span=(3, 15), target='Bahnhof'),)
    """

    def __init__(self, terms: Mapping[str, str]) -> None:
        for source, target in terms.items():
            for text in (source, target):
                if not isinstance(text, str):
                    raise UsageError(
                        f"the glossary has {text!r}, of type {type(text).__name__}: give text (str)"
                    )
            if not source.strip() or not target.strip():
                raise UsageError(f"the glossary has an empty side: {source!r}, {target!r}")
        self.terms = {_folded(source): " ".join(target.split()) for source, target in terms.items()}
        longest_first = sorted(self.terms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, longest_first)) or "(?!)")

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Glossary:
        """Read a file of lines ``source term TAB target term``; empty lines are skipped.

        Raises:
            DataError: the file cannot be read, or a line is of another form; names the line.
        """
        terms: dict[str, str] = {}
        lines: dict[str, int] = {}
        for number, line in enumerate(_lines(Path(path)), 1):
            if not line.strip():
                continue
            sides = [side.strip() for side in line.split("\t")]
            if len(sides) != 2 or not all(sides):
                raise DataError(
                    f"{path}, line {number}: write source term, tab, target term, not {line!r}"
                )
            source, target = sides
            if terms.get(source, target) != target:
                raise DataError(
                    f"{path}, line {number}: {source!r} has another translation on line "
                    f"{lines[source]}: leave one out"
                )
            terms[source], lines[source] = target, number
        return cls(terms)

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """The source terms in a text, in order."""
        parts = verbatim_parts(text)
        return tuple(
            Mention(
                (letters(text[: found.start()]), letters(text[: found.end()])),
                self._target(found[0]),
            )
            for found in self._pattern.finditer(text)
            if not any(_is_inside(found.span(), part) for part in parts)
        )

    def _target(self, found: str) -> str:
        words = _folded(found)
        return self.terms[words] if words in self.terms else self.terms[words.lower()]


def is_said(term: str, text: str) -> bool:
    """Whether a term stands in a text as a word or words of its own, letter for letter.

    >>> is_said("Zug", "Der Zug kommt."), is_said("Zug", "Zugluft")
    (True, False)
    """
    return re.search(alone(term), text) is not None


def _is_inside(some: tuple[int, int], part: tuple[int, int]) -> bool:
    return part[0] <= some[0] and some[1] <= part[1] and some != part


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8; convert it first") from error


def _folded(term: str) -> str:
    return " ".join(term.split())


def _pattern(term: str) -> str:
    words = r"\s+".join(map(re.escape, term.split()))
    return alone(term, f"(?i:{words})" if term == term.lower() else words)
