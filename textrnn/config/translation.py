"""A translator: its decoder, its attention, its output layer, and its recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from textrnn.config._base import Count, Probability, Settings, Size
from textrnn.config.pairs import PairDataSettings, PairTokenizerSection
from textrnn.config.settings import Recipe
from textrnn.config.training import TranslationTrainingSettings

__all__ = [
    "AttentionSettings",
    "DecoderSettings",
    "TranslationHeadSettings",
    "TranslationRecipe",
]


class AttentionSettings(Settings):
    """How the decoder reads the source: ``kind`` is a file in ``nn/attention``.

    ``size`` and ``heads`` belong to some of the kinds only; None: the kind's own default.
    """

    kind: str = "additive"
    size: Size | None = None
    heads: Count | None = None

    def options(self) -> dict[str, int | None]:
        """What is not the kind itself."""
        return {"size": self.size, "heads": self.heads}


class DecoderSettings(Settings):
    """The recurrent layers that write the target.

    ``cell`` is a file in ``nn/cells``, and ``cell_settings`` are that cell's own.
    ``embedding_size``: None for the encoder's; it has none of its own where all embeddings are
    one. ``output_size`` is the width of the attentional vector; None: ``hidden_size``. ``bridge``:
    the encoder's last states, projected, are the decoder's first; without it they are zeros.
    """

    cell: str = "lstm"
    cell_settings: dict[str, Any] = Field(default_factory=dict)
    embedding_size: Size | None = None
    hidden_size: Size = 256
    output_size: Size | None = None
    layers: Annotated[int, Field(ge=1, le=64)] = 1
    attention: AttentionSettings = AttentionSettings()
    input_feeding: bool = True
    bridge: bool = True
    dropout: Probability = 0.0
    input_dropout: Probability = 0.0
    output_dropout: Probability = 0.0
    embedding_dropout: Probability = 0.0
    weight_drop: Probability = 0.0
    layer_norm: bool = False
    residual: bool = False


class TranslationHeadSettings(Settings):
    """The output layer's weight.

    It is its own (``none``), the decoder's embedding (``output``), or the one embedding of source
    and target (``all``), which needs one vocabulary for both (Press and Wolf 2017,
    arXiv:1608.05859, section 4).
    """

    tied: Literal["none", "output", "all"] = "output"


class TranslationRecipe(Recipe):
    """A recipe for a translator, whole."""

    task: Literal["translation"]
    tokenizer: PairTokenizerSection | None = None
    data: PairDataSettings
    decoder: DecoderSettings = DecoderSettings()
    head: TranslationHeadSettings = TranslationHeadSettings()
    training: TranslationTrainingSettings
