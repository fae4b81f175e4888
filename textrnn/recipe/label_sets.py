"""The sets of a classifier's run: read, described, and what its probabilities are calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from textrnn.config import ClassificationRecipe, LabelledDataSettings
from textrnn.data import (
    LabelledBatches,
    LabelledCorpus,
    LabelledSource,
    Labels,
    open_labelled,
    prepare_labelled,
)
from textrnn.data.labelled import open_unlabelled
from textrnn.data.labels import named_labels
from textrnn.data.pseudo_labels import PseudoLabels, labels_of_alike, surest
from textrnn.errors import DataError
from textrnn.metrics import (
    best_thresholds,
    expected_calibration_error,
    fit_temperature,
    probabilities_of,
)
from textrnn.tasks.classification import ClassificationNetwork, answer
from textrnn.tokenizers import Familiarity, Tokenizer, fold_markup

__all__ = [
    "Split",
    "TrainingTexts",
    "calibrate",
    "first_texts",
    "set_notices",
    "usually_familiar",
]

Split = Literal["train", "valid", "test"]
LEAST_FAMILIAR = 0.05
"""A share of familiar tokens of 0 would draw nothing to doubt."""
MOST_TIMED = 2_000


@dataclass(frozen=True)
class TrainingTexts:
    """The texts that a classifier learns from, encoded anew where their segmentation is drawn.

    Args:
        source: the labelled texts.
        labels: the names of their labels.
        tokenizer: what encodes them.
        recipe: how, and which of them are held out; and texts without labels.
        teacher: a classifier with these very labels, which gives them to texts without; None: those
            are labelled as the ones that are like them.
    """

    source: LabelledSource
    labels: Labels
    tokenizer: Tokenizer
    recipe: ClassificationRecipe
    teacher: ClassificationNetwork | None = None

    @cached_property
    def unlabelled(self) -> LabelledSource | None:
        """The texts without labels, if there are any."""
        return open_unlabelled(self.recipe.data)

    @cached_property
    def pseudo_labels(self) -> PseudoLabels:
        """Labels for those, found where the texts are whole; none for what stands in a split."""
        assert self.unlabelled is not None
        known = self._encoded(self.source)
        others = self._encoded(self.unlabelled)
        seen = [known.digests, *(corpus.digests for corpus in self.held_out().values())]
        _, first = np.unique(others.digests, return_index=True)
        rows = np.sort(first[~np.isin(others.digests[first], np.concatenate(seen))])
        if not len(rows):
            raise DataError(
                f"data.unlabelled: all texts of {others.name} stand in train, valid or test"
            )
        others = others.select(rows, others.name)
        if self.teacher is None:
            said = labels_of_alike(self._without_held_out(known), others)
        else:
            said = self._said_of(others, self.teacher)
        found = surest(said, self.recipe.data.unlabelled_share)
        return PseudoLabels(rows[found.rows], found.targets)

    def read(self, epoch: int | None) -> LabelledCorpus:
        """The texts of an epoch, without those that are held out; None: none of it drawn."""
        alpha, seed = self.recipe.training.subword_sampling, self.recipe.training.seed
        making: dict[str, Any] = {"max_length": self.recipe.data.max_length}
        if alpha is not None and epoch is not None:
            making["sampling"] = alpha, seed * 100_003 + epoch
        train = self._without_held_out(self._encoded(self.source, **making))
        if self.unlabelled is None:
            return train
        rows, targets = self.pseudo_labels
        others = self._encoded(self.unlabelled, **making)
        by = "as those like them" if self.teacher is None else "by the model of before"
        name = f"{len(rows):,} of {len(others):,} texts of {others.name} labelled {by}"
        return train.joined(replace(others.select(rows, name), targets=targets))

    def held_out(self) -> dict[str, LabelledCorpus]:
        """The texts that are not learnt from, of each split that there is."""
        data = self.recipe.data
        splits: tuple[Split, ...] = ("valid", "test")
        corpora: dict[str, LabelledCorpus] = {}
        for split in splits:
            if (source := open_labelled(data, split, named_labels(data))) is not None:
                corpora[split] = self._encoded(source)
        if data.held_out is not None:
            corpora["valid"] = self._encoded(self.source).split(data.held_out)[1]
        return corpora

    def _said_of(self, texts: LabelledCorpus, teacher: ClassificationNetwork) -> NDArray[Any]:
        """The teacher's probabilities (N, C)."""
        training = self.recipe.training
        batches = LabelledBatches(texts, 2 * training.batch_size, training.batch_tokens)
        with torch.autocast("cpu", torch.bfloat16, enabled=training.precision == "bf16"):
            answers, _ = answer(teacher, batches)
        said = np.empty(answers.shape[1:])
        said[np.concatenate([batches.places(index) for index in range(len(batches))])] = (
            probabilities_of(answers.sum(0))
        )
        return said

    def _encoded(self, source: LabelledSource, **making: Any) -> LabelledCorpus:
        return prepare_labelled(
            source,
            self.labels,
            self.tokenizer,
            labelled=source is not self.unlabelled,
            backward=self.recipe.direction == "backward",
            **making,
        )

    def _without_held_out(self, whole: LabelledCorpus) -> LabelledCorpus:
        share = self.recipe.data.held_out
        return whole if share is None else whole.split(share)[0]


def first_texts(data: LabelledDataSettings, split: Split) -> list[str]:
    """The first texts of a split that have a word."""
    source = open_labelled(data, split, named_labels(data))
    assert source is not None  # its texts were read
    return [row.text for row in islice(source.rows(), MOST_TIMED) if fold_markup(row.text)]


def set_notices(corpora: Mapping[str, LabelledCorpus]) -> list[str]:
    """How many texts each label has, are empty, stand in two splits or under two labels."""
    train = corpora["train"]
    said = [corpus.balance() for corpus in corpora.values()]
    for split, corpus in corpora.items():
        if corpus.empty:
            said.append(f"{split}: {corpus.empty:,} texts without a word are left out")
        if split != "train" and (shared := corpus.shared_with(train)):
            said.append(f"{shared:,} of the texts in {split} stand in train, too")
        if disputed := corpus.disputed():
            said.append(f"{split}: {disputed:,} texts stand there again with another label")
    few = [train.classes[place] for place in np.flatnonzero(train.counts() < 2)]
    if few:
        said.append(f"fewer than 2 texts to learn from have the label {', '.join(few)}")
    return said


def calibrate(targets: ArrayLike, logits: ArrayLike, *, several: bool) -> dict[str, Any]:
    """The temperature, the thresholds where a text may have several labels, and the errors.

    Args:
        targets: of the validation texts.
        logits: (N, C), of the network.
        several: whether a text may have several labels.
    """
    temperature = fit_temperature(targets, logits, several=several)
    found: dict[str, Any] = {"temperature": temperature, "texts": len(np.asarray(targets))}
    after = probabilities_of(logits, temperature, several=several)
    if several:
        return found | {"thresholds": best_thresholds(targets, after).tolist()}
    before = expected_calibration_error(targets, probabilities_of(logits))
    return found | {
        "ece_before": before,
        "ece_after": expected_calibration_error(targets, after),
    }


def usually_familiar(corpus: LabelledCorpus, tokenizer: Tokenizer, direction: str) -> float:
    """The share of familiar tokens that 19 of 20 texts have at least, and no less than 0.05."""
    order = slice(None, None, -1 if direction == "backward" else 1)
    texts = [corpus.text(row)[1:-1][order].tolist() for row in range(len(corpus))]
    return float(max(np.quantile(Familiarity(tokenizer).shares(texts), 0.05), LEAST_FAMILIAR))
