"""How fast a translator trains here, against a straightforward loop of the JoeyNMT kind.

    python tests/benchmarks/bench_translation_training.py [--json] [--rounds N] [--steps N]
        [--threads N] [--precision bf16|float32] [--cpu-time]

Both train the same sizes on the same pairs: BPE 8,000 joint, one tied embedding of 256, a GRU of
256 in each direction, a GRU decoder of 256 with input feeding and additive attention, label
smoothing 0.1, Adam, gradients clipped, dropout 0.2, 64 sentence pairs a batch; 4.0 M parameters.
Random ids, lengths as in Multi30k.

(a) ours: ``Trainer.step``, all of it, on the product's batches: pairs of like lengths, by a budget
    of tokens that makes them about as large;
(b) the same on the batches of (c);
(c) the loop: ``nn.GRU`` over the packed source, a call of ``nn.GRU`` and of the attention a target
    token, all logits at once, KL divergence to the smoothed targets, batches of random pairs, as
    JoeyNMT 2.3 does.

They alternate in one run, so that a busy machine slows both; figures are medians over the rounds.
``--cpu-time`` counts processor seconds instead of the clock's, for a machine that others share.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from textrnn.config import (
    DecoderSettings,
    EncoderSettings,
    TranslationHeadSettings,
    TranslationTrainingSettings,
)
from textrnn.data import IGNORE, PairBatch, PairBatches
from textrnn.tasks.translation import Translation, TranslationNetwork
from textrnn.training import StepDone, Trainer, make_accelerator

V, H, B = 8000, 256, 64
BATCHES = 20
BUDGET = 1050
"""Tokens of a side in a batch of like lengths: about B pairs."""
RATE, CLIP, SMOOTHING, DROPOUT = 1e-3, 1.0, 0.1, 0.2
PAD, BOS, EOS = 0, 2, 3


def random_batch(seed: int) -> PairBatch:
    """Pairs of 6 to 40 tokens, 14 on average, of like lengths on both sides, in no order."""
    draw = torch.Generator().manual_seed(seed)
    lengths = (torch.randn(B, generator=draw) * 4 + 14).clamp(5, 39)
    other = lengths + torch.randn(B, generator=draw) * 2
    sides = [each.round().clamp(5, 39).long() for each in (lengths, other)]
    source, target = (
        torch.randint(4, V, (B, int(side.max()) + 1), generator=draw) for side in sides
    )
    ids = torch.cat([torch.full((B, 1), BOS), target[:, :-1]], 1)
    for values, side, filling in ((source, sides[0], PAD), (target, sides[1], IGNORE)):
        places = torch.arange(values.shape[1])
        values[places == side[:, None]] = EOS
        values[places > side[:, None]] = filling
    ids[torch.arange(ids.shape[1]) > sides[1][:, None]] = PAD
    tokens = int(sides[1].sum()) + B
    return PairBatch(source, sides[0] + 1, ids, target, tokens)


@dataclass(frozen=True)
class Batches:
    made: list[PairBatch]

    def __len__(self) -> int:
        return len(self.made)

    def batch(self, index: int) -> PairBatch:
        return self.made[index]


@dataclass(frozen=True)
class PairsOf:
    """The pairs of some batches."""

    made: list[PairBatch]

    def __len__(self) -> int:
        return B * len(self.made)

    def lengths(self) -> NDArray[np.int64]:
        return np.array([[len(side) for side in self.pair(row)] for row in range(len(self))])

    def pair(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        batch, row = self.made[row // B], row % B
        ends = int(batch.source_lengths[row]) - 1, int((batch.targets[row] != IGNORE).sum()) - 1
        return batch.source[row, : ends[0]].numpy(), batch.targets[row, : ends[1]].numpy()


def our_steps(batches: Batches | PairBatches, precision: str) -> Iterator[int]:
    """The tokens of each step of a run that never ends."""
    settings = TranslationTrainingSettings.model_validate(
        {
            "steps": 10**9,
            "precision": precision,
            "clip_norm": CLIP,
            "evaluate_every": 10**9,
            "label_smoothing": SMOOTHING,
            "optimizer": {"learning_rate": RATE},
            "schedule": {"kind": "constant"},
        }
    )
    encoder = EncoderSettings(
        cell="gru", embedding_size=H, hidden_size=H, bidirectional=True, input_dropout=DROPOUT
    )
    decoder = DecoderSettings(
        cell="gru", hidden_size=H, input_dropout=DROPOUT, output_dropout=DROPOUT
    )
    network = TranslationNetwork(encoder, decoder, TranslationHeadSettings(tied="all"), V, V)
    task = Translation(network, settings, lambda epoch: batches)
    trainer = Trainer(task, settings, make_accelerator(precision))
    events = (event for event in trainer.run() if isinstance(event, StepDone))
    for step, _ in zip(count(), events):
        yield batches.batch(step % len(batches)).tokens


class UsualModel(nn.Module):
    """The recurrent model of JoeyNMT 2.3, with its defaults for these sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, H, padding_idx=PAD)
        self.encoder = nn.GRU(H, H, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * H, H)
        self.rnn = nn.GRU(2 * H, H, batch_first=True)
        self.key_layer = nn.Linear(2 * H, H, bias=False)
        self.query_layer = nn.Linear(H, H, bias=False)
        self.energy_layer = nn.Linear(H, 1, bias=False)
        self.att_vector_layer = nn.Linear(3 * H, H)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, source: Tensor, lengths: Tensor, ids: Tensor) -> Tensor:
        embedded = self.dropout(self.embedding(source))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, state = self.encoder(packed)
        memory, _ = pad_packed_sequence(outputs, batch_first=True)
        hidden = torch.tanh(self.bridge(torch.cat([state[0], state[1]], 1))).unsqueeze(0)
        keys, mask = self.key_layer(memory), (source != PAD).unsqueeze(1)
        words = self.embedding(ids)
        fed, vectors = words.new_zeros(len(ids), 1, H), []
        for time_step in range(ids.shape[1]):
            inputs = torch.cat([words[:, time_step : time_step + 1], fed], 2)
            _, hidden = self.rnn(self.dropout(inputs), hidden)
            query = hidden[-1].unsqueeze(1)
            energies = self.energy_layer(torch.tanh(self.query_layer(query) + keys))
            scores = energies.squeeze(2).unsqueeze(1).masked_fill(~mask, float("-inf"))
            context = torch.bmm(scores.softmax(-1), memory)
            joined = self.dropout(torch.cat([query, context], 2))
            fed = torch.tanh(self.att_vector_layer(joined))
            vectors.append(fed)
        return F.linear(torch.cat(vectors, 1), self.embedding.weight)


def smoothed_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """JoeyNMT's: the divergence from targets that leave a share to all but PAD."""
    log_probs = F.log_softmax(logits, -1).view(-1, V)
    flat = targets.flatten()
    smooth = torch.full_like(log_probs, SMOOTHING / (V - 2))
    smooth.scatter_(1, flat.clamp(min=0).unsqueeze(1), 1.0 - SMOOTHING)
    smooth[:, PAD] = 0.0
    smooth[flat == IGNORE] = 0.0
    return F.kl_div(log_probs, smooth, reduction="sum")


def usual_steps(batches: list[PairBatch]) -> Iterator[int]:
    """The tokens of each step of the usual loop over the same batches."""
    model = UsualModel().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for step in count():
        batch = batches[step % len(batches)]
        optimizer.zero_grad()
        logits = model(batch.source, batch.source_lengths, batch.ids)
        loss = smoothed_loss(logits, batch.targets) / batch.tokens
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        yield batch.tokens


def tokens_a_second(steps_of: Iterator[int], steps: int, clock: Callable[[], float]) -> float:
    started = clock()
    tokens = sum(next(steps_of) for _ in range(steps))
    return tokens / (clock() - started)


@dataclass(frozen=True)
class Figures:
    """What was measured; rates in target tokens a second."""

    machine: str
    threads: int
    torch: str
    parameters: int
    ours: float
    same_batches: float
    usual: float
    ratio: float
    ratio_same_batches: float
    pairs_a_batch: float
    rounds: int
    steps_a_round: int


def measure(rounds: int, steps: int, precision: str, clock: Callable[[], float]) -> Figures:
    batches = [random_batch(seed) for seed in range(BATCHES)]
    alike = PairBatches(PairsOf(batches), BUDGET, shuffle=(1, 0))
    runs = our_steps(alike, precision), our_steps(Batches(batches), precision), usual_steps(batches)
    for steps_of in runs:
        next(steps_of)  # allocates, warms up
    rates = [[tokens_a_second(run, steps, clock) for run in runs] for _ in range(rounds)]
    ours, same, usual = (statistics.median(column) for column in zip(*rates, strict=True))
    return Figures(
        machine=f"{platform.processor() or platform.machine()}, {platform.system()}",
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        parameters=sum(parameter.numel() for parameter in UsualModel().parameters()),
        ours=ours,
        same_batches=same,
        usual=usual,
        ratio=statistics.median(mine / other for mine, _, other in rates),
        ratio_same_batches=statistics.median(mine / other for _, mine, other in rates),
        pairs_a_batch=B * BATCHES / len(alike),
        rounds=rounds,
        steps_a_round=steps,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="in a round, of each")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--precision", choices=("bf16", "float32"), default="bf16")
    parser.add_argument("--cpu-time", action="store_true")
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu_time else time.perf_counter
    found = measure(options.rounds, options.steps, options.precision, clock)
    if options.json:
        print(json.dumps(vars(found)))
        return
    print(f"{found.machine}, {found.threads} threads, torch {found.torch}")
    print(f"{found.parameters / 1e6:.1f} M parameters, {options.precision}; target tokens/s:")
    print(
        f"our step, batches of like lengths {found.ours:8,.0f}   ({found.pairs_a_batch:.0f} pairs)"
    )
    print(f"our step, the usual batches       {found.same_batches:8,.0f}   ({B} pairs)")
    print(f"the usual loop                    {found.usual:8,.0f}   ({B} pairs)")
    print(
        f"ratios {found.ratio:.2f} and, on the usual batches, {found.ratio_same_batches:.2f} "
        f"(medians of {found.rounds} rounds)"
    )


if __name__ == "__main__":
    main()
