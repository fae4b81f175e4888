"""How fast a language model trains here, against what the machine allows and the usual loop.

    python tests/benchmarks/bench_training.py [--json] [--rounds N] [--steps N] [--threads N]

(a) the rate of a 4096 x 4096 x 4096 matrix product, in float32 and in bf16: the machine's peak;
(b) our training step (``Trainer.step``: batch, forward, loss, backward, clipping, SGD) in bf16, and
    the share of the bf16 peak that it reaches, counting 6 operations a token for every entry of the
    LSTM's matrices and of the output matrix (forward 2, backward 4), the embedding look-up not;
(c) the same model as pytorch/examples (word_language_model) trains it: ``nn.Embedding``,
    ``nn.LSTM``, ``nn.Linear``, float32, ``F.cross_entropy``, clipping, SGD, the state detached.

(b) and (c) alternate in one run, so that a busy machine slows both; a figure is the median over the
rounds. Model: LSTM 2 x 512, embedding 512, vocabulary 10,000, tied; batch 32, BPTT 64; random ids.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.config import EncoderSettings, LanguageModelHeadSettings, TrainingSettings
from textrnn.data import Corpus
from textrnn.tasks.language_modeling import LanguageModeling, LanguageModelNetwork
from textrnn.training import StepDone, Trainer, make_accelerator

V, H, LAYERS, B, T = 10_000, 512, 2, 32, 64
GEMM = 4096
MACS = LAYERS * 4 * H * (H + H) + V * H
CLIP, RATE = 0.25, 0.5


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def gemm_rate(dtype: torch.dtype, device: torch.device, repeats: int = 3) -> float:
    """Operations a second of a square product: the best of some."""
    left, right = (torch.randn(GEMM, GEMM, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):
        wait(device)
        started = time.perf_counter()
        torch.mm(left, right)
        wait(device)
        seconds.append(time.perf_counter() - started)
    return 2.0 * GEMM**3 / min(seconds[1:])


def random_corpus(folder: Path, windows: int) -> Corpus:
    ids = np.random.default_rng(0).integers(4, V, B * T * windows + 1).astype(np.uint16)
    path = folder / "random.ids"
    ids.tofile(path)
    return Corpus(path, "uint16", "random", len(ids), len(ids), len(ids), 0, 0)


def our_steps(corpus: Corpus) -> Iterator[float]:
    """The loss of each step of a run that never ends."""
    settings = TrainingSettings.model_validate(
        {
            "steps": 10**9,
            "batch_size": B,
            "bptt": T,
            "precision": "bf16",
            "clip_norm": CLIP,
            "evaluate_every": 10**9,
            "optimizer": {"kind": "sgd", "learning_rate": RATE},
            "schedule": {"kind": "constant"},
        }
    )
    encoder = EncoderSettings(cell="lstm", embedding_size=H, hidden_size=H, layers=LAYERS)
    network = LanguageModelNetwork(encoder, LanguageModelHeadSettings(tied=True), V)
    task = LanguageModeling(network, settings, lambda epoch: corpus)
    trainer = Trainer(task, settings, make_accelerator("bf16"))
    return (event.loss for event in trainer.run() if isinstance(event, StepDone))


class UsualModel(nn.Module):
    """The model of pytorch/examples/word_language_model, without its dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, H)
        self.lstm = nn.LSTM(H, H, LAYERS)
        self.decoder = nn.Linear(H, V)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.decoder.weight = self.embedding.weight

    def forward(self, ids: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        outputs, (hidden, memory) = self.lstm(self.embedding(ids), state)
        return self.decoder(outputs).view(-1, V), hidden, memory


def usual_steps(corpus: Corpus, device: torch.device) -> Iterator[float]:
    """The loss of each step of the usual loop over the same ids."""
    model = UsualModel().to(device).train()
    length = (corpus.tokens - 1) // B * B
    ids = torch.from_numpy(corpus.ids().astype(np.int64))
    columns = ids[:length].view(B, -1).t().contiguous().to(device)
    state = (torch.zeros(LAYERS, B, H, device=device), torch.zeros(LAYERS, B, H, device=device))
    for step in count():
        start = step * T % (len(columns) - T)
        inputs, targets = columns[start : start + T], columns[start + 1 : start + 1 + T]
        model.zero_grad()
        logits, hidden, memory = model(inputs, (state[0].detach(), state[1].detach()))
        state = (hidden, memory)
        loss = F.cross_entropy(logits, targets.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(parameter.grad, alpha=-RATE)
        yield loss.item()


def tokens_a_second(take: Callable[[], float], steps: int, device: torch.device) -> float:
    wait(device)
    started = time.perf_counter()
    for _ in range(steps):
        take()
    wait(device)
    return steps * B * T / (time.perf_counter() - started)


@dataclass(frozen=True)
class Figures:
    """What was measured; rates in operations or tokens a second."""

    machine: str
    threads: int
    torch: str
    gemm_float32: float
    gemm_bf16: float
    ours: float
    share_of_peak: float
    usual: float
    ratio: float
    rounds: int
    steps_a_round: int


def measure(rounds: int, steps: int) -> Figures:
    device = make_accelerator("bf16").device
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
    peaks = {dtype: gemm_rate(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    with tempfile.TemporaryDirectory() as folder:
        corpus = random_corpus(Path(folder), windows=50)
        ours, usual = our_steps(corpus), usual_steps(corpus, device)
        for steps_of in (ours, usual):
            next(steps_of)  # allocates, compiles, warms up
        rates: list[tuple[float, float]] = [
            (
                tokens_a_second(lambda: next(ours), steps, device),
                tokens_a_second(lambda: next(usual), steps, device),
            )
            for _ in range(rounds)
        ]
    ours_rate, usual_rate = (statistics.median(column) for column in zip(*rates, strict=True))
    return Figures(
        machine=f"{name or platform.machine()}, {platform.system()}",
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        gemm_float32=peaks[torch.float32],
        gemm_bf16=peaks[torch.bfloat16],
        ours=ours_rate,
        share_of_peak=6.0 * MACS * ours_rate / peaks[torch.bfloat16],
        usual=usual_rate,
        ratio=statistics.median(mine / other for mine, other in rates),
        rounds=rounds,
        steps_a_round=steps,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="in a round, of each")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    found = measure(options.rounds, options.steps)
    if options.json:
        print(json.dumps(vars(found)))
        return
    print(f"{found.machine}, {found.threads} threads, torch {found.torch}")
    print(f"matrix product 4096^3   float32 {found.gemm_float32 / 1e9:9,.0f} GFLOP/s")
    print(f"                        bf16    {found.gemm_bf16 / 1e9:9,.0f} GFLOP/s")
    print(
        f"our step, bf16          {found.ours:17,.0f} tokens/s, "
        f"{100 * found.share_of_peak:.0f} % of the bf16 product's rate"
    )
    print(f"the usual loop, float32 {found.usual:17,.0f} tokens/s")
    print(f"ratio                   {found.ratio:17.2f}  (median of {found.rounds} rounds)")


if __name__ == "__main__":
    main()
