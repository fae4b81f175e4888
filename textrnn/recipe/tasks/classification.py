"""A classifier's run: labelled texts, and what a network makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import torch

from textrnn.config import ClassificationRecipe, Recipe
from textrnn.data import (
    LabelledBatches,
    LabelledCorpus,
    Labels,
    find_labels,
    open_labelled,
)
from textrnn.data.labels import named_labels
from textrnn.errors import UsageError
from textrnn.metrics import Comparison, fit_share, label_scores
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.recipe.answering import labelling_speed
from textrnn.recipe.label_data import hold_out_labelled, old_labelled
from textrnn.recipe.label_scores import compare_on_labels, score_labels
from textrnn.recipe.label_sets import (
    Split,
    calibrate,
    first_texts,
    set_notices,
    usually_familiar,
)
from textrnn.recipe.label_start import (
    begin_network,
    begin_ngrams,
    begin_sizes,
    begin_tokenizer,
    begin_vectors,
    knows_labels,
    weights_of_classes,
)
from textrnn.recipe.tasks._base import Asked, Assembly, Figures, HeldOut, table, with_direction_of
from textrnn.recipe.training_texts import TrainingTexts
from textrnn.tasks.classification import Classification, answer, predict
from textrnn.tokenizers import Tokenizer

__all__ = ["ClassificationAssembly"]  # the family's entry


@dataclass(frozen=True)
class ClassificationAssembly(Assembly):
    """A classifier's recipe, built.

    Args:
        recipe: the recipe, sizes filled in from the model it starts from.
        task: with the network.
        tokenizer: what encodes the texts.
        corpora: the texts of each split.
        labels: their names.
        source_tokenizer: there is only one text.
    """

    settings: ClassVar[type[Recipe]] = ClassificationRecipe
    finetuning: ClassVar[str] = "sentiment_finetune"
    generation: ClassVar[None] = None
    limits: ClassVar[str] = (
        "It knows the labels it has learnt, and gives one of them to any text, in other languages "
        "and on other matters, too."
    )

    recipe: ClassificationRecipe
    task: Classification
    tokenizer: Tokenizer
    corpora: Mapping[str, LabelledCorpus]
    labels: Labels
    source_tokenizer: None = None

    @classmethod
    def make(cls, recipe: ClassificationRecipe, cache: Path, place: tuple[int, int]) -> Self:
        """Read, encode and build; see :meth:`Assembly.make`."""
        data, several = recipe.data, recipe.head.multi_label
        base = open_model_folder(find_model(recipe.init_from)) if recipe.init_from else None
        if base is not None and base.task not in ("language_modeling", "classification"):
            raise UsageError(
                f"init_from {recipe.init_from} is a model for {base.task}: a classifier starts "
                "from a language model or a classifier"
            )
        recipe = with_direction_of(recipe, base)
        train = open_labelled(data, "train", named_labels(data))
        assert train is not None  # the recipe's check
        labels = find_labels(train, data, several)
        tokenizer = begin_tokenizer(recipe, base, train, cache)
        recipe = begin_sizes(recipe, base, labels)
        torch.manual_seed(recipe.training.seed)
        network: Any
        network, fresh = begin_network(recipe, base, tokenizer, labels)
        begin_vectors(network, recipe, tokenizer, cache)
        whole = recipe.tokenizer is None and knows_labels(base, recipe, labels)
        teacher = network if whole else None
        texts = TrainingTexts(train, labels, tokenizer, recipe, cache, teacher)
        corpora = {"train": texts.read(0), **texts.held_out}
        drawn = recipe.training.subword_sampling is not None
        begin_ngrams(network, fresh, lambda: texts.read(None) if drawn else corpora["train"])
        training = recipe.training

        def batches(epoch: int) -> LabelledBatches:
            corpus = texts.read(epoch) if epoch and drawn else corpora["train"]
            seed = (training.seed, epoch)
            return LabelledBatches(corpus, training.batch_size, training.batch_tokens, seed, *place)

        valid = None
        if "valid" in corpora:
            valid = LabelledBatches(
                corpora["valid"], 2 * training.batch_size, training.batch_tokens
            )
        weights = weights_of_classes(recipe, corpora["train"], labels)
        return cls(
            recipe=recipe,
            task=Classification(network, training, batches, valid, weights, fresh),
            tokenizer=tokenizer,
            corpora=corpora,
            labels=labels,
        )

    @property
    def train_tokens(self) -> int:
        """In the training texts."""
        return int(self.corpora["train"].lengths().sum())

    def notices(self) -> list[str]:
        """What :func:`set_notices` says, and that nothing says how sure the network may be."""
        said = set_notices(self.corpora)
        if self.task.valid is None:
            said.append(
                "the probabilities are not calibrated, for there are no validation texts: give "
                "data.valid, or data.held_out=0.1"
            )
        return said

    def finish(self) -> list[str]:
        """Weigh the n-grams against the network, by the validation texts."""
        network, valid = self.task.network, self.task.valid
        if network.ngrams is None or valid is None:
            return []
        answers, targets = answer(network, valid)
        share = fit_share(targets, *answers, several=self.labels.several)
        network.ngrams.scale(share)
        said = (label_scores(targets, one, several=self.labels.several) for one in answers)
        alone, ngrams = (100 * scores.get("accuracy", scores["macro_f1"]) for scores in said)
        return [
            f"what the n-grams say is multiplied by {share:.2f} (valid: the network alone has "
            f"{alone:.2f}, the n-grams {ngrams:.2f})"
        ]

    def config(self) -> dict[str, Any]:
        """The labels, how texts are read, and how the probabilities are calibrated."""
        found: dict[str, Any] = {"labels": list(self.labels.names)}
        if self.recipe.direction == "backward":
            found["direction"] = "backward"
        if self.task.valid is None:
            return found
        logits, targets, _ = predict(self.task.network, self.task.valid)
        familiar = usually_familiar(self.corpora["valid"], self.tokenizer, self.recipe.direction)
        calibration = calibrate(targets, logits, several=self.labels.several)
        return found | {"calibration": calibration | {"familiar": familiar}}

    def network_scores(self) -> dict[str, Figures]:
        """Of the validation texts."""
        if self.task.valid is None:
            return {}
        logits, targets, loss = predict(self.task.network, self.task.valid)
        scores = label_scores(targets, logits, several=self.labels.several)
        return {"valid": {"loss": loss, **scores}}

    def folder_scores(self, folder: Path) -> dict[str, Figures]:
        """Of the test texts, by the folder's own calibrated answers."""
        if "test" not in self.corpora:
            return {}
        data = self.recipe.data
        source = open_labelled(data, "test", named_labels(data))
        assert source is not None  # its texts were read
        opened = open_model_folder(folder)
        return {"test": score_labels(opened, Asked(""), source)}

    def speed(self, folder: Path) -> str:
        """Texts a second, of held-out texts where there are some."""
        data = self.recipe.data
        split: Split = "train"
        if "test" in self.corpora or data.valid is not None:
            split = "test" if "test" in self.corpora else "valid"
        return labelling_speed(open_model_folder(folder), first_texts(data, split))

    def reached(self, scores: Mapping[str, Figures]) -> str:
        """Accuracy and calibration error, or macro-F1 where texts have several labels."""
        parts = []
        for split, figures in scores.items():
            line = f"macro-F1 {100 * cast(float, figures['macro_f1']):.2f}"
            if "accuracy" in figures:
                line = f"accuracy {100 * cast(float, figures['accuracy']):.2f}, {line}"
            parts.append(f"{split}: {line}")
        return "; ".join(parts)

    def described(self) -> str:
        """Layers, widths, pooling, labels."""
        encoder, head = self.recipe.encoder, self.recipe.head
        both = "bidirectional " if encoder.bidirectional else ""
        both = "backward " if self.recipe.direction == "backward" else both
        ngrams = f", beside it n-grams of up to {head.ngrams} tokens" if head.ngrams else ""
        return (
            f"{encoder.layers} x {both}{encoder.cell} of {encoder.hidden_size}, embedding "
            f"{encoder.embedding_size}, pooling {' + '.join(head.pooling)}{ngrams}, "
            f"{self.tokenizer.kind} tokenizer with {self.tokenizer.vocab_size:,} ids; labels: "
            f"{', '.join(self.labels.names)}"
        )

    def data_table(self) -> str:
        """A row a split."""
        rows = [
            (
                split,
                corpus.name,
                *(f"{n:,}" for n in (len(corpus), len(corpus.ids), corpus.unknown)),
            )
            for split, corpus in self.corpora.items()
        ]
        return table(("split", "files", "texts", "tokens", "unknown"), rows)

    def scored(self, scores: Mapping[str, Figures]) -> str:
        """How the scores were made, a row a split, and what the probabilities are worth."""
        calibrated = self.task.valid is not None
        made = (
            "valid is the network's in float32, before calibration; test is the folder's own "
            "answers, calibrated on valid. Its probabilities are right on texts such as those of "
            "valid."
            if calibrated
            else "test is the folder's own answers. Its probabilities are not calibrated."
        )
        if not scores:
            return "No held-out texts were given. Its probabilities are not calibrated."
        names = [
            name
            for name in dict.fromkeys(name for figures in scores.values() for name in figures)
            if " " not in name and name not in ("confusion", "reliability")
        ]
        rows = [
            (split, *(_shown(figures.get(name)) for name in names))
            for split, figures in scores.items()
        ]
        return f"{made}\n\n{table(('texts of', *names), rows)}"

    @classmethod
    def evaluate(cls, folder: ModelFolder, asked: Asked) -> Figures:
        """See :func:`~textrnn.recipe.label_scores.score_labels`."""
        return score_labels(folder, asked)

    @classmethod
    def compare(
        cls, first: ModelFolder, second: ModelFolder, asked: Asked
    ) -> dict[str, Comparison]:
        """The share of right answers, by paired bootstrap."""
        return compare_on_labels(first, second, asked)

    @classmethod
    def hold_out(cls, folder: ModelFolder, asked: Asked, place: Path) -> HeldOut:
        """A user's texts in two files, a tenth of each label's held out.

        Raises:
            DataError: they cannot be read, are too few, or have labels that the model has not.
        """
        return hold_out_labelled(folder, asked, place)

    @classmethod
    def old_validation(cls, folder: ModelFolder, place: Path) -> Asked | None:
        """The validation texts of the model's own recipe, where they are one file here."""
        return old_labelled(folder, place)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)
