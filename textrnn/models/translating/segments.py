"""Texts cut into what a translator reads at once, and translations joined again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from textrnn.generation import is_unspaced
from textrnn.models.translating.tags import find_tags, taken_out
from textrnn.models.translating.verbatim import is_verbatim

__all__ = ["BROKEN", "Segment", "clean", "join", "split_text"]

BROKEN = "\ufffd"
"""Stands for a character that was begun in bytes and not ended."""

_BETWEEN_WORDS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u200b\ufeff]+")
_LINE_END = re.compile("\r\n|[\n\v\f\r\x85\u2028\u2029]")
_SENTENCE_END = re.compile(
    "(?P<wide>[。！？｡]+[」』）”’\"')]*\\s*)|(?P<mark>[.!?…]+)[\"'”’“‘»«)\\]]*\\s+(?=(?P<next>\\S{1,3}))"
)
_CLAUSE_END = re.compile("[,;:–—]\\s+|[、，；：]\\s*")
_SPACE = re.compile("\\s+")
_ABBREVIATIONS = re.compile(
    "mrs?|ms|dr|prof|st|sr|jr|no|nr|vs|etc|ca|approx|dept|est|fig|gen|gov|inc|ltd|rev|sgt|vol|cf"
    "|bzw|usw|ggf|evtl|inkl|zzgl|abs|bd|hr|fr|str|tel|mme|mlle",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Segment:
    """A part of a text that is translated by itself.

    Args:
        text: clean, so perhaps empty.
        after: what stands between it and the next one: line ends, a space, or nothing.
        inside: the cut is inside a word.
    """

    text: str
    after: str = ""
    inside: bool = False


def clean(text: str) -> str:
    r"""One line of words with single spaces; control characters count as white space.

    >>> clean("\ufeff Guten\u00a0 Tag,\x00\tTom!\r\n")
    'Guten Tag, Tom!'
    """
    return _BETWEEN_WORDS.sub(" ", text).strip(" ")


def split_text(
    text: str, longest: int, length: Callable[[str], int], *, tags: bool = False
) -> list[Segment]:
    r"""The lines of a text, those that are too long cut at sentence ends.

    A sentence that is still too long is cut after a comma, else at a space, else anywhere; what
    has nothing to translate, such as a long address, is whole.

    Args:
        text: any text.
        longest: what a line, or a part of a sentence, may have of ``length``.
        length: of a text, in tokens.
        tags: see what a line says without its tags, and cut none of them; those that part words,
            such as ``<p>``, end a line, but not one ``<br>`` after a letter, a digit or a comma.

    >>> [segment.text for segment in split_text("One. Two.\n\nThree", 5, len)]
    ['One.', 'Two.', '', 'Three']
    """
    split = _split_tagged_line if tags else _split_line
    segments: list[Segment] = []
    begin = 0
    for end in _LINE_END.finditer(text):
        segments += split(clean(text[begin : end.start()]), end[0], longest, length)
        begin = end.end()
    return segments + split(clean(text[begin:]), "", longest, length)


def join(translations: Sequence[str], segments: Sequence[Segment]) -> str:
    """The translations of the segments of a text, in order, with what stood between them.

    A space is put where the target's script writes one, and left out where it does not.

    >>> join(["今日は。", "さようなら。"], [Segment("Hello.", " "), Segment("Goodbye.")])
    '今日は。さようなら。'
    """
    joined = ""
    following = [*translations[1:], ""]
    for text, segment, after in zip(translations, segments, following, strict=True):
        joined += text
        if segment.after.strip(" "):
            joined += segment.after
        elif not segment.inside and text and after:
            joined += "" if is_unspaced(text[-1]) else " "
    return joined


def _split_line(line: str, after: str, longest: int, length: Callable[[str], int]) -> list[Segment]:
    if length(line) <= longest:
        return [Segment(line, after)]
    segments: list[Segment] = []
    for sentence in _cut(line, _sentence_ends(line)):
        segments += _shorten(sentence, longest, length)
    segments[-1] = Segment(segments[-1].text, after)
    return segments


def _split_tagged_line(
    line: str, after: str, longest: int, length: Callable[[str], int]
) -> list[Segment]:
    """The parts of a line, the tags between two of them with what they close or open."""
    if not (tags := find_tags(line)):
        return _split_line(line, after, longest, length)
    plain, places = taken_out(line, tags)
    lines = map(clean, _cut(plain, list(_line_ends(plain, tags, places))))
    parts = [part for one in lines if one for part in _split_line(one, "", longest, length)]
    if len(parts) < 2:
        return [Segment(line, after)]
    parts[-1] = replace(parts[-1], after=after)
    cuts, said, number = [0], 0, 0
    for part in parts[:-1]:
        for char in part.text:
            said = plain.index(char, said) + 1
        while number < len(tags) and places[number][0] < said:
            number += 1
        cut = said + (tags[number - 1].end() - places[number - 1][1] if number else 0)
        for tag, (begin, _) in zip(tags[number:], places[number:], strict=True):
            if plain[said:begin].strip():
                break
            cut = tag.end() if tag["end"] else cut
        cuts.append(cut)
    texts = [clean(line[a:b]) for a, b in pairwise([*cuts, len(line)])]
    return [replace(part, text=text) for part, text in zip(parts, texts, strict=True)]


def _line_ends(
    plain: str, tags: Sequence[re.Match[str]], places: Sequence[tuple[int, int]]
) -> Iterator[int]:
    """Where in a text tags that part words end a line."""
    last = (0, 0)
    for tag, place in zip(tags, places, strict=True):
        begin, end = place
        if begin < end:
            char = plain[max(begin - 2, 0) : begin].rstrip()[-1:]
            in_a_row = last[0] < last[1] == begin
            if tag["name"].lower() != "br" or in_a_row or not (char.isalnum() or char == ","):
                yield end
        last = place


def _shorten(text: str, longest: int, length: Callable[[str], int]) -> Iterator[Segment]:
    """A sentence in parts that are short enough, as long as they may be."""
    size, bare = length(text), _segment(text)
    if size <= longest or len(bare.text) < 2:
        yield bare
        return
    for mark in (_CLAUSE_END, _SPACE):
        parts = _packed(_cut(text, [end.end() for end in mark.finditer(text)]), longest, length)
        if len(parts) > 1:
            for part in parts:
                yield from _shorten(part, longest, length)
            return
    if is_verbatim(bare.text):
        yield bare
        return
    step = max(1, min(len(bare.text) - 1, len(bare.text) * longest // (size + 1)))
    starts = range(0, len(bare.text), step)
    letters = [_shorten(bare.text[start : start + step], longest, length) for start in starts]
    *others, last = (one for some in letters for one in some)
    yield from (replace(one, inside=True) for one in others)
    yield replace(last, after=bare.after)


def _segment(text: str) -> Segment:
    bare = text.rstrip()
    return Segment(bare, text[len(bare) :])


def _packed(parts: list[str], longest: int, length: Callable[[str], int]) -> list[str]:
    """Neighbouring parts together, as many as are short enough."""
    packed, room = [""], longest
    for part in parts:
        size = length(part)
        if size > room and packed[-1]:
            packed.append("")
            room = longest
        packed[-1] += part
        room -= size
    return packed


def _cut(text: str, ends: Sequence[int]) -> list[str]:
    """The parts of a text that end at these places, and the rest; none is empty."""
    places = [0, *ends, len(text)]
    parts = [text[a:b] for a, b in pairwise(places)]
    return [part for part in parts if part]


def _sentence_ends(line: str) -> list[int]:
    return [end.end() for end in _SENTENCE_END.finditer(line) if end["wide"] or _ends(line, end)]


def _ends(line: str, end: re.Match[str]) -> bool:
    """Whether a mark and a space end a sentence: not after "Dr.", "J." or "3.", nor before "a"."""
    if next((char for char in end["next"] if char.isalnum()), "").islower():
        return False
    if end["mark"] != ".":
        return True
    word = line[: end.start()].rpartition(" ")[2].strip("([\"'„“«")
    known = _ABBREVIATIONS.fullmatch(word) or "." in word
    return not (known or (len(word) == 1 and word != "I") or (word.isdigit() and len(word) < 3))
