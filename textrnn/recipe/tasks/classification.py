"""A classifier's run: labelled texts, and what a network makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from textrnn.config import ClassificationRecipe, LabelledDataSettings, Recipe, read_yaml, validate
from textrnn.data import (
    LabelledBatches,
    LabelledCorpus,
    LabelledSource,
    Labels,
    find_labels,
    open_labelled,
    prepare_labelled,
)
from textrnn.data.labels import named_labels
from textrnn.errors import DataError, ModelFolderError, TextRNNError, UsageError
from textrnn.metrics import (
    Comparison,
    best_thresholds,
    expected_calibration_error,
    fit_temperature,
    label_scores,
    probabilities_of,
)
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.recipe.label_scores import (
    compare_on_labels,
    find_labelled,
    score_labels,
)
from textrnn.recipe.tasks._base import Asked, Assembly, Figures, HeldOut, table, with_sizes_of
from textrnn.recipe.vocabulary import make_tokenizer, remap_vocabulary
from textrnn.tasks import network_from_folder
from textrnn.tasks.classification import Classification, ClassificationNetwork, predict
from textrnn.tokenizers import Tokenizer, fold_markup

__all__ = ["ClassificationAssembly"]  # the family's entry

EMBEDDING = ("encoder.embedding.weight",)
HELD_OUT = 10
LIGHTEST, HEAVIEST = 0.1, 20.0
"""Balanced weights of classes are kept between: one rare text shall not drown the others."""


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
    limits: ClassVar[str] = (
        "It knows the labels it has learnt, and gives one of them to any text, in other languages "
        "and on other matters, too. Its probabilities are right on texts such as those it was "
        "calibrated on."
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
        classes = named_labels(data)
        train = _open(data, "train", classes)
        assert train is not None  # the recipe's check
        labels = find_labels(train, data, several)
        tokenizer = _tokenizer(recipe, base, train, cache)

        def encode(epoch: int) -> LabelledCorpus:
            alpha, seed = recipe.training.subword_sampling, recipe.training.seed
            sampling = None if alpha is None else (alpha, seed * 100_003 + epoch)
            whole = prepare_labelled(
                train, labels, tokenizer, max_length=data.max_length, sampling=sampling
            )
            return whole if data.held_out is None else whole.split(data.held_out)[0]

        corpora = {"train": encode(0)}
        for split in ("valid", "test"):
            if (source := _open(data, split, classes)) is not None:
                corpora[split] = prepare_labelled(source, labels, tokenizer)
        if data.held_out is not None:
            whole = prepare_labelled(train, labels, tokenizer)
            corpora["valid"] = whole.split(data.held_out)[1]
        recipe = _with_sizes(recipe, base, labels)
        torch.manual_seed(recipe.training.seed)
        network: Any = _network(recipe, base, tokenizer, labels)
        training = recipe.training.model_copy(update={"criterion": recipe.criterion})

        def batches(epoch: int) -> LabelledBatches:
            again = epoch and training.subword_sampling is not None
            corpus = encode(epoch) if again else corpora["train"]
            seed = (training.seed, epoch)
            return LabelledBatches(corpus, training.batch_size, training.batch_tokens, seed, *place)

        valid = None
        if "valid" in corpora:
            valid = LabelledBatches(
                corpora["valid"], 2 * training.batch_size, training.batch_tokens
            )
        weights = _class_weights(recipe, corpora["train"], labels)
        return cls(
            recipe=recipe,
            task=Classification(network, training, batches, valid, weights),
            tokenizer=tokenizer,
            corpora=corpora,
            labels=labels,
        )

    @property
    def train_tokens(self) -> int:
        """In the training texts."""
        return int(self.corpora["train"].lengths().sum())

    def notices(self) -> list[str]:
        """How many texts each label has, which are empty, and which stand in two splits."""
        train = self.corpora["train"]
        said = [corpus.balance() for corpus in self.corpora.values()]
        for split, corpus in self.corpora.items():
            if corpus.empty:
                said.append(f"{split}: {corpus.empty:,} texts without a word are left out")
            if split != "train" and (shared := corpus.shared_with(train)):
                said.append(f"{shared:,} of the texts in {split} stand in train, too")
        few = [self.labels.names[place] for place in np.flatnonzero(train.counts() < 2)]
        if few:
            said.append(f"fewer than 2 texts to learn from have the label {', '.join(few)}")
        return said

    def config(self) -> dict[str, Any]:
        """The labels, and how the probabilities are calibrated."""
        found: dict[str, Any] = {"labels": list(self.labels.names)}
        if self.task.valid is None:
            return found
        logits, targets, _ = predict(self.task.network, self.task.valid)
        several = self.labels.several
        temperature = fit_temperature(targets, logits, several=several)
        calibration: dict[str, Any] = {"temperature": temperature, "texts": len(targets)}
        after = probabilities_of(logits, temperature, several=several)
        if several:
            calibration["thresholds"] = best_thresholds(targets, after).tolist()
        else:
            before = expected_calibration_error(targets, probabilities_of(logits))
            calibration["ece_before"] = before
            calibration["ece_after"] = expected_calibration_error(targets, after)
        return found | {"calibration": calibration}

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
        source = _open(data, "test", named_labels(data))
        assert source is not None  # its texts were read
        opened = open_model_folder(folder)
        return {"test": score_labels(opened, Asked(""), source)}

    def reached(self, scores: Mapping[str, Figures]) -> str:
        """Accuracy and calibration error, or macro-F1 where texts have several labels."""
        parts = []
        for split, figures in scores.items():
            line = f"macro-F1 {100 * float(figures['macro_f1']):.2f}"
            if "accuracy" in figures:
                line = f"accuracy {100 * float(figures['accuracy']):.2f}, {line}"
            parts.append(f"{split}: {line}")
        return "; ".join(parts)

    def described(self) -> str:
        """Layers, widths, pooling, labels."""
        encoder, head = self.recipe.encoder, self.recipe.head
        both = "bidirectional " if encoder.bidirectional else ""
        return (
            f"{encoder.layers} x {both}{encoder.cell} of {encoder.hidden_size}, embedding "
            f"{encoder.embedding_size}, pooling {' + '.join(head.pooling)}, "
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
        """How the scores were made, and a row a split."""
        if not scores:
            return "No held-out texts were given."
        names = [
            name
            for name in dict.fromkeys(name for figures in scores.values() for name in figures)
            if " " not in name and name != "confusion"
        ]
        rows = [
            (split, *(_shown(figures.get(name)) for name in names))
            for split, figures in scores.items()
        ]
        return (
            "valid is the network's in float32, before calibration; test is the folder's own "
            f"answers, calibrated on valid.\n\n{table(('texts of', *names), rows)}"
        )

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
        several = folder.network["head"]["multi_label"] is True
        labels = Labels(tuple(folder.config.get("labels", ())), several)
        source = find_labelled(folder, asked)
        kept: list[dict[str, Any]] = []
        held: list[dict[str, Any]] = []
        seen: dict[tuple[int, ...], int] = {}
        for row in source.rows():
            text = fold_markup(row.text)
            if not text:
                continue
            try:
                found = tuple(labels.of(row))
            except DataError as error:
                raise DataError(
                    f"{error}; for labels of your own: textrnn train sentiment_finetune "
                    f"init_from={folder.path} data.train=FILE --output DIR"
                ) from error
            seen[found] = seen.get(found, 0) + 1
            names = [labels.names[number] for number in found]
            record = {"text": text, "label": names if several else names[0]}
            (held if seen[found] % HELD_OUT == HELD_OUT // 2 else kept).append(record)
        if not held or not kept:
            raise DataError(
                f"{source.name} has {len(kept)} texts: a tenth of each label's is held out, so "
                f"give at least {HELD_OUT // 2} of one label"
            )
        _write(place / "train.jsonl", kept)
        _write(place / "valid.jsonl", held)
        settings = {
            "data.path": str(place),
            "data.train": "train.jsonl",
            "data.valid": "valid.jsonl",
            "data.label_names": list(labels.names),
            "head.multi_label": several,
        }
        return HeldOut(settings, Asked(place / "valid.jsonl"))

    @classmethod
    def old_validation(cls, folder: ModelFolder) -> Asked | None:
        """The validation texts of the model's own recipe, where they are one file here."""
        recipe = folder.path / "training" / "recipe.yaml"
        try:
            data = validate(LabelledDataSettings, read_yaml(recipe)["data"], str(recipe))
            found = open_labelled(data, "valid", named_labels(data))
        except (TextRNNError, KeyError):
            return None
        path = getattr(found.parts[0], "path", None) if found and len(found.parts) == 1 else None
        if not isinstance(path, Path) or len(data.texts()) > 1:
            return None
        return Asked(path, column=data.texts()[0], label=data.label)


def _open(
    data: LabelledDataSettings, split: Any, classes: tuple[str, ...]
) -> LabelledSource | None:
    return open_labelled(data, split, classes)


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    """Lines of JSON; a file that is there already and the same is left as it is."""
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8", newline="")


def _shown(value: float | str | None) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)


def _tokenizer(
    recipe: ClassificationRecipe, base: ModelFolder | None, train: LabelledSource, cache: Path
) -> Tokenizer:
    """The one that is named, the starting model's, or one trained on the training texts."""
    if recipe.tokenizer is None:
        assert base is not None  # the recipe's check
        return base.tokenizer()
    texts = (fold_markup(row.text) for row in train.rows())
    return make_tokenizer(recipe.tokenizer, texts, cache / "tokenizer")


def _same_head(base: ModelFolder, recipe: ClassificationRecipe, labels: Labels) -> bool:
    """Whether the base's head has learnt these very labels."""
    if base.task != "classification" or tuple(base.config.get("labels", ())) != labels.names:
        return False
    several: bool = base.network["head"]["multi_label"] == recipe.head.multi_label
    return several


def _with_sizes(
    recipe: ClassificationRecipe, base: ModelFolder | None, labels: Labels
) -> ClassificationRecipe:
    if base is None:
        return recipe
    parts = ("encoder", "head") if _same_head(base, recipe, labels) else ("encoder",)
    try:
        return with_sizes_of(recipe, base, parts)
    except KeyError as error:
        raise ModelFolderError(f"{base.path}: config.json: the network has no {error}") from error


def _network(
    recipe: ClassificationRecipe, base: ModelFolder | None, tokenizer: Tokenizer, labels: Labels
) -> nn.Module:
    network = ClassificationNetwork(
        recipe.encoder, recipe.head, len(labels.names), tokenizer.vocab_size
    )
    if base is None:
        return network
    tensors = dict(network_from_folder(base).state_dict())
    if recipe.tokenizer is not None:
        tensors = remap_vocabulary(tensors, base.tokenizer(), tokenizer, EMBEDDING)
    whole = _same_head(base, recipe, labels)
    kept = {name: value for name, value in tensors.items() if whole or name.startswith("encoder.")}
    network.load_state_dict(kept, strict=whole)
    return network


def _class_weights(
    recipe: ClassificationRecipe, train: LabelledCorpus, labels: Labels
) -> list[float] | None:
    """Of each label's texts in the loss."""
    given = recipe.training.class_weights
    if given is None:
        return None
    if isinstance(given, dict):
        for name in given:
            if name not in labels.names:
                listed = ", ".join(labels.names)
                raise UsageError(f"training.class_weights: no label {name!r} (known: {listed})")
        return [given.get(name, 1.0) for name in labels.names]
    counts = np.maximum(train.counts(), 1)
    weights = len(train) / counts
    # With several labels a text, the weight is that of having a label against not having it.
    balanced = weights - 1.0 if labels.several else weights / len(counts)
    return [float(weight) for weight in balanced.clip(LIGHTEST, HEAVIEST)]
