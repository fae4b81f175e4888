"""A language model's run: one text a split, and what a network makes of the tokens in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast

import torch
from torch import nn

from textrnn.config import LanguageModelRecipe, Recipe
from textrnn.data import Corpus, TextSource, open_source, prepare_corpus
from textrnn.errors import UsageError
from textrnn.generation import GenerationSettings
from textrnn.metrics import Comparison
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.recipe.answering import writing_speed
from textrnn.recipe.tasks._base import (
    Asked,
    Assembly,
    Figures,
    HeldOut,
    table,
    with_direction_of,
    with_sizes_of,
)
from textrnn.recipe.text_data import hold_out_text, old_text
from textrnn.recipe.text_scores import compare_on_text, score_text
from textrnn.recipe.vocabulary import make_tokenizer, remap_vocabulary
from textrnn.tasks import network_from_folder
from textrnn.tasks.language_modeling import LanguageModeling, evaluate_corpus
from textrnn.tokenizers import Tokenizer

__all__ = ["LanguageModelAssembly"]  # the family's entry

PARTS = ("encoder", "head")


@dataclass(frozen=True)
class LanguageModelAssembly(Assembly):
    """A language model's recipe, built.

    Args:
        recipe: the recipe, sizes filled in from the model it starts from.
        task: with the network.
        tokenizer: what encodes the text.
        corpora: the first epoch's ``train``, and ``valid`` and ``test`` where there are any.
        source_tokenizer: there is only one text.
    """

    settings: ClassVar[type[Recipe]] = LanguageModelRecipe
    finetuning: ClassVar[str] = "lm_finetune"
    generation: ClassVar[type[GenerationSettings] | None] = GenerationSettings
    limits: ClassVar[str] = "It says what is likely, not what is true."

    recipe: LanguageModelRecipe
    task: LanguageModeling
    tokenizer: Tokenizer
    corpora: Mapping[str, Corpus]
    source_tokenizer: None = None

    @classmethod
    def make(cls, recipe: LanguageModelRecipe, cache: Path, place: tuple[int, int]) -> Self:
        """Read, encode and build; see :meth:`Assembly.make`."""
        base = None
        if recipe.init_from:
            base = open_model_folder(find_model(recipe.init_from), task=recipe.task)
        recipe = with_direction_of(recipe, base)
        train = cast(TextSource, open_source(recipe.data, "train"))
        tokenizer = _tokenizer(recipe, base, train, cache)

        def encode(source: TextSource, sampling: tuple[float, int] | None = None) -> Corpus:
            return prepare_corpus(
                source,
                tokenizer,
                cache,
                documents=recipe.data.documents,
                sampling=sampling,
                backward=recipe.direction == "backward",
            )

        def epoch_corpus(epoch: int) -> Corpus:
            alpha, seed = recipe.training.subword_sampling, recipe.training.seed
            return encode(train, None if alpha is None else (alpha, seed * 100_003 + epoch))

        corpora = {"train": epoch_corpus(0)}
        splits: tuple[Literal["valid", "test"], ...] = ("valid", "test")
        for split in splits:
            if (source := open_source(recipe.data, split)) is not None:
                corpora[split] = encode(source)
        if base is not None:
            recipe = with_sizes_of(recipe, base, PARTS)
        torch.manual_seed(recipe.training.seed)
        network: Any = _network(recipe, base, tokenizer)
        return cls(
            recipe=recipe,
            task=LanguageModeling(
                network, recipe.training, epoch_corpus, corpora.get("valid"), place
            ),
            tokenizer=tokenizer,
            corpora=corpora,
        )

    @property
    def train_tokens(self) -> int:
        """In the first epoch's corpus."""
        return self.corpora["train"].tokens

    def config(self) -> dict[str, Any]:
        """Where documents were cut, and whether they are read from their end."""
        found: dict[str, Any] = {"documents": self.recipe.data.documents}
        return found | ({"direction": "backward"} if self._backward else {})

    @property
    def _backward(self) -> bool:
        return self.recipe.direction == "backward"

    def network_scores(self) -> dict[str, Figures]:
        """Perplexities and bits per byte, the state carried over the whole text."""
        rows = self.recipe.training.evaluate_batch_size
        return {
            split: dict(evaluate_corpus(self.task.network, corpus, rows))
            for split, corpus in self.corpora.items()
            if split != "train"
        }

    def speed(self, folder: Path) -> str:
        """Tokens a second, of one text and of many; a model that reads backward writes none."""
        return "" if self._backward else writing_speed(folder)

    def reached(self, scores: Mapping[str, Figures]) -> str:
        """Bits per byte and perplexity."""
        return "; ".join(
            f"{split}: {figures['bits_per_byte']:.4f} bits per byte, "
            f"perplexity {figures['perplexity']:.2f} per token"
            for split, figures in scores.items()
        )

    def described(self) -> str:
        """Layers, widths, vocabulary."""
        encoder = self.recipe.encoder
        return (
            f"{encoder.layers} x {encoder.cell} of {encoder.hidden_size}, embedding "
            f"{encoder.embedding_size}, {self.tokenizer.kind} tokenizer with "
            f"{self.tokenizer.vocab_size:,} ids{', reads backward' if self._backward else ''}"
        )

    def data_table(self) -> str:
        """A row a text."""
        rows = [
            (
                split,
                corpus.name,
                *(f"{count:,}" for count in (corpus.bytes, corpus.words, corpus.tokens)),
                corpus.unknown,
            )
            for split, corpus in self.corpora.items()
        ]
        return table(("text", "files", "bytes", "words", "tokens", "unknown"), rows)

    def scored(self, scores: Mapping[str, Figures]) -> str:
        """How the text was read, and a row a text."""
        if not scores:
            return "No held-out text was given."
        making = (
            "In float32, state carried over the whole text, which is read as "
            f"{self.recipe.training.evaluate_batch_size} streams side by side; each token but the "
            "first is predicted once, the marks between documents among them."
        )
        rows = [
            (
                split,
                f"{figures['bits_per_byte']:.4f}",
                f"{figures['perplexity']:.2f}",
                f"{figures['word_perplexity']:.1f}",
                f"{figures['loss']:.4f}",
            )
            for split, figures in scores.items()
        ]
        header = (
            "text",
            "bits per byte",
            "perplexity per token",
            "perplexity per word",
            "nats per token",
        )
        return f"{making}\n\n{table(header, rows)}"

    @classmethod
    def evaluate(cls, folder: ModelFolder, asked: Asked) -> Figures:
        """Perplexities and bits per byte; see :func:`~textrnn.recipe.text_scores.score_text`."""
        _refuse_pairs(asked)
        return dict(score_text(folder, asked))

    @classmethod
    def compare(
        cls, first: ModelFolder, second: ModelFolder, asked: Asked
    ) -> dict[str, Comparison]:
        """Bits per byte, line by line."""
        _refuse_pairs(asked)
        return {"bits_per_byte": compare_on_text(first, second, asked)}

    @classmethod
    def hold_out(cls, folder: ModelFolder, asked: Asked, place: Path) -> HeldOut:
        """The text in two files; see :func:`~textrnn.recipe.text_data.hold_out_text`."""
        _refuse_pairs(asked)
        return hold_out_text(folder, asked, place)

    @classmethod
    def old_validation(cls, folder: ModelFolder, place: Path) -> Asked | None:
        """The validation text of the model's own recipe, where it lies on this machine."""
        return old_text(folder)


def _refuse_pairs(asked: Asked) -> None:
    asked.refuse(
        "language model",
        references=asked.references,
        source=asked.source,
        target=asked.target,
        tokenize=asked.tokenize,
        label=asked.label,
    )


def _tokenizer(
    recipe: LanguageModelRecipe, base: ModelFolder | None, train: TextSource, cache: Path
) -> Tokenizer:
    """The one that is named, the starting model's, or one trained on the training text."""
    if recipe.tokenizer is None:
        assert base is not None  # the recipe's check
        return base.tokenizer()
    documents = train.documents(recipe.data.documents)
    lines = (line for document in documents for line in document)
    return make_tokenizer(recipe.tokenizer, lines, cache / "tokenizer")


def _network(
    recipe: LanguageModelRecipe, base: ModelFolder | None, tokenizer: Tokenizer
) -> nn.Module:
    parts = {part: getattr(recipe, part).model_dump() for part in PARTS}
    network = LanguageModeling.build_network(parts, tokenizer.vocab_size)
    if base is None:
        return network
    tensors = dict(network_from_folder(base).state_dict())
    if recipe.tokenizer is not None:
        if recipe.head.cutoffs:
            raise UsageError(
                f"{recipe.init_from} has an adaptive softmax, which is made for its own "
                "vocabulary: leave out the tokenizer"
            )
        tensors = remap_vocabulary(tensors, base.tokenizer(), tokenizer)
    network.load_state_dict(tensors)
    return network
