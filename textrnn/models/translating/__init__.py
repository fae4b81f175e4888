"""What the translator does between text and engine.

settings.py     the options of a translation, filled in
segments.py     texts cut into lines and sentences, and translations joined again
glossary.py     terms and how they are to be translated
verbatim.py     what is copied through: addresses, placeholders, numbers
stand_ins.py    names and numbers in their place, which a model knows
tags.py         what is a tag, and a text without them
markup.py       tags, taken out and put back around the words that say the same
terminology.py  a glossary's terms, put where the source's terms went
spans.py        which words of a translation looked at a stretch of its source
coding.py       an engine with the tokenizers of its two sides
searching.py    batches of sources to ids: beam search or draws
decoding.py     segments to translations, in batches
rendering.py    the same, with tags and a glossary's terms in their places
drafts.py       what a segment was translated to
words.py        from pieces to words: alignments
assembling.py   the translation of a text from those of its segments
ensemble.py     several models that translate together
results.py      what the translator answers with
"""

from __future__ import annotations

from textrnn.models.translating.glossary import Glossary
from textrnn.models.translating.results import (
    AttentionMap,
    Candidate,
    Translation,
    TranslationScore,
)
from textrnn.models.translating.settings import TranslationOptions, TranslationSettings

__all__ = [
    "AttentionMap",
    "Candidate",
    "Glossary",
    "Translation",
    "TranslationOptions",
    "TranslationScore",
    "TranslationSettings",
]
