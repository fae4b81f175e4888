"""Generation: one sampling loop and one beam search, over any engine.

    options.py    GenerationOptions: the keyword arguments of ``generate``
    settings.py   GenerationSettings: the options, filled in, and the rules they stand for
    rules/        what stands between the model's logits and the choice
    loop.py       greedy choice and sampling; yields tokens as they come
    beam.py       beam search
    draw.py       random streams, one a text
    history.py    the last tokens, as rules see them
    text.py       ids to text while it grows: whole characters, stop texts

A text's cost and memory a token are constant for ever: the engine's state is of fixed size, rules
see at most the last :data:`HISTORY` tokens, and the loop keeps nothing else.
"""

from __future__ import annotations

from textrnn.generation.beam import BeamPlan, Hypothesis, LengthPenalty, Scoring, beam_search
from textrnn.generation.draw import RandomStream, fresh_seed
from textrnn.generation.history import HISTORY
from textrnn.generation.loop import (
    FinishReason,
    Plan,
    Row,
    Step,
    Token,
    generate_tokens,
    pad_right,
)
from textrnn.generation.options import GenerationOptions, TextOptions
from textrnn.generation.settings import GenerationSettings
from textrnn.generation.text import Writer, find_stop

__all__ = [
    "HISTORY",
    "BeamPlan",
    "FinishReason",
    "GenerationOptions",
    "GenerationSettings",
    "Hypothesis",
    "LengthPenalty",
    "Plan",
    "RandomStream",
    "Row",
    "Scoring",
    "Step",
    "TextOptions",
    "Token",
    "Writer",
    "beam_search",
    "find_stop",
    "fresh_seed",
    "generate_tokens",
    "pad_right",
]
