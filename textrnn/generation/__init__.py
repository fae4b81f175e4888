"""Generation: one sampling loop and one beam search, over any engine.

    options.py    GenerationOptions: the keyword arguments of ``generate``
    settings.py   GenerationSettings: the options, filled in, and the rules they stand for
    rules/        what stands between the model's logits and the choice
    loop.py       greedy choice and sampling: a batch whose rows come and go; row.py is one of them
    beam.py       beam search; hypotheses.py says what is asked for and found, search.py holds the
                  sentences of a batch, sentence.py is one of them; candidates.py finds the best
                  tokens of a row, choices.py is what texts go on with, notes.py what led to them;
                  scoring.py compares hypotheses
    terms.py      texts that must appear, and how far a hypothesis has come (grid.py: what is kept)
    repetition.py the guard against texts that never end
    draw.py       random streams, one a text
    history.py    the last tokens, as rules see them
    padding.py    texts of unequal lengths side by side
    text.py       ids to text while it grows: whole characters, stop texts

A text's cost and memory a token are constant for ever: the engine's state is of fixed size, rules
see at most the last :data:`HISTORY` tokens, and the loop keeps nothing else.
"""

from __future__ import annotations

from textrnn.generation.beam import beam_search
from textrnn.generation.candidates import log_totals
from textrnn.generation.draw import RandomStream, fresh_seed
from textrnn.generation.history import HISTORY
from textrnn.generation.hypotheses import BeamPlan, Hypothesis, Wish
from textrnn.generation.loop import Batch, generate_tokens
from textrnn.generation.options import GenerationOptions, TextOptions
from textrnn.generation.padding import in_batches, pad_right
from textrnn.generation.repetition import RepetitionGuard
from textrnn.generation.row import Failure, FinishReason, Plan, Row, Step, Token
from textrnn.generation.scoring import LengthPenalty, Scoring, coverage_penalty
from textrnn.generation.settings import GenerationSettings
from textrnn.generation.terms import Speller, Terms, is_unspaced
from textrnn.generation.text import Writer, find_stop

__all__ = [
    "HISTORY",
    "Batch",
    "BeamPlan",
    "Failure",
    "FinishReason",
    "GenerationOptions",
    "GenerationSettings",
    "Hypothesis",
    "LengthPenalty",
    "Plan",
    "RandomStream",
    "RepetitionGuard",
    "Row",
    "Scoring",
    "Speller",
    "Step",
    "Terms",
    "TextOptions",
    "Token",
    "Wish",
    "Writer",
    "beam_search",
    "coverage_penalty",
    "find_stop",
    "fresh_seed",
    "generate_tokens",
    "in_batches",
    "is_unspaced",
    "log_totals",
    "pad_right",
]
