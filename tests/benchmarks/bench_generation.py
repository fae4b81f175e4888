"""Tokens per second, side by side in one run: textrnn, PyTorch's ways to step an RNN, and GPT-2.

    python tests/benchmarks/bench_generation.py [MODEL] [--seconds X]

Every way generates one text, greedily, on one thread, with the same weights (GPT-2 has as many
parameters, random ones, and its key-value cache). The ways take turns of a few tokens; the least
time of each counts, and it is the processor's, so that a busy machine disturbs little. Without
MODEL, a 2 x 512 LSTM with 8,000 ids and random weights. Then, for random models of two
vocabularies, what all that is not the engine's step adds to it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

import textrnn
from textrnn import recipe
from textrnn.config import EncoderSettings, LanguageModelHeadSettings
from textrnn.engines.onnx import OnnxEngine
from textrnn.export import export_network
from textrnn.generation import Plan, RandomStream, Row, Token, Writer, generate_tokens
from textrnn.generation.rules import Rule
from textrnn.generation.rules.min_p import MinP
from textrnn.generation.rules.temperature import Temperature
from textrnn.generation.rules.top_k import TopK
from textrnn.generation.rules.top_p import TopP
from textrnn.model_folder import FolderContents, ModelFolder, write_model_folder
from textrnn.models.measuring.machine import read_rate
from textrnn.models.writing import write_tokens
from textrnn.tasks import network_from_folder, state_tensors
from textrnn.tasks.language_modeling import LanguageModeling, LanguageModelNetwork
from textrnn.tokenizers import load_tokenizer, vocab_path

TOKENS = 32  # of one turn
Step = Callable[[], None]


def main() -> None:
    """Measure all ways and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each way")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(given.model) if given.model else random_model(Path(place) / "model")
        exact = recipe.export(folder, precision="float32", output=Path(place) / "float32").path
        int8 = recipe.export(folder, precision="int8", output=Path(place) / "int8").path
        ways = dict(all_ways(int8, exact))
        times = measure(ways, given.seconds)
        floor = (int8 / "onnx" / "weights.data").stat().st_size
        rate = read_rate(floor, given.seconds / 4)
    rows = [("floor: int8 weights, read once", floor / rate), *times.items()]
    slowest = times["torch: nn.LSTM in a loop"]
    for name, seconds in rows:
        figures = f"{1e6 * seconds:9,.0f} us {1 / seconds:9,.0f} tokens/s {slowest / seconds:7.1f}x"
        sys.stdout.write(f"{name:<42} {figures}\n")
    for vocab in (8_000, 32_000):
        with tempfile.TemporaryDirectory() as place:
            shares(vocab, given.seconds, Path(place))


ENCODER = EncoderSettings(cell="lstm", embedding_size=512, hidden_size=512, layers=2)
HEAD = LanguageModelHeadSettings()


def random_network(vocab: int) -> LanguageModelNetwork:
    """A network of a realistic size, whose words are as unequal as in a language."""
    torch.manual_seed(0)
    network = LanguageModelNetwork(ENCODER, HEAD, vocab)
    ranks = torch.randperm(vocab).float() + 3.0
    network.head.bias.data = -1.3 * ranks.log()
    return network


def random_model(path: Path) -> Path:
    """A model folder of it."""
    tensors = {n: value.numpy() for n, value in state_tensors(random_network(8_000)).items()}
    sections = {"encoder": ENCODER.model_dump(mode="json"), "head": HEAD.model_dump(mode="json")}
    config = {"task": "language_modeling", "network": sections}
    tokenizer = load_tokenizer(vocab_path("stories_sp8000"))
    return write_model_folder(path, FolderContents(config, tensors, tokenizer, "# Random\n")).path


def measure(ways: dict[str, Step], seconds: float) -> dict[str, float]:
    """The least time of one token for each way, all taking turns; this process's own time."""
    least = dict.fromkeys(ways, float("inf"))
    end = time.perf_counter() + seconds * len(ways)
    for step in ways.values():
        step()
    while time.perf_counter() < end:
        for name, step in ways.items():
            begin = time.process_time()
            step()
            least[name] = min(least[name], (time.process_time() - begin) / TOKENS)
    return least


def all_ways(int8: Path, exact: Path) -> Iterator[tuple[str, Step]]:
    """Each way's name, and what writes some tokens by it."""
    models = {"int8": textrnn.load(int8, engine="onnx", threads=1)}
    models["float32"] = textrnn.load(exact, engine="onnx", threads=1)
    sampling = {"temperature": 0.8, "top_p": 0.95, "seed": 1}
    yield "textrnn: int8, lm.generate at 0.8, top_p 0.95", writing(models["int8"], **sampling)
    for precision, model in models.items():
        yield f"textrnn: {precision}, lm.generate, greedy", writing(model, temperature=0)
        yield f"textrnn: {precision}, the engine's step alone", engine_steps(model.engine)
    torch_model = textrnn.load(int8, engine="torch", threads=1)
    yield "textrnn: engine torch, the step alone", engine_steps(torch_model.engine)
    network: Any = network_from_folder(torch_model.folder)
    yield "torch: cells in a loop", torch_loop(Cells(network))
    stack = Stack(network)
    yield "torch: nn.LSTM in a loop", torch_loop(stack)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = torch.ao.quantization.quantize_dynamic(stack, {nn.LSTM, nn.Linear}, torch.qint8)
    yield "torch: nn.LSTM, quantize_dynamic", torch_loop(small)
    yield from gpt2(torch_model.folder)


def writing(model: Any, **options: Any) -> Step:
    """Write on and on, as lm.generate does it; a text that ends is begun again."""
    settings = model.resolve_settings(None, {"max_new_tokens": 1_000_000, **options})

    def endless() -> Iterator[Token]:
        while True:
            yield from write_tokens(model, ("Once upon a time", 0), settings)

    return taking(endless())


def taking(tokens: Iterator[object]) -> Step:
    """Take the next tokens."""

    def turn() -> None:
        for _ in range(TOKENS):
            next(tokens)

    return turn


SAMPLING: dict[str, tuple[Rule, ...]] = {
    "temperature 0.8, top_p 0.95": (Temperature(0.8), TopP(0.95)),
    "temperature 0.8, top_k 40": (Temperature(0.8), TopK(40)),
    "temperature 0.8, min_p 0.05": (Temperature(0.8), MinP(0.05)),
    "temperature 1": (),
}


class Silent:
    """Writes nothing: the vocabulary of a random model has no pieces."""

    def push(self, token: int) -> tuple[str, bool]:
        """No text."""
        return "", False

    def close(self) -> str:
        """No rest."""
        return ""


def shares(vocab: int, seconds: float, place: Path) -> None:
    """Print what choosing a token adds to the engine's step."""
    network = random_network(vocab)
    for name, data in export_network(LanguageModeling, network, parameters_sha256="").files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    engine = OnnxEngine(place / "onnx", "", threads=1)
    ways = {name: taking(sampled(engine, rules)) for name, rules in SAMPLING.items()}
    times = measure({"the step": engine_steps(engine), **ways}, seconds / 4)
    step = times.pop("the step")
    sys.stdout.write(f"\n{vocab:,} ids: the step alone {1e6 * step:.0f} us\n")
    for name, whole in times.items():
        more = whole - step
        figures = f"{1e6 * more:5.0f} us more a token, {more / step:4.0%} of the step"
        sys.stdout.write(f"  {name:<40} {figures}\n")


def sampled(engine: Any, rules: tuple[Rule, ...]) -> Iterator[object]:
    """Tokens drawn on and on."""
    while True:
        logits, state = engine.start(np.array([[2]]), np.array([1]))
        row: Any = Row([2], RandomStream(1, 0), cast(Writer, Silent()))
        plan = Plan(rules, greedy=False, max_new_tokens=1_000_000)
        yield from generate_tokens(engine, [row], logits, state, plan)


def engine_steps(engine: Any) -> Step:
    """An engine's steps, each with the token that the last one makes likeliest."""
    _, begun = engine.start(np.array([[2]]), np.array([1]))

    def steps() -> None:
        state, ids = begun, np.array([5])
        for _ in range(TOKENS):
            logits, state = engine.step(ids, state)
            ids = logits.argmax(axis=1)

    return steps


class Stack(nn.Module):
    """A network as PyTorch users write it: nn.Embedding, nn.LSTM, nn.Linear."""

    def __init__(self, network: LanguageModelNetwork) -> None:
        super().__init__()
        cells = network.encoder.cells()
        table = network.encoder.embedding
        assert table is not None
        self.embedding = nn.Embedding.from_pretrained(table.weight * table.scale)
        sizes = cells[0].input_size, cells[0].hidden_size
        self.lstm = nn.LSTM(*sizes, num_layers=len(cells), batch_first=True)
        for layer, cell in enumerate(cells):
            for theirs, ours in (("ih", "input"), ("hh", "hidden")):
                for kind in ("weight", "bias"):
                    value = getattr(cell, f"{kind}_{ours}").detach()
                    getattr(self.lstm, f"{kind}_{theirs}_l{layer}").data.copy_(value)
        self.head = nn.Linear(cells[-1].hidden_size, network.head.vocab_size)
        self.head.weight.data, self.head.bias.data = network.head.weight, network.head.bias

    def forward(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One token."""
        outputs, state = self.lstm(self.embedding(ids.unsqueeze(1)), state)
        return self.head(outputs[:, 0]), state


class Cells(nn.Module):
    """The same with nn.LSTMCell, which does not repack its weights at each call."""

    def __init__(self, network: LanguageModelNetwork) -> None:
        super().__init__()
        stack = Stack(network)
        self.embedding, self.head = stack.embedding, stack.head
        self.cells = nn.ModuleList()
        for layer, cell in enumerate(network.encoder.cells()):
            own = nn.LSTMCell(cell.input_size, cell.hidden_size)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(own, name).data.copy_(getattr(stack.lstm, f"{name}_l{layer}").detach())
            self.cells.append(own)

    def forward(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One token."""
        values, after = self.embedding(ids), []
        for cell, before in zip(self.cells, state or [None] * len(self.cells), strict=True):
            after.append(cell(values, before))
            values = after[-1][0]
        return self.head(values), after


def torch_loop(module: nn.Module) -> Step:
    """Greedy generation as it is written by hand."""

    @torch.inference_mode()
    def steps() -> None:
        ids, state = torch.tensor([5]), None
        for _ in range(TOKENS):
            logits, state = module(ids, state)
            ids = logits.argmax(1)

    return steps


def gpt2(folder: ModelFolder) -> Iterator[tuple[str, Step]]:
    """A transformer with as many parameters, where transformers is installed."""
    try:
        from transformers import GPT2Config, GPT2LMHeadModel
    except ImportError:
        return
    wanted = sum(int(np.prod(shape)) for shape in folder.tensor_shapes().values())
    width, vocab = 256, folder.vocab_size
    layers = max(1, round((wanted - (vocab + 512) * width) / (12 * width * width)))
    sizes = {"vocab_size": vocab, "n_embd": width, "n_layer": layers, "n_positions": 512}
    config = GPT2Config(**sizes, n_head=4, bos_token_id=2, eos_token_id=3)
    model = GPT2LMHeadModel(config).eval()

    @torch.inference_mode()
    def steps() -> None:
        ids, cache = torch.tensor([[5]]), None
        for _ in range(TOKENS):
            out = model(ids, past_key_values=cache, use_cache=True)
            ids, cache = out.logits[:, -1:].argmax(-1), out.past_key_values

    yield f"transformers: GPT-2, {layers} x {width}, with its cache", steps


if __name__ == "__main__":
    main()
