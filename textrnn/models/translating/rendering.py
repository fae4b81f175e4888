"""Segments to their translations, with tags and a glossary's terms in their places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from textrnn.models.translating.coding import Coder, Sources
from textrnn.models.translating.decoding import decode
from textrnn.models.translating.drafts import Draft, distinct
from textrnn.models.translating.glossary import Mention, is_said
from textrnn.models.translating.markup import marked
from textrnn.models.translating.searching import Request
from textrnn.models.translating.settings import TranslationSettings
from textrnn.models.translating.tags import find_tags
from textrnn.models.translating.terminology import put_in_place
from textrnn.models.translating.verbatim import is_verbatim

__all__ = ["render"]

_MOST_SEARCHED = 4  # terms in a segment: a search for more takes long and reads badly


def render(
    coder: Coder, sources: Sources, requests: Sequence[Request], settings: TranslationSettings
) -> dict[Request, list[Draft]]:
    """The best translations of each request, best first; equal requests are done once.

    No two of a request are alike, but for draws.

    Args:
        coder: the model.
        sources: the ids of texts.
        requests: clean texts, none empty.
        settings: resolved.

    Raises:
        GenerationError: the rules leave no token, or the model's output is not numbers.
        UsageError: the vocabulary cannot spell a term of the glossary.
    """
    found = _unmarked(coder, sources, requests, settings) if settings.copy else {}
    rest = [request for request in requests if request not in found]
    drafts = found | _worded(coder, sources, rest, settings)
    if settings.sample:
        return drafts
    # Tags or a glossary's terms may make two of them alike.
    return {request: distinct(some) for request, some in drafts.items()}


def _unmarked(
    coder: Coder, sources: Sources, requests: Sequence[Request], settings: TranslationSettings
) -> dict[Request, list[Draft]]:
    """Of the requests with tags, those whose words alone told where the tags belong."""
    asked = {
        request: text
        for request in dict.fromkeys(requests)
        if (text := marked(request.text)) is not None
        if not find_tags(request.prefix) and not is_verbatim(request.text)
    }
    if not asked:
        return {}
    plain = {request: request._replace(text=text.text) for request, text in asked.items()}
    looking = replace(settings, alignments=True)
    drafts = _worded(coder, sources, list(plain.values()), looking)
    found = {}
    for request, text in asked.items():
        tagged = [text.put_back(draft, request.prefix) for draft in drafts[plain[request]]]
        done = [draft for draft in tagged if draft is not None]
        if len(done) == len(tagged):
            found[request] = done
    return found


def _worded(
    coder: Coder, sources: Sources, requests: Sequence[Request], settings: TranslationSettings
) -> dict[Request, list[Draft]]:
    """The same for texts that are read as they are, tags and all, in the glossary's terms.

    Each term is put where the source's term went, but not into the prefix. Where that is not clear,
    the search is made to say it; of many terms each gets the likeliest place.
    """
    if settings.glossary is None:
        return decode(coder, sources, requests, settings)
    mentions = {one: settings.glossary.mentions(one.text) for one in dict.fromkeys(requests)}
    looking = replace(settings, alignments=settings.alignments or any(mentions.values()))
    waiting: dict[Request, tuple[str, ...]] = dict.fromkeys(mentions, ())
    drafts: dict[Request, list[Draft]] = {}
    while waiting:
        asked = {request: request._replace(terms=terms) for request, terms in waiting.items()}
        done = decode(coder, sources, list(asked.values()), looking)
        again = {}
        for request, terms in waiting.items():
            rest = [one for one in mentions[request] if one.target not in terms]
            few = len(mentions[request]) <= _MOST_SEARCHED
            searched = frozenset(filter(coder.can_say, _targets(rest))) if few else frozenset()
            placed = [
                put_in_place(draft, request.text, rest, searched, request.prefix)
                for draft in done[asked[request]]
            ]
            if lost := _targets(
                one for draft, some in placed for one in some if not is_said(one.target, draft.text)
            ):
                again[request] = terms + lost
            elif rest and any(term not in draft.text for draft, _ in placed for term in terms):
                again[request] = _targets(mentions[request])  # one took another's place
            else:
                drafts[request] = [draft for draft, _ in placed]
        waiting = again
    return drafts


def _targets(mentions: Iterable[Mention]) -> tuple[str, ...]:
    """The terms of a glossary that are mentioned, each once."""
    return tuple(dict.fromkeys(mention.target for mention in mentions))
