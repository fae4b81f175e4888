"""A translator: encoder, bridge, decoder with attention, output layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from textrnn.config import DecoderSettings, EncoderSettings, TranslationHeadSettings
from textrnn.data import IGNORE
from textrnn.errors import UsageError
from textrnn.nn.bridge import Bridge
from textrnn.nn.decoder import Decoder, DecoderState
from textrnn.nn.dropout import LockedDropout, replace_words
from textrnn.nn.encoder import Encoder, State
from textrnn.nn.head import OutputHead, log_probs_of
from textrnn.nn.memory import Memory, SharedMemory
from textrnn.tasks._base import Loss

__all__ = ["TranslationNetwork"]


class TranslationNetwork(nn.Module):
    """An encoder, a bridge, a decoder that attends, and an output layer.

    Args:
        encoder: the recurrent stack over the source.
        decoder: the one that writes the target.
        head: what the output layer shares its weight with.
        source_vocab_size: of the source's ids.
        vocab_size: V, of the target's.

    Raises:
        UsageError: settings that do not go together; the message names them.

    >>> encoder = EncoderSettings(hidden_size=4, bidirectional=True)
    >>> network = TranslationNetwork(
    ...     encoder, DecoderSettings(hidden_size=6), TranslationHeadSettings(), 9, 10).eval()
    >>> memory, state = network.encode(torch.tensor([[5, 6, 3]]), torch.tensor([3]))
    >>> hidden, weights, state = network.step(torch.tensor([2]), state, memory)
    >>> network.logits(hidden).shape, weights.shape
    (torch.Size([1, 10]), torch.Size([1, 3]))
    """

    def __init__(
        self,
        encoder: EncoderSettings,
        decoder: DecoderSettings,
        head: TranslationHeadSettings,
        source_vocab_size: int,
        vocab_size: int,
    ) -> None:
        super().__init__()
        width = decoder.embedding_size or encoder.embedding_size
        if head.tied == "all" and (source_vocab_size, encoder.embedding_size) != (
            vocab_size,
            width,
        ):
            raise UsageError(
                f"head.tied all makes one table of both embeddings, but the source has "
                f"{source_vocab_size:,} ids of width {encoder.embedding_size} and the target "
                f"{vocab_size:,} of width {width}: take a joint tokenizer and one width, or output"
            )
        self.head_settings = head
        self.encoder = Encoder(encoder, vocab_size=source_vocab_size)
        self.memory_dropout = LockedDropout(encoder.output_dropout)
        self.decoder = Decoder(
            decoder,
            vocab_size=vocab_size,
            embedding_size=width,
            memory_size=self.encoder.output_size,
        )
        assert self.encoder.embedding is not None  # it reads ids
        if head.tied == "all":
            self.decoder.embedding.weight = self.encoder.embedding.weight
        self.bridge: Bridge | None = None
        if decoder.bridge:
            cells = self.encoder.cells()
            self.bridge = Bridge(cells, self.encoder.directions, self.decoder.cells())
        tied = None if head.tied == "none" else self.decoder.embedding.weight
        self.head = OutputHead(self.decoder.output_size, vocab_size, tied)
        self.label_smoothing = 0.0
        self.word_dropout = 0.0

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Memory, DecoderState]:
        """Read the source.

        Args:
            source: ids (B, S), each row ending with EOS.
            lengths: (B,), real ids a row, EOS among them; at least 1.

        Returns:
            The memory, and the decoder's state before its first word.
        """
        outputs, state = self.encoder(source, None, lengths)
        return self.remember(self.memory_dropout(outputs), lengths, state)

    def remember(
        self, outputs: Tensor, lengths: Tensor, state: State
    ) -> tuple[Memory, DecoderState]:
        """:meth:`encode` behind the encoder: its outputs (B, S, M) and its last state given."""
        memory = self.decoder.read(outputs, lengths)
        if self.bridge is None:
            return memory, self.decoder.initial_state(outputs.shape[0])
        return memory, self.decoder.begin(self.bridge(state))

    def step(
        self, ids: Tensor, state: DecoderState, memory: Memory | SharedMemory
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """One word a row (B,) to a hidden state (B, H), weights and the new state.

        The weights are (B, S), or as a shared memory gives them.
        """
        return self.decoder.step(ids, state, memory)

    def decode(
        self, ids: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """Given words (B, T) to hidden states (B, T, H), weights (B, T, S) and the last state."""
        return self.decoder(ids, state, memory)  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states (..., H) to float32 logits (..., V)."""
        return self.head.logits(hidden)

    def log_probs(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """The log-probability of each target: (N, H) and (N,) to (N,), a chunk at a time."""
        return log_probs_of(self.head, hidden, targets)

    def forward(
        self,
        source: Tensor,
        source_lengths: Tensor,
        ids: Tensor,
        targets: Tensor,
        state: tuple[()] | None = None,
    ) -> Loss:
        """The summed loss over the targets that are not IGNORE, smoothed in training only.

        ``state`` is there for the training loop; nothing is carried from batch to batch.
        """
        smoothing = 0.0
        if self.training:
            smoothing = self.label_smoothing
            source = replace_words(source, self.word_dropout)
            ids = replace_words(ids, self.word_dropout)
        memory, first = self.encode(source, source_lengths)
        hidden, _, _ = self.decode(ids, first, memory)
        real = targets != IGNORE
        total = self.head.loss(hidden[real], targets[real], smoothing)
        return Loss(total, torch.zeros((), device=total.device), ())
