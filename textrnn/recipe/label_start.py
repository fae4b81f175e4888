"""What a classifier's run begins with: tokenizer, sizes, network, weights of classes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from textrnn.config import ClassificationHeadSettings, ClassificationRecipe
from textrnn.data import LabelledCorpus, LabelledSource, Labels
from textrnn.data.cooccurrence import token_vectors
from textrnn.data.labelled import open_texts, open_unlabelled
from textrnn.errors import ModelFolderError, UsageError
from textrnn.model_folder import ModelFolder
from textrnn.recipe.kept import kept_arrays
from textrnn.recipe.tasks._base import with_sizes_of
from textrnn.recipe.vocabulary import make_tokenizer, remap_vocabulary
from textrnn.tasks import network_from_folder
from textrnn.tasks.classification import ClassificationNetwork
from textrnn.tokenizers import Tokenizer, fold_markup

__all__ = [
    "begin_network",
    "begin_ngrams",
    "begin_sizes",
    "begin_tokenizer",
    "begin_vectors",
    "knows_labels",
    "weights_of_classes",
]

EMBEDDING = ("encoder.embedding.weight",)
NGRAMS = {"ngrams", "ngram_buckets", "ngram_min_count"}
LIGHTEST, HEAVIEST = 0.1, 20.0
"""Balanced weights of classes are kept between: one rare text shall not drown the others."""


def begin_tokenizer(
    recipe: ClassificationRecipe, base: ModelFolder | None, train: LabelledSource, cache: Path
) -> Tokenizer:
    """The one that is named, the starting model's, or one trained on all texts to learn from."""
    if recipe.tokenizer is None:
        assert base is not None  # the recipe's check
        return base.tokenizer()
    sources = [train, open_unlabelled(recipe.data)]
    if recipe.data.vectors is not None:
        sources.append(open_texts(recipe.data, recipe.data.vectors.texts, "vectors.texts"))
    rows = chain.from_iterable(source.rows() for source in sources if source is not None)
    texts = (fold_markup(row.text) for row in rows)
    return make_tokenizer(recipe.tokenizer, texts, cache / "tokenizer")


def knows_labels(base: ModelFolder | None, recipe: ClassificationRecipe, labels: Labels) -> bool:
    """Whether the run starts from a classifier that has learnt these very labels."""
    if base is None:
        return False
    if base.task != "classification" or tuple(base.config.get("labels", ())) != labels.names:
        return False
    several: bool = base.network["head"]["multi_label"] == recipe.head.multi_label
    return several


def begin_sizes(
    recipe: ClassificationRecipe, base: ModelFolder | None, labels: Labels
) -> ClassificationRecipe:
    """The recipe with the sizes of the model that it starts from, if it does.

    A classifier that looks at no n-grams may begin to.

    Raises:
        UsageError: it gives another size than that model has.
    """
    if base is None:
        return recipe
    try:
        if not knows_labels(base, recipe, labels):
            return with_sizes_of(recipe, base, ("encoder",))
        ngrams = {}
        if not base.network["head"].get("ngrams"):
            ngrams = {name: getattr(recipe.head, name) for name in NGRAMS}
            given = recipe.head.model_dump(include=recipe.head.model_fields_set - NGRAMS)
            recipe = recipe.model_copy(update={"head": ClassificationHeadSettings(**given)})
        recipe = with_sizes_of(recipe, base, ("encoder", "head"))
        return recipe.model_copy(update={"head": recipe.head.model_copy(update=ngrams)})
    except KeyError as error:
        raise ModelFolderError(f"{base.path}: config.json: the network has no {error}") from error


def begin_network(
    recipe: ClassificationRecipe, base: ModelFolder | None, tokenizer: Tokenizer, labels: Labels
) -> tuple[nn.Module, frozenset[str]]:
    """The network, with the parameters of the model that it starts from as far as they fit.

    And the names of those that do not come from there.
    """
    network = ClassificationNetwork(
        recipe.encoder, recipe.head, len(labels.names), tokenizer.vocab_size
    )
    if base is None:
        return network, frozenset(dict(network.named_parameters()))
    tensors = dict(network_from_folder(base).state_dict())
    if recipe.tokenizer is not None:
        tensors = remap_vocabulary(tensors, base.tokenizer(), tokenizer, EMBEDDING)
        # N-grams of other tokens are others.
        tensors = {name: value for name, value in tensors.items() if "ngrams." not in name}
    whole = knows_labels(base, recipe, labels)
    kept = {name: value for name, value in tensors.items() if whole or name.startswith("encoder.")}
    network.load_state_dict(kept, strict=False)
    return network, frozenset(dict(network.named_parameters())) - set(kept)


def begin_vectors(
    network: ClassificationNetwork, recipe: ClassificationRecipe, tokenizer: Tokenizer, cache: Path
) -> None:
    """Put the vectors that the recipe asks for into the embedding; tokens without keep theirs.

    They are found once: a run that goes on takes them from the cache.

    Raises:
        DataError: the texts cannot be read, or are too few.
    """
    embedding = network.encoder.embedding
    if recipe.data.vectors is None or embedding is None:
        return
    wanted, (size, width) = recipe.data.vectors, embedding.weight.shape
    made_of = repr([wanted, recipe.data.path, tokenizer.pieces(range(size)), width])
    digest = hashlib.blake2b(made_of.encode(), digest_size=16).hexdigest()

    def find() -> dict[str, NDArray[np.float32]]:
        source = open_texts(recipe.data, wanted.texts, "vectors.texts")
        lines = (fold_markup(row.text) for row in source.rows())
        texts = (np.array(ids, np.int64) for ids in tokenizer.encode_lines(lines))
        return {"vectors": token_vectors(texts, size, width, wanted.window)}

    kept = kept_arrays(cache / f"vectors_{digest}.npz", find)
    found = torch.from_numpy(kept["vectors"])
    with torch.no_grad():  # of length 1, as the rows that are drawn are on average
        embedding.weight.copy_(found.where(found.any(1, keepdim=True), embedding.weight))


def begin_ngrams(
    network: ClassificationNetwork, fresh: frozenset[str], read: Callable[[], LabelledCorpus]
) -> None:
    """Count the n-grams of the training texts, unless the starting model has counted its own."""
    if network.ngrams is None or "ngrams.weight" not in fresh:
        return
    train = read()
    several = train.targets.ndim == 2
    texts = (
        (train.text(row).astype(np.int64), target if several else int(target))
        for row, target in enumerate(train.targets)
    )
    network.ngrams.count(texts, network.head_settings.ngram_min_count)


def weights_of_classes(
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
