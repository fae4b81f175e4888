"""From ids to text while it grows: whole characters only, and no further than a stop text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textrnn.tokenizers import Tokenizer

__all__ = ["Writer", "find_stop", "hold_back"]


def find_stop(text: str, stops: Sequence[str]) -> tuple[int, int] | None:
    """Where the first stop text in ``text`` begins and ends, or None.

    The first to be completed counts, and of those the longest, so that the answer is the same
    whether a text comes whole or in pieces.

    >>> find_stop("a b. c", [". ", "b."])
    (2, 4)
    """
    found = [(text.find(stop) + len(stop), -len(stop)) for stop in stops if stop in text]
    if not found:
        return None
    end, length = min(found)
    return end + length, end


def hold_back(text: str, stops: Sequence[str]) -> int:
    r"""How many characters at the end of ``text`` may be the beginning of a stop text.

    >>> hold_back("one\n", ["\n\n", "END"])
    1
    """
    longest = max(map(len, stops), default=0)
    for length in range(min(longest - 1, len(text)), 0, -1):
        end = text[-length:]
        if any(len(stop) > length and stop.startswith(end) for stop in stops):
            return length
    return 0


class Writer:
    """Writes one text from its ids; what it has ``held`` may yet belong to a stop text.

    Args:
        tokenizer: what the ids are of.
        stops: the stop texts.
        recent: ids that stand before; a character begun by them is completed.
        held: characters held back by the writer that wrote those.

    >>> from textrnn.tokenizers.byte import ByteTokenizer
    >>> writer = Writer(ByteTokenizer(), ["END"])
    >>> [writer.push(id) for id in ByteTokenizer().encode("aENEND")]
    [('a', False), ('', False), ('', False), ('EN', False), ('', False), ('', True)]
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        stops: Iterable[str] = (),
        *,
        recent: Sequence[int] = (),
        held: str = "",
    ) -> None:
        self._stops = tuple(stops)
        self._decoder = tokenizer.stream()
        for token in recent[
            -4:
        ]:  # no character has more than four bytes, nor so more than four ids
            self._decoder.push(token)
        self.held = held

    def push(self, token: int) -> tuple[str, bool]:
        """Write one more id: the text that is now certain, and whether a stop text is complete.

        After a stop text, ``held`` is what the last token had beyond it.
        """
        return self._release(self._decoder.push(token))

    def reopen(self) -> tuple[str, bool]:
        """Look at what is held as :meth:`push` does: the stop texts may be others than before."""
        return self._release("")

    def close(self) -> str:
        """The rest: what was held, and U+FFFD for a character that was never completed."""
        rest = self.held + self._decoder.flush()
        self.held = ""
        return rest

    def _release(self, more: str) -> tuple[str, bool]:
        text = self.held + more
        if not self._stops:
            self.held = ""
            return text, False
        place = find_stop(text, self._stops)
        if place is not None:
            start, end = place
            self.held = text[end:]
            return text[:start], True
        kept = hold_back(text, self._stops)
        certain = len(text) - kept
        self.held = text[certain:]
        return text[:certain], False
