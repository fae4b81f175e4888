"""What a cell costs: training tokens a second and the time of a step, at equal parameters.

    python tests/benchmarks/bench_cells.py [--json] [--cells ...] [--hidden N] [--batch N]
                                           [--length N] [--precision float32|bf16] [--rounds N]

Each registered cell is one layer whose input is as wide as its output; the width is chosen so that
it has as many parameters as an LSTM of ``--hidden``. Training is forward and backward, the gradient
of the input included, as for a layer inside a stack, without an optimiser. A step is one token of
one row, as in decoding, by PyTorch. ``product`` is a matrix product with the LSTM's parameters over
the same tokens, forward and backward: what no cell that multiplies each token by all its parameters
can be faster than.

Times are the least of some rounds, in which the cells take turns: of this process on one thread
(``time.process_time``: another process's do not count), by the wall's clock on several threads and
on a GPU. ``torch.lstm`` is oneDNN's on a CPU, cuDNN's on a GPU.
"""

from __future__ import annotations

import argparse
import json
import time
from bisect import bisect
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from textrnn.nn.cells import FAMILY, Cell

STEPS = 50


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def square(name: str, size: int) -> Cell:
    """A cell whose input is as wide as its output."""
    return FAMILY.get(name)(size, size)


def width_for(make: Callable[[int], nn.Module], wanted: int) -> int:
    """The width, a multiple of 8, at which what ``make`` makes is nearest to so many parameters."""

    def size(width: int) -> int:
        with torch.device("meta"):
            return count(make(width))

    widths = range(8, 4096, 8)
    above = bisect(widths[:-1], wanted, lo=1, key=size)
    return min(widths[above - 1 : above + 1], key=lambda width: abs(size(width) - wanted))


class Clock:
    """Seconds that a call takes, those of the device included."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()

    def __call__(self, work: Callable[[], object]) -> float:
        started = self._now()
        work()
        return self._now() - started


def product_work(options: argparse.Namespace, device: torch.device) -> Callable[[], object]:
    width, rows = options.hidden, options.batch * options.length
    inputs = torch.randn(rows, 2 * width, device=device, requires_grad=True)
    weight = (torch.randn(4 * width, 2 * width, device=device) * 0.03).requires_grad_()

    def work() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            outputs = F.linear(inputs, weight)
        outputs.backward(outputs.detach())

    return work


def training_work(
    cell: Cell, options: argparse.Namespace, device: torch.device
) -> Callable[[], object]:
    shape = (options.batch, options.length, cell.input_size)
    inputs = torch.randn(shape, device=device, requires_grad=True)
    state = cell.initial_state(options.batch)

    def work() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            outputs, _ = cell(inputs, state)
        outputs.sum().backward()

    return work


def step_work(cell: Cell, device: torch.device) -> Callable[[], object]:
    inputs = torch.randn(1, cell.input_size, device=device)

    def work() -> None:
        state = cell.initial_state(1)
        with torch.inference_mode():
            for _ in range(STEPS):
                _, state = cell.step(inputs, state)

    return work


def measure(options: argparse.Namespace, device: torch.device) -> list[dict[str, float | str]]:
    clock, wanted = Clock(device), count(square("lstm", options.hidden))
    sizes = {name: width_for(partial(square, name), wanted) for name in options.cells}
    cells = {name: square(name, size).to(device) for name, size in sizes.items()}
    work = {"product": product_work(options, device)}
    work |= {name: training_work(cell, options, device) for name, cell in cells.items()}
    steps = {name: step_work(cell, device) for name, cell in cells.items()}
    for warm in (*work.values(), *steps.values()):
        warm()
    taken = {name: float("inf") for name in work}
    stepped = {name: float("inf") for name in steps}
    for _ in range(options.rounds):
        taken = {name: min(taken[name], clock(work[name])) for name in work}
        stepped = {name: min(stepped[name], clock(steps[name])) for name in steps}
    tokens = options.batch * options.length
    rows: list[dict[str, float | str]] = []
    for name, seconds in taken.items():
        row: dict[str, float | str] = {"cell": name, "tokens_per_second": tokens / seconds}
        if "lstm" in taken:
            row["of_lstm"] = taken["lstm"] / seconds
        if name in cells:
            row["width"], row["parameters"] = sizes[name], count(cells[name])
            row["step_microseconds"] = 1e6 * stepped[name] / STEPS
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cells", nargs="+", default=list(FAMILY.names()), metavar="NAME")
    parser.add_argument("--hidden", type=int, default=512, help="of the LSTM")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = measure(options, device)
    if options.json:
        print(json.dumps(rows))
        return
    print(
        f"{options.batch} rows of {options.length} tokens, {options.precision}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, {device.type}"
    )
    for row in rows:
        ratio = f"{row['of_lstm']:5.2f} x lstm" if "of_lstm" in row else ""
        line = f"{row['cell']:10} {row['tokens_per_second']:9,.0f} tokens/s {ratio}"
        if "width" in row:
            line += (
                f"   width {row['width']:4}, {row['parameters'] / 1e6:.2f} M parameters, "
                f"step {row['step_microseconds']:6.0f} us"
            )
        print(line)


if __name__ == "__main__":
    main()
