"""From segments of text to their translations: encoded, searched or drawn in batches, decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from textrnn.engines import Floats
from textrnn.models.translating.coding import Coder, Sources
from textrnn.models.translating.drafts import Draft, distinct
from textrnn.models.translating.searching import Found, Job, Request, draw, search
from textrnn.models.translating.segments import BROKEN, clean
from textrnn.models.translating.settings import TranslationSettings
from textrnn.models.translating.stand_ins import TURNS, disguised
from textrnn.models.translating.verbatim import is_verbatim, missing_terms
from textrnn.models.translating.words import Words, core, source_pieces, word_weights
from textrnn.tokenizers import UNK

__all__ = ["decode"]

_ROWS = 256  # hypotheses of one batch
_PLACES = 3072  # hypotheses times source tokens: what attention makes of them fits a cache
_LONGEST_COPY = 96  # tokens of all that a sentence is made to copy
_SEARCHES = 3  # for what a sentence is to copy


def decode(
    coder: Coder, sources: Sources, requests: Sequence[Request], settings: TranslationSettings
) -> dict[Request, list[Draft]]:
    """The best translations of each request as it stands, best first; equal ones are done once.

    What is to be copied through comes through.

    Args:
        coder: the model.
        sources: the ids of texts.
        requests: clean texts, none empty.
        settings: resolved.

    Raises:
        GenerationError: the rules leave no token, or the model's output is not numbers.
        UsageError: the vocabulary cannot spell a term that a translation is to contain.
    """
    drafts: dict[Request, list[Draft]] = {}
    jobs: list[Job] = []
    for request in dict.fromkeys(requests):
        if settings.copy and not request.prefix and not request.terms and is_verbatim(request.text):
            drafts[request] = [_copied(request.text)]
        else:
            terms = tuple((term,) for term in request.terms)
            jobs.append(Job(request, sources.ids(request.text), terms))
    drafts |= _decode_jobs(coder, jobs, settings)
    if settings.copy and not settings.sample:
        jobs = [job for job in jobs if _missing(job, drafts[job.request])]
        for turn in range(TURNS):
            drafts |= _disguised(coder, sources, jobs, drafts, settings, turn)
        drafts |= _searched_again(coder, jobs, drafts, settings)
    return drafts


def _copied(text: str) -> Draft:
    words = Words.of_pieces([text.encode()])
    one_to_one = np.eye(len(words.texts), len(words.texts) + 1, dtype=np.float32)
    return Draft(text, source=words, target=words, shares=one_to_one)


def _missing(job: Job, drafts: Sequence[Draft]) -> list[tuple[str, ...]]:
    """What should have come through and is not in the best translation."""
    return list(missing_terms(job.request.text, drafts[0].text))


def _disguised(
    coder: Coder,
    sources: Sources,
    jobs: Sequence[Job],
    drafts: dict[Request, list[Draft]],
    settings: TranslationSettings,
    turn: int,
) -> dict[Request, list[Draft]]:
    """Of the jobs whose best translation lacks something, those that stand-ins brought through."""
    asked = []
    for job in jobs:
        items = list(dict.fromkeys(term[0] for term in _missing(job, drafts[job.request])))
        disguise = disguised(job.request.text, items, turn)
        if disguise is not None:
            request = job.request._replace(text=disguise.text)
            asked.append(
                (job.request, disguise, Job(request, sources.ids(request.text), job.terms))
            )
    done = _decode_jobs(coder, list({job.request: job for *_, job in asked}.values()), settings)
    found = {}
    for request, disguise, job in asked:
        undone = [one for draft in done[job.request] if (one := disguise.undo(draft)) is not None]
        if undone and not any(missing_terms(request.text, undone[0].text)):
            found[request] = undone
    return found


def _searched_again(
    coder: Coder,
    jobs: Sequence[Job],
    drafts: dict[Request, list[Draft]],
    settings: TranslationSettings,
) -> dict[Request, list[Draft]]:
    """Of the jobs those whose translations lack less where the search is asked for what they lack.

    What is got in may push out something else, which is then asked for too.
    """
    last = drafts
    kept: dict[Request, list[Draft]] = {}
    for _ in range(_SEARCHES):
        jobs = _lacking(coder, jobs, last)
        last = _decode_jobs(coder, jobs, settings)
        for job in jobs:
            before = kept.get(job.request, drafts[job.request])
            if len(_missing(job, last[job.request])) < len(_missing(job, before)):
                kept[job.request] = last[job.request]
    return kept


def _lacking(coder: Coder, jobs: Sequence[Job], drafts: dict[Request, list[Draft]]) -> list[Job]:
    """The jobs whose best translation lacks what they do not ask for yet, asking for it too."""
    lacking = []
    for job in jobs:
        terms = list(job.terms)
        room = _LONGEST_COPY - sum(len(coder.speller.encode(term[0]) or ()) for term in terms)
        for term in _missing(job, drafts[job.request]):
            often = terms.count(term) >= max(1, job.request.text.count(term[0]))
            spelt = None if often else coder.speller.encode(term[0])
            if spelt is not None and len(spelt) <= room:
                room -= len(spelt)
                terms.append(term)
        if len(terms) > len(job.terms):
            lacking.append(job._replace(terms=tuple(terms)))
    return lacking


def _decode_jobs(
    coder: Coder, jobs: Sequence[Job], settings: TranslationSettings
) -> dict[Request, list[Draft]]:
    """Draws, or different texts: where the best of a beam spell one twice, all of it is asked."""
    write = draw if settings.sample else search
    drafts = {
        job.request: [_draft(coder, job, one, settings) for one in some]
        for batch in _batches(jobs, settings)
        for job, some in zip(batch, write(coder, batch, settings), strict=True)
    }
    if settings.sample:
        return drafts
    texts = {request: distinct(some) for request, some in drafts.items()}
    count, places = settings.n_best, settings.beam_size
    again = [job for job in jobs if len(texts[job.request]) < len(drafts[job.request])]
    if again and count != places:
        whole = _decode_jobs(coder, again, replace(settings, n_best=places))
        texts |= {request: some[:count] for request, some in whole.items()}
    return texts


def _batches(jobs: Sequence[Job], settings: TranslationSettings) -> Iterator[list[Job]]:
    """Jobs of one prefix and of like lengths, as many as a batch's tokens and rows allow."""
    batch: list[Job] = []
    rows = 0
    each = cast(int, settings.n_best if settings.sample else settings.beam_size)
    for job in sorted(jobs, key=lambda job: (job.request.prefix, len(job.ids))):
        more = each * (1 + sum(len(term[0]) for term in job.terms))
        full = len(job.ids) * (len(batch) + 1) > cast(int, settings.batch_tokens)
        full |= rows + more > min(_ROWS, _PLACES // len(job.ids))
        other = batch and batch[0].request.prefix != job.request.prefix
        if batch and (full or other):
            yield batch
            batch, rows = [], 0
        batch.append(job)
        rows += more
    if batch:
        yield batch


def _draft(coder: Coder, job: Job, found: Found, settings: TranslationSettings) -> Draft:
    """The text of what was found; UNK is replaced by the source word that it looked at most."""
    pieces = [coder.target.to_bytes((id,)) for id in found.ids]
    if UNK in found.ids and found.attention is not None:
        _replace_unknown(coder, job, found, pieces)
        text = b"".join(pieces).decode(errors="replace")
    else:
        text = coder.target.decode(found.ids)
    if BROKEN not in job.request.text:
        text = text.replace(BROKEN, "")
    draft = Draft(clean(text), found.score, found.ids, found.log_probs)
    if not settings.alignments or found.attention is None:
        return draft
    source, target = Words.of_ids(coder.source, job.ids[:-1]), Words.of_pieces(pieces)
    shares = word_weights(found.attention[:, : len(job.ids)], source, target)
    return replace(draft, source=source, target=target, shares=shares)


def _replace_unknown(coder: Coder, job: Job, found: Found, pieces: list[bytes]) -> None:
    """Put the source's words in the place of UNK (Luong et al. 2015, section 3.3).

    "Addressing the Rare Word Problem in Neural Machine Translation",
    https://arxiv.org/abs/1410.8206
    """
    said = source_pieces(coder.source, job.ids[:-1], job.request.text)
    words = Words.of_ids(coder.source, job.ids[:-1])
    for place in (place for place, id in enumerate(found.ids) if id == UNK):
        looked_at = int(cast(Floats, found.attention)[place, : len(said)].argmax())
        word = said[looked_at].strip()
        if job.ids[looked_at] != UNK and words.of[looked_at] >= 0:
            word = core(words.texts[words.of[looked_at]])
        space = b" " if pieces[place].startswith(b" ") else b""
        pieces[place] = space + word.encode()
