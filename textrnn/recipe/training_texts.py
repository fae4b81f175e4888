"""The texts that a classifier learns from, and those that are held out from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from textrnn.config import ClassificationRecipe
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
from textrnn.metrics import probabilities_of
from textrnn.recipe.kept import kept_arrays
from textrnn.recipe.label_sets import Split
from textrnn.tasks.classification import ClassificationNetwork, answer
from textrnn.tokenizers import Tokenizer

__all__ = ["TrainingTexts"]


@dataclass(frozen=True)
class TrainingTexts:
    """The texts of a classifier's run, encoded anew where their segmentation is drawn.

    Args:
        source: the labelled texts.
        labels: the names of their labels.
        tokenizer: what encodes them.
        recipe: how, and which of them are held out; and texts without labels.
        cache: a folder that keeps the labels that were found for those: a run that goes on, and one
            of several processes, takes the very same.
        teacher: a classifier with these very labels, which gives them to texts without; None: those
            are labelled as the ones that are like them.
    """

    source: LabelledSource
    labels: Labels
    tokenizer: Tokenizer
    recipe: ClassificationRecipe
    cache: Path
    teacher: ClassificationNetwork | None = None

    @cached_property
    def unlabelled(self) -> LabelledSource | None:
        """The texts without labels, if there are any."""
        return open_unlabelled(self.recipe.data)

    def read(self, epoch: int | None) -> LabelledCorpus:
        """The texts of an epoch, without those that are held out; None: none of it drawn.

        Raises:
            DataError: a text or a label cannot be read, or none is left to be labelled.
        """
        alpha, seed = self.recipe.training.subword_sampling, self.recipe.training.seed
        making: dict[str, Any] = {"max_length": self.recipe.data.max_length}
        if alpha is not None and epoch is not None:
            making["sampling"] = alpha, seed * 100_003 + epoch
        train = self._without_held_out(self._encoded(self.source, **making))
        if self.unlabelled is None:
            return train
        rows, targets = self._pseudo_labels
        others = self._encoded(self.unlabelled, **making)
        by = "as those like them" if self.teacher is None else "by the model of before"
        name = f"{len(rows):,} of {len(others):,} texts of {others.name} labelled {by}"
        return train.joined(replace(others.select(rows, name), targets=targets))

    @cached_property
    def held_out(self) -> dict[str, LabelledCorpus]:
        """The texts that are not learnt from, of each split that there is."""
        data = self.recipe.data
        splits: tuple[Split, ...] = ("valid", "test")
        corpora: dict[str, LabelledCorpus] = {}
        for split in splits:
            if (source := open_labelled(data, split, named_labels(data))) is not None:
                corpora[split] = self._encoded(source)
        if data.held_out is not None:
            corpora["valid"] = self._whole.split(data.held_out)[1]
        return corpora

    @cached_property
    def _whole(self) -> LabelledCorpus:
        """The labelled texts, held-out ones among them, none of them cut."""
        return self._encoded(self.source)

    @cached_property
    def _pseudo_labels(self) -> PseudoLabels:
        """Labels for texts without, found where they are whole; none for what stands in a split."""
        assert self.unlabelled is not None
        known = self._whole
        others = self._encoded(self.unlabelled)
        seen = [known.digests, *(corpus.digests for corpus in self.held_out.values())]
        _, first = np.unique(others.digests, return_index=True)
        rows = np.sort(first[~np.isin(others.digests[first], np.concatenate(seen))])
        if not len(rows):
            raise DataError(
                f"data.unlabelled: all texts of {others.name} stand in train, valid or test"
            )
        others = others.select(rows, others.name)
        found = self._found(self._without_held_out(known), others)
        return PseudoLabels(rows[found.rows], found.targets)

    def _found(self, known: LabelledCorpus, others: LabelledCorpus) -> PseudoLabels:
        """The surest labels, from the cache where they were found there."""
        share = self.recipe.data.unlabelled_share
        parts: list[NDArray[Any]] = [known.ids, known.targets, others.ids, np.array(share)]
        if self.teacher is not None:
            parts += [value.numpy() for value in self.teacher.state_dict().values()]
        digest = hashlib.blake2b(digest_size=16)
        for part in parts:
            digest.update(part.tobytes())

        def find() -> dict[str, NDArray[Any]]:
            if self.teacher is None:
                said = labels_of_alike(known, others)
            else:
                said = self._said_of(others, self.teacher)
            return surest(said, share)._asdict()

        path = self.cache / f"pseudo_labels_{digest.hexdigest()}.npz"
        return PseudoLabels(**kept_arrays(path, find))

    def _said_of(self, texts: LabelledCorpus, teacher: ClassificationNetwork) -> NDArray[Any]:
        """The teacher's probabilities (N, C)."""
        training = self.recipe.training
        batches = LabelledBatches(texts, 2 * training.batch_size, training.batch_tokens)
        with torch.autocast("cpu", torch.bfloat16, enabled=training.precision == "bf16"):
            answers, _ = answer(teacher, batches)
        said = np.empty(answers.shape[1:])
        order = np.concatenate([batches.places(index) for index in range(len(batches))])
        said[order] = probabilities_of(answers.sum(0))
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
