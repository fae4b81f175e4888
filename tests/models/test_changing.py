"""Language models that learn, that remember, and that answer together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import babbler
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import textrnn
from textrnn.engines import Cache, Learning
from textrnn.errors import EngineError, GenerationError, ModelFolderError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.models import LanguageModel, session_file
from textrnn.recipe import train

STRANGE = "sat the king.\n" * 20
LEARNING = Learning(learning_rate=1e-2, segment=10)


@pytest.fixture(scope="module")
def other(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same vocabulary that has learnt less."""
    run = tmp_path_factory.mktemp("other") / "run"
    return train(toy_folder / "recipe.yaml", output=run, overrides=["training.steps=20"])


@pytest.fixture(params=["onnx", "torch"])
def lm(request: pytest.FixtureRequest, toy_model: Path) -> Any:
    return textrnn.load(toy_model, engine=request.param, threads=1)


@pytest.fixture
def learner(toy_model: Path) -> Any:
    return textrnn.load(toy_model, engine="torch", threads=1)


def test_a_model_that_adapts(learner: Any) -> None:
    before = learner.score(STRANGE).bits
    adapted = learner.adapt(STRANGE, LEARNING)
    assert adapted.score(STRANGE).bits < 0.7 * before
    assert learner.score(STRANGE).bits == before
    assert adapted.learnt
    assert not learner.learnt
    assert adapted.adapt(STRANGE, LEARNING).score(STRANGE).bits < adapted.score(STRANGE).bits
    with pytest.raises(UsageError, match="3 is of type int: give text"):
        learner.adapt(3)


def test_a_session_that_adapts(learner: Any, tmp_path: Path) -> None:
    """It alone, at its place; what it has learnt is not saved."""
    options: dict[str, Any] = {"temperature": 0, "max_new_tokens": 14}
    session = learner.session("sat")
    session.generate(max_new_tokens=1, temperature=0)
    session.save(tmp_path / "before")
    fork = session.fork()
    session.adapt(STRANGE, LEARNING)
    text = session.generate(**options).text
    assert "sat the k" in text
    assert fork.generate(**options).text != text
    with pytest.raises(GenerationError, match="does not hold what its model has learnt"):
        session.save(tmp_path / "after")
    again = learner.session(state=tmp_path / "before")
    again.adapt(STRANGE, LEARNING)
    assert again.generate(**options).text == text


def test_a_fast_engine_does_not_adapt(toy_model: Path) -> None:
    session = textrnn.load(toy_model, engine="onnx").session("a")  # type: ignore[union-attr]
    with pytest.raises(EngineError, match="the engine onnx cannot learn"):
        session.adapt("text")


def test_a_cache_makes_it_say_again_what_it_said(lm: Any) -> None:
    cached = lm.with_cache(Cache(60, theta=1.0, weight=0.6))
    assert cached.score(STRANGE).bits < 0.7 * lm.score(STRANGE).bits
    text = cached.generate(STRANGE, temperature=0, max_new_tokens=14).text
    assert text == "sat the king.\n"
    assert lm.generate(STRANGE, temperature=0, max_new_tokens=14).text != text
    none = lm.with_cache(Cache(2)).with_cache(Cache(60, theta=1.0, weight=0.6))
    assert none.score(STRANGE).bits == cached.score(STRANGE).bits


@pytest.fixture(params=["cached", "together", "all"])
def changed(request: pytest.FixtureRequest, lm: Any, toy_model: Path, other: Path) -> Any:
    """A model with a cache, an ensemble, and one with both."""
    if request.param != "cached":
        folders = map(open_model_folder, (toy_model, other))
        lm = LanguageModel.open(*folders, engine=lm.engine.name, threads=1)
    return lm if request.param == "together" else lm.with_cache(Cache(20, weight=0.4))


def test_a_text_among_others_is_the_text_alone(changed: Any) -> None:
    """They join at different times, as there are more than places."""
    prompts = ["the cat", "", "a dog ran.\nthe", "king"]
    options: dict[str, Any] = {"seed": 3, "max_new_tokens": 25}
    alone = [changed.generate(prompt, **options).text for prompt in prompts]
    pool = changed.pool(rows=2)
    asked = [pool.submit(prompt, **options) for prompt in prompts]
    assert [request.result().text for request in asked] == alone
    assert "".join(changed.stream(prompts[0], **options)) == alone[0]
    best = changed.generate(prompts, beam_size=3, max_new_tokens=8)
    assert [one.text for one in best] == [
        changed.generate(prompt, beam_size=3, max_new_tokens=8).text for prompt in prompts
    ]


def test_a_session_is_saved_with_all(changed: Any, tmp_path: Path) -> None:
    session, whole = changed.session("the"), changed.session("the")
    text = session.generate(seed=1, max_new_tokens=20).text
    session.save(tmp_path / "state")
    text += changed.session(state=tmp_path / "state").generate(max_new_tokens=20).text
    assert text == whole.generate(seed=1, max_new_tokens=40).text
    with pytest.raises(GenerationError, match="was saved with"):
        babbler().session(state=tmp_path / "state")


def test_another_cache_does_not_go_on(lm: Any, tmp_path: Path) -> None:
    session = lm.with_cache(Cache(5)).session("the")
    session.generate(max_new_tokens=9)
    session.save(tmp_path / "state")
    for other in (Cache(6), Cache(5, theta=1.0), Cache(5, weight=0.3)):
        with pytest.raises(GenerationError, match=r"saved with cache .* not .*: give the model"):
            lm.with_cache(other).session(state=tmp_path / "state")
    lm.with_cache(Cache(5)).session(state=tmp_path / "state")


def test_a_session_of_an_earlier_version_does_not_say_which_cache_it_had(
    lm: Any, tmp_path: Path
) -> None:
    path, session = tmp_path / "state", lm.with_cache(Cache(5)).session("the")
    session.generate(max_new_tokens=9, seed=1)
    session.save(path)
    arrays = load_file(path)
    with safe_open(path, framework="numpy") as file:
        fields = json.loads(file.metadata()["textrnn_session"].partition(" ")[2])
    del fields["cache"]
    text = json.dumps(fields, sort_keys=True)
    save_file(arrays, path, {"textrnn_session": f"{session_file._digest(arrays, text)} {text}"})
    again = lm.with_cache(Cache(5)).session(state=path)
    assert again.generate(max_new_tokens=5) == session.generate(max_new_tokens=5)
    with pytest.raises(GenerationError, match="their cache has another size"):
        lm.with_cache(Cache(6)).session(state=path)
    with pytest.raises(GenerationError, match=r"engine .\w+\+cache.*with a neural cache"):
        lm.session(state=tmp_path / "state")


def test_models_that_answer_together(toy_model: Path, other: Path, lm: Any) -> None:
    first, second = map(open_model_folder, (toy_model, other))
    both: Any = LanguageModel.open(first, second, engine=lm.engine.name)
    text = "the king sang.\n"
    bits = [one.score(text) for one in (lm, textrnn.load(other, engine=lm.engine.name), both)]
    for mine, theirs, mean in zip(*(one.tokens for one in bits), strict=True):
        assert 2**-mean.bits == pytest.approx((2**-mine.bits + 2**-theirs.bits) / 2, rel=1e-3)
    assert both.parameters_sha256 not in (first.parameters_sha256, second.parameters_sha256)
    assert lm.parameters_sha256 == first.parameters_sha256


def test_an_ensemble_adapts(toy_model: Path, other: Path) -> None:
    folders = map(open_model_folder, (toy_model, other))
    both = LanguageModel.open(*folders, engine="torch").with_cache(Cache(10))
    adapted = both.adapt(STRANGE, LEARNING)
    assert adapted.score(STRANGE).bits < 0.7 * both.score(STRANGE).bits


def test_models_of_other_vocabularies(
    toy_model: Path, toy_folder: Path, toy_classifier: Path, tmp_path: Path
) -> None:
    words = train(
        toy_folder / "recipe.yaml",
        output=tmp_path / "words",
        overrides=["training.steps=1", "tokenizer.kind=word"],
    )
    first = open_model_folder(toy_model)
    with pytest.raises(UsageError, match=r"has another vocabulary than .*: models that answer"):
        LanguageModel.open(first, open_model_folder(words))
    with pytest.raises(ModelFolderError, match="a model for classification, not a language model"):
        LanguageModel.open(first, open_model_folder(toy_classifier))
