"""The network's parts, for every task and for whoever builds networks of their own.

cells       one recurrent layer in one direction      rnn, lstm, gru, ...; an open folder
recurrence  the loop over time of cells whose gates are blind to the state
encoder     layers and directions over ids or features
attention   the decoder's look at the source         additive, dot, general, ...; an open folder
bridge      the encoder's last states to the decoder's first
decoder     layers that write a target while they attend
embedding   ids to vectors
dropout     masks held over time, dropout of words
head        hidden states to logits and to the loss
"""

from __future__ import annotations

from textrnn.config import AttentionSettings, DecoderSettings, EncoderSettings
from textrnn.nn.attention import Attention, make_attention
from textrnn.nn.bridge import Bridge
from textrnn.nn.cells import Cell, CellState, GatedCell
from textrnn.nn.decoder import Decoder, DecoderState, Memory
from textrnn.nn.dropout import LockedDropout, drop_words, replace_words
from textrnn.nn.embedding import Embedding
from textrnn.nn.encoder import Encoder, State, detach, reverse, select_rows
from textrnn.nn.head import AdaptiveHead, OutputHead, linear_cross_entropy

__all__ = [
    "AdaptiveHead",
    "Attention",
    "AttentionSettings",
    "Bridge",
    "Cell",
    "CellState",
    "Decoder",
    "DecoderSettings",
    "DecoderState",
    "Embedding",
    "Encoder",
    "EncoderSettings",
    "GatedCell",
    "LockedDropout",
    "Memory",
    "OutputHead",
    "State",
    "detach",
    "drop_words",
    "linear_cross_entropy",
    "make_attention",
    "replace_words",
    "reverse",
    "select_rows",
]
