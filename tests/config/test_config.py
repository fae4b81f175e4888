"""What a recipe may say, and what is said of one that is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from textrnn.config import (
    EncoderSettings,
    LanguageModelRecipe,
    Settings,
    TokenizerSection,
    apply_overrides,
    override_pairs,
    read_yaml,
    settings,
    validate,
)
from textrnn.errors import UsageError

SMALL = {
    "task": "language_modeling",
    "tokenizer": {"kind": "char"},
    "data": {"train": "train.txt"},
    "training": {"steps": 3},
}


def recipe(*overrides: str) -> LanguageModelRecipe:
    return validate(LanguageModelRecipe, apply_overrides(SMALL, overrides), "recipe r.yaml")


REFUSED = [
    # unknown keys, with their path and the closest known one
    ("encoder.layer=2", "recipe r.yaml: unknown key encoder.layer; did you mean 'layers'?"),
    ("trainin.steps=1", "unknown key trainin; did you mean 'training'?"),
    (
        "training.optimizer.learning_rat=1",
        "unknown key training.optimizer.learning_rat; did you mean 'learning_rate'?",
    ),
    ("training.unfreeze.evry=1", "unknown key training.unfreeze.evry; did you mean 'every'?"),
    ("training.optimizer.lr=1", "unknown key training.optimizer.lr"),
    # types
    ("encoder.layers=two", "encoder.layers is 'two': input should be a valid integer"),
    ("encoder.layers=2.5", "encoder.layers is 2.5: input should be a valid integer"),
    ("encoder.layers=yes", "encoder.layers: true is a truth value: give a number"),
    ("encoder.dropout=no", "encoder.dropout: false is a truth value: give a number"),
    ("encoder.cell=no", "encoder.cell: false is a truth value: give a number, or text in quotes"),
    ("data.train=5", "data.train is 5: input should be a valid string (and 1 more)"),
    ("data.train=[a.txt, 5]", "data.train is ['a.txt', 5]: input should be a valid string"),
    ("card.summary=2020-01-01", "card.summary is datetime.date(2020, 1, 1): input should be a"),
    ("training=5", "training is 5: input should be a valid dictionary"),
    ("encoder=null", "encoder is None: input should be a valid dictionary"),
    ("generation.temperature=hot", "generation.temperature is 'hot': input should be a valid num"),
    ("training.optimizer.betas=[0.9]", "training.optimizer.betas.1 is missing"),
    # ranges
    ("encoder.dropout=1.0", "encoder.dropout is 1.0: input should be less than 1"),
    ("encoder.weight_drop=-0.1", "encoder.weight_drop is -0.1: input should be greater than or eq"),
    ("encoder.hidden_size=0", "encoder.hidden_size is 0: input should be greater than or equal"),
    ("encoder.hidden_size=65537", "encoder.hidden_size is 65537: input should be less than or eq"),
    ("training.optimizer.learning_rate=0", "learning_rate is 0: input should be greater than 0"),
    ("training.optimizer.learning_rate=.nan", "learning_rate is nan: input should be a finite nu"),
    ("training.epochs=.inf", "training.epochs is inf: input should be a finite number"),
    ("training.seed=-1", "training.seed is -1: input should be greater than or equal to 0"),
    (f"training.seed={2**70}", f"training.seed is {2**70}: input should be less than {2**63}"),
    ("tokenizer.vocab_size=4", "tokenizer.vocab_size is 4: input should be greater than or equa"),
    # choices
    ("task=translation", "task is 'translation': input should be 'language_modeling'"),
    ("training.precision=fp16", "training.precision is 'fp16': input should be 'float32' or 'bf1"),
    ("tokenizer.kind=wordpiece", "tokenizer.kind is 'wordpiece': input should be 'sentencepiece'"),
    ("data.documents=page", "data.documents is 'page': input should be 'file', 'blank_line', "),
    # what does not go together
    ("tokenizer.path=here", "tokenizer: with path, the tokenizer exists already: leave out kind"),
    ("tokenizer=null", "tokenizer is missing: give its kind, or the path of one"),
    ("data.train=null", "data.train is missing: name the training text"),
    ("encoder.bidirectional=true", "encoder.bidirectional: a language model reads in one direct"),
    ("head.cutoffs=[5]", "head: an adaptive softmax has no tied weight: with cutoffs, set head."),
    ("head={tied: false, cutoffs: [9, 5]}", "head: cutoffs must rise, each one larger than the"),
    ("training.steps=null", "training: a run needs an end: set epochs, steps or minutes"),
    (
        "training={steps: 1, average: 0.9, optimizer: {kind: nt_asgd}}",
        "training: average does not apply to nt_asgd, which averages by itself",
    ),
]


@pytest.mark.parametrize(("override", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_wrong_setting_is_refused_by_its_path(override: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        recipe(override)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


FOREIGN = [
    ("optimizer", kind, name)
    for kind, names in {
        "adamw": ("momentum", "patience"),
        "sgd": ("betas", "epsilon", "patience"),
        "nt_asgd": ("betas", "epsilon", "momentum"),
    }.items()
    for name in names
] + [
    ("schedule", kind, name)
    for kind, names in {
        "constant": ("final", "peak_at", "factor", "patience"),
        "cosine": ("peak_at", "factor", "patience"),
        "linear": ("peak_at", "factor", "patience"),
        "one_cycle": ("factor", "patience"),
        "slanted_triangular": ("final", "factor", "patience"),
        "plateau": ("final", "peak_at"),
    }.items()
    for name in names
]
VALUES = {"betas": "[0.8, 0.9]", "patience": "2"}


def test_a_misspelt_key_is_named_before_the_missing_one() -> None:
    data = {("trainin" if key == "training" else key): value for key, value in SMALL.items()}
    with pytest.raises(UsageError, match=r"unknown key trainin; did you mean 'training'\? \(and 1"):
        validate(LanguageModelRecipe, data, "recipe r.yaml")
    with pytest.raises(UsageError, match=r"^recipe r.yaml: data is missing$"):
        validate(
            LanguageModelRecipe,
            {key: value for key, value in SMALL.items() if key != "data"},
            "recipe r.yaml",
        )


@pytest.mark.parametrize(("section", "kind", "name"), FOREIGN)
def test_a_setting_of_another_kind_is_refused(section: str, kind: str, name: str) -> None:
    path = f"training.{section}"
    with pytest.raises(UsageError, match=f"{path}: {name} does not apply to {kind}, only to "):
        recipe(f"{path}.kind={kind}", f"{path}.{name}={VALUES.get(name, '0.5')}")


def test_yaml_reads_1e_3_as_text_and_the_settings_as_a_number(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("learning_rate: 1e-3\n")
    assert read_yaml(file) == {"learning_rate": "1e-3"}
    assert recipe("training.optimizer.learning_rate=1e-3").training.optimizer.learning_rate == 1e-3
    assert recipe("training.epochs=1e1").training.epochs == 10.0


def sections(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [
        value for value in vars(settings).values() if isinstance(value, type) and value is not model
    ]
    return [value for value in found if issubclass(value, model)]


@pytest.mark.parametrize("section", sections(Settings))
def test_every_section_refuses_unknown_keys_and_changes(section: type[BaseModel]) -> None:
    with pytest.raises(UsageError, match="unknown key no_such_key"):
        validate(section, {"no_such_key": 1}, "here")
    assert section.model_config["frozen"]


@given(
    st.builds(
        EncoderSettings,
        cell=st.sampled_from(["rnn", "lstm", "gru"]),
        hidden_size=st.integers(1, 65_536),
        output_size=st.none() | st.integers(1, 65_536),
        layers=st.integers(1, 64),
        dropout=st.floats(0, 1, exclude_max=True),
        layer_norm=st.booleans(),
    )
)
def test_settings_survive_json(encoder: EncoderSettings) -> None:
    assert EncoderSettings.model_validate(encoder.model_dump(mode="json")) == encoder
    sizes = [encoder.layer_size(layer) for layer in range(encoder.layers)]
    assert set(sizes[:-1]) <= {encoder.hidden_size}
    assert sizes[-1] == (encoder.output_size or encoder.hidden_size)


def test_a_tokenizer_section_gives_on_what_was_given() -> None:
    section = TokenizerSection(kind="word", min_frequency=2, lowercase=False)
    assert section.given() == {"kind": "word", "min_frequency": 2, "lowercase": False}


def test_overrides_are_laid_over_and_the_data_is_left_alone() -> None:
    data = {"training": {"epochs": 1, "optimizer": None}, "seed": 1}
    result = apply_overrides(
        data, ["training.optimizer.kind=sgd", "training.epochs=", "data.train=[a, b]", "seed=2"]
    )
    assert result == {
        "training": {"epochs": None, "optimizer": {"kind": "sgd"}},
        "seed": 2,
        "data": {"train": ["a", "b"]},
    }
    assert data == {"training": {"epochs": 1, "optimizer": None}, "seed": 1}


def test_overrides_may_be_a_mapping_and_the_later_one_wins() -> None:
    assert override_pairs({"a.b": 1}) == [("a.b", 1)]
    assert apply_overrides({}, {"a.b": "x=y"}) == {"a": {"b": "x=y"}}
    assert apply_overrides({}, ["a=1", "a=x=y"]) == {"a": "x=y"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "override 'training.epochs': write key.path=value, for example tr"),
        ("=3", "override '=3': write key.path=value"),
        ("training..epochs=3", "override 'training..epochs=3': write key.path=value"),
        ("a=[1", r"override 'a=\[1': the value is not YAML \("),
        ("training.steps.x=1", "override training.steps.x: training.steps is a value, not a sect"),
    ],
)
def test_an_override_that_is_none_is_refused(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        apply_overrides(SMALL, [override])


WRITTEN: dict[str, tuple[bytes, str]] = {
    "text": (b"just text", "is not a mapping of keys to values"),
    "nothing": (b"", "is not a mapping of keys to values"),
    "numbered": (b"1: a\n", "is not a mapping of keys to values"),
    "broken": (b"a: [1\nb: 2\n", "is not YAML: while parsing"),
    "tabbed": (b"a:\n\tb: 1\n", "is not YAML: while scanning"),
    "latin": ("é: 1".encode("latin-1"), "is not YAML: 'utf-8' codec"),
    "tagged": (b"a: !!python/object/apply:os.getcwd []\n", "is not YAML: could not determine"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_is_no_recipe_is_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(WRITTEN[name][0])
    with pytest.raises(UsageError, match=f"recipe {file} {WRITTEN[name][1]}"):
        read_yaml(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"recipe .*none\.yaml: No such file or directory"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match=r"recipe .*: Is a directory"):
        read_yaml(tmp_path)


def test_a_date_in_a_recipe_is_reported_by_its_key() -> None:
    """YAML knows dates, JSON does not."""
    dated = SMALL | {"card": {"summary": date.min}}
    with pytest.raises(UsageError, match=r"card.summary is datetime.date\(1, 1, 1\)"):
        validate(LanguageModelRecipe, apply_overrides(dated, []), "r")
