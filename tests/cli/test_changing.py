"""``--dynamic``, ``--adapt``, ``--cache`` and ``--ensemble``, on the toy model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textrnn.models import LanguageModel
from textrnn.recipe import train

STRANGE = "sat the king.\n" * 30
NAMES = ["loss", "perplexity", "word_perplexity", "bits_per_byte"]
COUNTS = ["tokens", "words", "bytes"]


@pytest.fixture(scope="module")
def other(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same vocabulary that has learnt less."""
    run = tmp_path_factory.mktemp("other") / "run"
    return train(toy_folder / "recipe.yaml", output=run, overrides=["training.steps=20"])


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    path = tmp_path / "strange.txt"
    path.write_text(STRANGE)
    return path


@pytest.fixture
def evaluate(run: Callable, toy_model: Path, strange: Path) -> Callable:
    """Runs ``textrnn evaluate`` on the strange text; gives its one record."""

    def run_evaluate(*words: object) -> dict[str, Any]:
        done = run("evaluate", "-m", toy_model, "--data", strange, "--json", *words)
        assert done.code == 0, done.err
        (record,) = done.records
        return record

    return run_evaluate


def test_scores_without_and_with_a_cache(evaluate: Callable) -> None:
    """By both engines alike."""
    words = ("--cache", 60, "--cache-theta", 0.8, "--cache-lambda", 0.4, "--engine")
    fast, slow = (evaluate(*words, engine) for engine in ("onnx", "torch"))
    assert fast["cache"] == {"size": 60, "theta": 0.8, "weight": 0.4}
    cached = [f"cached_{name}" for name in (*NAMES, "gain")]
    assert list(fast)[-13:] == [*NAMES, *COUNTS, *cached, "unknown"]
    assert fast["cached_perplexity"] < 0.8 * fast["perplexity"]
    assert fast["cached_gain"] == pytest.approx(1 - fast["cached_perplexity"] / fast["perplexity"])
    for name in ("perplexity", "cached_perplexity"):
        assert fast[name] == pytest.approx(slow[name], rel=0.02)


def test_scores_while_it_learns(evaluate: Callable, toy_folder: Path) -> None:
    given = ("--learning-rate", "1e-2", "--decay", "0", "--segment", 10)
    found = evaluate("--dynamic", *given)
    assert found["dynamic"]["segment"] == 10
    assert found["dynamic_perplexity"] < 0.8 * found["perplexity"]
    assert "cached_perplexity" not in found
    statistics = evaluate("--dynamic", *given, "--statistics", toy_folder / "train.txt")
    assert statistics["statistics"] == str(toy_folder / "train.txt")
    assert statistics["dynamic_perplexity"] != found["dynamic_perplexity"]
    assert statistics["dynamic_gain"] > 0
    both = evaluate("--dynamic", *given, "--cache", 50)
    assert both["dynamic_perplexity"] == pytest.approx(found["dynamic_perplexity"])
    ways = [name.removesuffix("_gain") for name in both if name.endswith("_gain")]
    assert ways == ["cached", "dynamic", "dynamic_cached"]
    assert both["dynamic_cached_perplexity"] < both["cached_perplexity"]


def test_scores_of_several_models(evaluate: Callable, other: Path) -> None:
    alone, both = evaluate(), evaluate("--ensemble", other)
    assert both["ensemble"] == [str(other)]
    assert both["perplexity"] != alone["perplexity"]
    assert evaluate("--ensemble", other, "--cache", 60, "--cache-theta", 0.8)["cached_gain"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cache", "0"], "--cache is 0: give a whole number of at least 1"),
        (["--cache", "5", "--cache-theta", "-1"], "--cache-theta is -1.0: give a number of at"),
        (["--cache", "5", "--cache-lambda", "1"], "--cache-lambda is 1.0: give a number between"),
        (["--cache-theta", "1"], "--cache-theta applies beside --cache only: give both"),
        (["--cache-lambda", "1"], "--cache-lambda applies beside --cache only"),
        (["--dynamic", "--learning-rate", "0"], "--learning-rate is 0.0: give a number above 0"),
        (["--dynamic", "--decay", "2"], "--decay is 2.0: give a number from 0 to 1"),
        (["--dynamic", "--segment", "0"], "--segment is 0: give a whole number"),
        (["--learning-rate", "1"], "--learning-rate applies beside --dynamic only"),
        (["--decay", "1"], "--decay applies beside --dynamic only"),
        (["--segment", "1"], "--segment applies beside --dynamic only"),
        (["--statistics", "x"], "--statistics applies beside --dynamic only"),
        (["--cache", "5", "--compare", "x"], "--cache does not apply beside --compare"),
        (["--dynamic", "--compare", "x"], "--dynamic does not apply beside --compare"),
        (["--cache", "5", "--minimal-pairs", "x"], "--cache does not apply beside --minimal-pairs"),
    ],
)
def test_what_evaluate_refuses(
    run: Callable, toy_model: Path, strange: Path, words: list[str], message: str
) -> None:
    data = [] if "--minimal-pairs" in words else ["--data", strange]
    done = run("evaluate", "-m", toy_model, *data, *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "onnx"], "the engine onnx cannot learn, as it has no gradients"),
        (["--learning-rate", "1e38"], "no longer a number: give a lower learning rate than 1e+38"),
    ],
)
def test_what_cannot_learn(
    run: Callable, toy_model: Path, strange: Path, words: list[str], message: str
) -> None:
    done = run("evaluate", "-m", toy_model, "--data", strange, "--dynamic", *words)
    assert (done.code, done.out) == (1, "")
    assert message in done.err


def test_other_models_neither_learn_nor_remember(
    run: Callable, toy_translator: Path, pairs_folder: Path, toy_classifier: Path, strange: Path
) -> None:
    done = run("evaluate", "-m", toy_translator, "--data", pairs_folder / "test", "--dynamic")
    assert done.code == 2
    assert "--dynamic does not apply to a translator" in done.err
    done = run("evaluate", "-m", toy_classifier, "--data", strange, "--cache", 5)
    assert done.code == 2
    assert "--cache does not apply to a classifier" in done.err


@pytest.fixture
def generate(run: Callable, toy_model: Path) -> Callable:
    """Runs ``textrnn generate`` greedily on the toy model."""

    def run_generate(*words: object) -> Any:
        greedy = ("--temperature", 0, "--max-new-tokens", 13, "-p", "sat")
        return run("generate", "-m", toy_model, *greedy, *words)

    return run_generate


def test_writing_after_learning(generate: Callable, strange: Path, toy_model: Path) -> None:
    before = {path: path.read_bytes() for path in toy_model.rglob("*") if path.is_file()}
    given = ("--learning-rate", "1e-2", "--decay", "0", "--segment", 10)
    done = generate("--adapt", strange, *given)
    assert done.out.startswith("sat the king.")
    assert not generate().out.startswith("sat the king.")
    assert generate("--adapt", strange, *given, "--cache", 9).out.startswith("sat the king.")
    assert {path: path.read_bytes() for path in before} == before


def test_writing_with_a_cache_and_others(generate: Callable, other: Path, tmp_path: Path) -> None:
    plain = generate().out
    assert generate("--cache", 2, "--cache-lambda", "0.9").out != plain
    assert generate("--ensemble", other, "--cache", 5).code == 0
    state = tmp_path / "state"
    assert generate("--cache", 5, "--save-state", state).code == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--adapt", "FILE", "--save-state", "s"], 2, "--save-state does not apply to --adapt"),
        (["--adapt", "FILE", "--engine", "onnx"], 1, "the engine onnx cannot learn"),
        (["--adapt", "FILE", "--segment", "0"], 2, "--segment is 0"),
        (["--segment", "3"], 2, "--segment applies beside --adapt only"),
        (["--adapt", "nothing.txt"], 1, "cannot read nothing.txt: No such file"),
        (["--cache", "-1"], 2, "--cache is -1"),
        (["--ensemble", "nothing"], 2, "nothing"),
    ],
)
def test_what_generate_refuses(
    generate: Callable, strange: Path, words: list[str], code: int, message: str
) -> None:
    done = generate(*(strange if word == "FILE" else word for word in words))
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_learning_beside_a_saved_state(
    run: Callable, toy_model: Path, strange: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, words = tmp_path / "state", ("generate", "-m", toy_model, "--max-new-tokens", 5)
    learnt = ("--state", state, "--adapt", strange, "--temperature", 0)
    assert run(*words, "-p", "sat", "--save-state", state, "--engine", "torch").code == 0
    assert run(*words, *learnt).code == 0
    assert run(*words, "-p", "sat", "--save-state", state).code == 0
    monkeypatch.setattr(LanguageModel, "adapt", None)  # it does not come to that
    done = run(*words, *learnt)
    assert (done.code, done.out) == (1, "")
    assert "not 'torch': open the model with that engine, or save the session with" in done.err


def test_a_text_on_stdin(run: Callable, toy_model: Path) -> None:
    words = ("-p", "sat", "--temperature", 0, "--max-new-tokens", 13, "--learning-rate", "2e-2")
    done = run("generate", "-m", toy_model, "--adapt", "-", *words, piped=STRANGE)
    assert done.out.startswith("sat the king.")


def test_a_text_that_is_not_utf8(generate: Callable, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    done = generate("--adapt", tmp_path / "latin")
    assert (done.code, done.out) == (1, "")
    assert "latin is not UTF-8: byte 0xe9 at offset 3" in done.err
