"""The pictures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textrnn.errors import MissingExtraError

if TYPE_CHECKING:
    from textrnn.inspection.gates import GateValues
    from textrnn.inspection.gradients import GradientNorms

__all__ = ["draw_gates", "draw_gradients"]


def draw_gradients(measured: Sequence[GradientNorms], path: Path) -> None:
    """A line for each cell or model over the steps back, the norm on a logarithmic scale.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = _figure("the picture of gradients", (8.0, 5.0))
    axes = figure.subplots()
    for one in measured:
        axes.plot(range(len(one.norms)), one.relative(), label=one.name)
    axes.set(yscale="log", xlabel="steps back", ylabel="norm of the gradient, the last step's = 1")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120, format="png")


def draw_gates(measured: GateValues, path: Path, fonts: Sequence[str] = ("DejaVu Sans",)) -> None:
    """A heat map for each layer and gate, tokens from left to right, units from top to bottom.

    Args:
        measured: what is drawn.
        path: of the picture.
        fonts: for the tokens, the first one before those after it; boxes stand for what none has.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    panels = [
        (f"layer {number}, {name}", values)
        for number, layer in enumerate(measured.layers, 1)
        for name, values in layer.items()
    ]
    width = max(4.0, 0.35 * len(measured.pieces) + 2.0)
    figure = _figure("the picture of gates", (width, 2.2 * len(panels) + 0.8))
    for axes, (title, values) in zip(
        figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True
    ):
        image = axes.imshow(values.T.numpy(), vmin=0.0, vmax=1.0, aspect="auto", cmap="viridis")
        axes.set_title(title, fontsize=9)
        axes.set_ylabel("unit")
        axes.set_xticks([])
        figure.colorbar(image, ax=axes)
    axes.set_xticks(range(len(measured.pieces)))
    axes.set_xticklabels(
        measured.pieces, rotation=90, fontsize=8, fontfamily=list(fonts), parse_math=False
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(path, dpi=120, format="png")


def _figure(purpose: str, size: tuple[float, float]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", purpose) from error
    return Figure(figsize=size, layout="constrained")
