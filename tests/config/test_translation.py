"""What a translator's recipe may say of its network, and what is said of one that is wrong."""

from __future__ import annotations

import pytest

from textrnn.config import TranslationRecipe, apply_overrides, validate
from textrnn.errors import UsageError

SMALL = {
    "task": "translation",
    "tokenizer": {"kind": "char"},
    "data": {"train": "train", "source": "en", "target": "de"},
    "training": {"steps": 3},
}


def recipe(*overrides: str) -> TranslationRecipe:
    return validate(TranslationRecipe, apply_overrides(SMALL, overrides), "recipe r.yaml")


REFUSED = [
    ("decoder.layer=2", "recipe r.yaml: unknown key decoder.layer; did you mean 'layers'?"),
    ("decoder.attention.king=dot", "unknown key decoder.attention.king; did you mean 'kind'?"),
    ("decoder.bidirectional=true", "unknown key decoder.bidirectional"),
    ("decoder.attention=dot", "decoder.attention is 'dot': input should be a valid dictionary"),
    ("decoder.attention.heads=0", "decoder.attention.heads is 0: input should be greater than or"),
    ("decoder.dropout=1.0", "decoder.dropout is 1.0: input should be less than 1"),
    ("decoder.bridge=3", "decoder.bridge is 3: input should be a valid boolean"),
    ("head.tied=both", "head.tied is 'both': input should be 'none', 'output' or 'all'"),
    ("head.tied=true", "head.tied: true is a truth value: give a number, or text in quotes"),
    ("head.cutoffs=[10]", "unknown key head.cutoffs"),
    ("training.label_smoothing=1.0", "training.label_smoothing is 1.0: input should be less than"),
    ("training.word_dropout=-0.1", "training.word_dropout is -0.1: input should be greater than"),
    ("training.criterion=chrf", "training.criterion is 'chrf': input should be 'loss' or 'bleu'"),
    ("training.bptt=64", "unknown key training.bptt"),
    ("training.activation_regularization=1", "unknown key training.activation_regularization"),
]


@pytest.mark.parametrize(("override", "message"), REFUSED)
def test_what_is_wrong_is_named(override: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        recipe(override)
    assert message in str(raised.value)


def test_bleu_as_criterion_needs_translations() -> None:
    with pytest.raises(UsageError, match="criterion bleu needs evaluate_sentences, the number to"):
        recipe("training.criterion=bleu", "training.evaluate_sentences=0")
    assert recipe("training.criterion=bleu").training.evaluate_sentences > 0


def test_what_is_given_is_there() -> None:
    found = recipe(
        "decoder.attention.kind=multi_head", "decoder.attention.heads=2", "head.tied=all"
    )
    assert found.decoder.attention.options() == {"size": None, "heads": 2}
    assert found.head.tied == "all"
    assert validate(TranslationRecipe, found.model_dump(mode="json"), "again") == found
