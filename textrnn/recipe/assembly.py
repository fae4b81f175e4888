"""From a recipe to a task that is ready to train: tokenizer, corpora, network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from textrnn.config import EncoderSettings, LanguageModelHeadSettings, LanguageModelRecipe, validate
from textrnn.data import Corpus, TextSource, open_source, prepare_corpus
from textrnn.errors import UsageError
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.tasks import FAMILY, Task, network_from_folder
from textrnn.tokenizers import FAMILY as TOKENIZERS
from textrnn.tokenizers import Tokenizer, TokenizerSettings, load_tokenizer, vocab_names, vocab_path

__all__ = ["Assembly", "assemble", "remap_vocabulary"]

VOCABULARY_ROWS = ("encoder.embedding.weight", "head.weight", "head.bias")


@dataclass(frozen=True)
class Assembly:
    """Everything that a run of a recipe needs.

    Args:
        recipe: the recipe, sizes filled in from the model it starts from.
        task: with the network.
        tokenizer: what encodes the text.
        train: the first epoch's corpus.
        valid: the validation corpus, if any.
        test: the test corpus, if any.
    """

    recipe: LanguageModelRecipe
    task: Task
    tokenizer: Tokenizer
    train: Corpus
    valid: Corpus | None
    test: Corpus | None


def assemble(recipe: LanguageModelRecipe, cache: Path, place: tuple[int, int] = (0, 1)) -> Assembly:
    """Read, encode and build what the recipe names.

    Args:
        recipe: the recipe.
        cache: a folder for the encoded text and a tokenizer that is trained.
        place: this process's rank, and how many there are.

    Raises:
        DataError: the text cannot be read.
        UsageError: the recipe does not fit the model it starts from.
    """
    base = (
        open_model_folder(find_model(recipe.init_from), task=recipe.task)
        if recipe.init_from
        else None
    )
    train = cast(TextSource, open_source(recipe.data, "train"))
    others = [open_source(recipe.data, split) for split in ("valid", "test")]
    tokenizer = _tokenizer(recipe, base, train, cache)

    def encode(source: TextSource, sampling: tuple[float, int] | None = None) -> Corpus:
        return prepare_corpus(
            source, tokenizer, cache, documents=recipe.data.documents, sampling=sampling
        )

    def epoch_corpus(epoch: int) -> Corpus:
        alpha, seed = recipe.training.subword_sampling, recipe.training.seed
        return encode(train, None if alpha is None else (alpha, seed * 100_003 + epoch))

    valid, test = (None if source is None else encode(source) for source in others)
    if base is not None:
        recipe = _with_sizes_of(recipe, base)
    torch.manual_seed(recipe.training.seed)
    network = _network(recipe, base, tokenizer)
    task: Any = FAMILY.get(recipe.task)
    return Assembly(
        recipe=recipe,
        task=task(network, recipe.training, epoch_corpus, valid, place),
        tokenizer=tokenizer,
        train=epoch_corpus(0),
        valid=valid,
        test=test,
    )


def _tokenizer(
    recipe: LanguageModelRecipe, base: ModelFolder | None, train: TextSource, cache: Path
) -> Tokenizer:
    """The one that is named, the starting model's, or one trained on the training text."""
    section = recipe.tokenizer
    if section is None:
        assert base is not None  # the recipe's check
        return base.tokenizer()
    if section.path is not None:
        return load_tokenizer(
            vocab_path(section.path) if section.path in vocab_names() else Path(section.path)
        )
    trained = cache / "tokenizer"
    if not (trained / "tokenizer.json").exists():
        settings = TokenizerSettings(**section.given())
        lines = (line for document in train.documents("file") for line in document)
        TOKENIZERS.get(settings.kind).train(lines, settings).save(trained)
    return load_tokenizer(trained)


def _with_sizes_of(recipe: LanguageModelRecipe, base: ModelFolder) -> LanguageModelRecipe:
    """The base's network settings, the dropouts that the recipe gives laid over them.

    Raises:
        UsageError: the recipe gives another size than the base has.
    """
    changed: dict[str, Any] = {}
    for part, settings in (("encoder", EncoderSettings), ("head", LanguageModelHeadSettings)):
        section = getattr(recipe, part)
        given = section.model_dump(mode="json", include=section.model_fields_set)
        for name, value in given.items():
            kept = base.network[part].get(name)
            if "drop" not in name and value != kept:
                raise UsageError(
                    f"{part}.{name} is {value!r}, but {recipe.init_from} has {kept!r}: leave it out"
                )
        changed[part] = validate(
            settings, base.network[part] | given, f"{recipe.init_from}, {part}"
        )
    return recipe.model_copy(update=changed)


def _network(
    recipe: LanguageModelRecipe, base: ModelFolder | None, tokenizer: Tokenizer
) -> nn.Module:
    parts = {"encoder": recipe.encoder.model_dump(), "head": recipe.head.model_dump()}
    network = FAMILY.get(recipe.task).build_network(parts, tokenizer.vocab_size)
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


def remap_vocabulary(
    tensors: dict[str, Tensor], old: Tokenizer, new: Tokenizer
) -> dict[str, Tensor]:
    """Parameters for a new vocabulary: shared pieces keep their rows, new ones take the mean row.

    The mean embedding is the start that ULMFiT gives to new words (arXiv:1801.06146, section 3.2).

    Args:
        tensors: the parameters by name; those with a row a token are remapped.
        old: the tokenizer they were trained with.
        new: the one they are to work with.
    """
    found = [old.id_of(piece) for piece in new.pieces(range(new.vocab_size))]
    known = torch.tensor([id is not None for id in found])
    rows = torch.tensor([0 if id is None else id for id in found])
    result = dict(tensors)
    for name in VOCABULARY_ROWS:
        if name in tensors:
            value = tensors[name]
            mask = known.view(-1, *[1] * (value.ndim - 1))
            result[name] = torch.where(mask, value[rows], value.mean(0, keepdim=True))
    return result
