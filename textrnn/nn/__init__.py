"""The network's parts, for every task and for whoever builds networks of their own.

cells       one recurrent layer in one direction      rnn, lstm, gru; an open folder
encoder     layers and directions over ids or features
embedding   ids to vectors
dropout     masks held over time, dropout of words
head        hidden states to logits and to the loss
"""

from __future__ import annotations

from textrnn.config import EncoderSettings
from textrnn.nn.cells import Cell, CellState
from textrnn.nn.dropout import LockedDropout, drop_words
from textrnn.nn.embedding import Embedding
from textrnn.nn.encoder import Encoder, State, detach, reverse, select_rows
from textrnn.nn.head import AdaptiveHead, OutputHead, linear_cross_entropy

__all__ = [
    "AdaptiveHead",
    "Cell",
    "CellState",
    "Embedding",
    "Encoder",
    "EncoderSettings",
    "LockedDropout",
    "OutputHead",
    "State",
    "detach",
    "drop_words",
    "linear_cross_entropy",
    "reverse",
    "select_rows",
]
