"""``textrnn generate``, option by option, on the toy model."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import textrnn
from textrnn.generation import Batch
from textrnn.model_folder import open_model_folder
from textrnn.models import LanguageModel

FIELDS = ["prompt", "text", "token_ids", "logprobs", "finish_reason", "seed", "index"]


@pytest.fixture(scope="module")
def lm(toy_model: Path) -> LanguageModel:
    return textrnn.load(toy_model)


@pytest.fixture
def generate(run: Callable, toy_model: Path) -> Callable:
    """Runs ``textrnn generate`` on the toy model."""

    def run_generate(*words: object, piped: str | bytes | None = None) -> Any:
        return run("generate", "-m", toy_model, *words, piped=piped)

    return run_generate


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--max-new-tokens", "9"], {"max_new_tokens": 9}),
        (["--min-new-tokens", "30"], {"min_new_tokens": 30}),
        (["--stop", "sa", "--stop", "ra"], {"stop": ["sa", "ra"]}),
        (["--temperature", "0"], {"temperature": 0.0}),
        (["--temperature", "1.7"], {"temperature": 1.7}),
        (["--top-k", "2"], {"top_k": 2}),
        (["--top-p", "0.5"], {"top_p": 0.5}),
        (["--min-p", "0.3"], {"min_p": 0.3}),
        (["--typical-p", "0.4"], {"typical_p": 0.4}),
        (["--repetition-penalty", "1.5"], {"repetition_penalty": 1.5}),
        (["--presence-penalty", "2"], {"presence_penalty": 2.0}),
        (["--frequency-penalty", "2"], {"frequency_penalty": 2.0}),
        (["--no-repeat-ngram-size", "3"], {"no_repeat_ngram_size": 3}),
        (["--ban", "cat", "--ban", "dog"], {"ban": ["cat", "dog"]}),
        (["--logit-bias", "7=-2", "--logit-bias", "8=3"], {"logit_bias": {7: -2.0, 8: 3.0}}),
        (["-n", "3"], {"num_samples": 3}),
        (["--beam-size", "3"], {"beam_size": 3}),
        (["--beam-size", "3", "--length-penalty", "2"], {"beam_size": 3, "length_penalty": 2.0}),
        (["--seed", "5"], {"seed": 5}),
        (["--engine", "onnx", "--device", "cpu", "--threads", "1"], {}),
    ],
)
def test_an_option_is_the_library_s(
    generate: Callable, lm: LanguageModel, words: list[str], options: dict[str, Any]
) -> None:
    options = {"max_new_tokens": 40, "seed": 1} | options
    words = [*words, *(["--seed", "1"] if "--seed" not in words else [])]
    words = [*words, *(["--max-new-tokens", "40"] if "--max-new-tokens" not in words else [])]
    expected = lm.generate("the ", **options)
    expected = expected if isinstance(expected, list) else [expected]
    done = generate("-p", "the ", "--json", *words)
    assert (done.code, done.err) == (0, "")
    assert [list(record) for record in done.records] == [FIELDS] * len(expected)
    assert done.records == [result.as_dict() for result in expected]


def test_rules_apply_in_the_order_given(generate: Callable) -> None:
    words = ("-p", "a", "--json", "--seed", "1", "--rule", "top_k=4", "--rule", "temperature=2")
    assert generate(*words).records[0]["finish_reason"] in ("eos", "length")
    swapped = generate(
        "-p", "a", "--json", "--seed", "1", "--rule", "ban=cat", "--rule", "top_p=0.5"
    )
    assert "cat" not in swapped.records[0]["text"]


def test_the_prompt_comes_before_its_text(generate: Callable, lm: LanguageModel) -> None:
    text = lm.generate("the k", max_new_tokens=20, seed=3).text
    done = generate("-p", "the k", "--max-new-tokens", "20", "--seed", "3")
    assert done.out.rstrip("\n") == ("the k" + text).rstrip("\n")
    assert done.out.endswith("\n")


def test_several_texts_are_told_apart(generate: Callable) -> None:
    done = generate("-p", "the", "-p", "a", "-n", "2", "--seed", "1", "--max-new-tokens", "5")
    assert done.lines.count("---") == 3
    assert [text[0] for text in done.out.split("---\n")] == ["t", "t", "a", "a"]


def test_a_line_for_a_line(generate: Callable, tmp_path: Path) -> None:
    options = ("--seed", "1", "--max-new-tokens", "30")
    done = generate(*options, piped="the cat\n\na dog\n")
    assert [line[:5] for line in done.lines] == ["the c", "", "a dog"]
    assert done.lines[0].endswith(".\\n")
    prompts = tmp_path / "prompts"
    prompts.write_text("the cat\n\na dog")
    output = tmp_path / "texts"
    assert generate(*options, "--input", prompts, "--output", output).out == ""
    assert output.read_text() == done.out
    assert generate(*options, "-p", "-", piped="the cat\n\na dog\n").out == done.out
    assert generate(*options, "-i", "-", "--stream", piped="the cat\n\na dog\n").out == done.out


def test_a_line_for_a_line_in_json(generate: Callable) -> None:
    done = generate("--json", "--seed", "1", "--max-new-tokens", "4", piped="the\n\na\n")
    assert [list(record) for record in done.records] == [FIELDS] * 3
    assert [record["prompt"] for record in done.records] == ["the", "", "a"]
    assert {record["seed"] for record in done.records} == {1}
    empty = {"prompt": "", "text": "", "token_ids": [], "logprobs": [], "finish_reason": None}
    assert done.records[1] == {**empty, "seed": 1, "index": 0}


def test_an_empty_prompt_is_the_beginning_of_a_text(generate: Callable) -> None:
    for words in ([], ["-p", ""]):
        done = generate(*words, "--seed", "2", "--max-new-tokens", "10", "--json")
        assert done.records[0]["prompt"] == ""
        assert done.records[0]["text"]


def test_no_lines_give_no_text(generate: Callable) -> None:
    assert generate(piped="").out == ""


def test_streaming_writes_the_same(generate: Callable) -> None:
    words = ("-p", "the ", "--seed", "4", "--max-new-tokens", "50")
    assert generate(*words, "--stream").out == generate(*words, "--no-stream").out


def test_a_terminal_is_streamed_to(generate: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    streamed = []
    original = LanguageModel.stream

    def stream(self: LanguageModel, *words: Any, **options: Any) -> Any:
        streamed.append(words[0])
        return original(self, *words, **options)

    monkeypatch.setattr(LanguageModel, "stream", stream)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    words = ("--max-new-tokens", "5", "--seed", "1")
    generate("-p", "a", *words)
    assert streamed == ["a"]
    for more in (["--no-stream"], ["--json"], ["-n", "2"], ["--beam-size", "2"]):
        generate("-p", "a", *(words if "--beam-size" not in more else words[:2]), *more)
    assert streamed == ["a"]


def test_a_state_goes_on_bit_for_bit(generate: Callable, tmp_path: Path) -> None:
    state, endless = tmp_path / "state", ("--json", "--logit-bias", "3=-inf")
    begin = ("-p", "the ", "--seed", "7", *endless)
    whole = generate(*begin, "--max-new-tokens", "60").records[0]
    kept = generate(*begin, "--max-new-tokens", "60", "--save-state", state).records[0]
    assert kept == whole
    begun = generate(*begin, "--max-new-tokens", "3", "--save-state", state).records[0]
    rest = ("--state", state, "--max-new-tokens", "4", *endless)
    one, two = generate(*rest).records[0], generate(*rest).records[0]
    assert one == two
    assert begun["token_ids"] + one["token_ids"] == whole["token_ids"][:7]
    plain = generate(*rest[:4], *endless[1:], "--save-state", state).out
    assert plain.rstrip("\n") == one["text"].rstrip("\n")
    assert generate(*rest).records[0]["token_ids"] == whole["token_ids"][7:11]


def test_an_interruption_keeps_text_and_state(
    generate: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, output = tmp_path / "state", tmp_path / "out"
    from textrnn.models import Session

    def stream(self: Session, *words: Any, **options: Any) -> Any:
        yield "and so"
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "stream", stream)
    done = generate("-p", "the ", "--save-state", state, "--output", output)
    assert done.code == 130
    assert output.read_text() == "the and so"
    assert state.exists()


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets Ctrl-C come in the place of a step of the model, so many steps being made before."""

    def interrupt(steps: int) -> None:
        original, count = Batch.step, itertools.count()

        def step(self: Batch) -> Any:
            if next(count) == steps:
                raise KeyboardInterrupt
            return original(self)

        monkeypatch.setattr(Batch, "step", step)

    return interrupt


def test_an_interruption_keeps_the_texts_so_far(
    generate: Callable, interrupted: Callable, tmp_path: Path
) -> None:
    output, words = tmp_path / "out", ("--seed", "7", "--logit-bias", "3=-inf", "--json")
    texts = "the \n\na\nking"
    whole = generate(*words, "--max-new-tokens", "9", piped=texts).records
    interrupted(9)
    done = generate(*words, "--max-new-tokens", "90", "-o", output, piped=texts)
    assert (done.code, done.err.splitlines()[-1]) == (130, "textrnn: error: interrupted")
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert records == [{**record, "finish_reason": None} for record in whole]
    interrupted(0)
    done = generate(*words, "-p", "the ", "-o", tmp_path / "none")
    assert (done.code, (tmp_path / "none").exists()) == (130, False)


def test_an_interruption_of_a_session_keeps_the_record(
    generate: Callable, interrupted: Callable, tmp_path: Path
) -> None:
    state, words = tmp_path / "state", ("--logit-bias", "3=-inf", "--json")
    begin = ("-p", "the ", "--seed", "7", *words)
    whole = generate(*begin, "--max-new-tokens", "12").records[0]
    interrupted(9)
    done = generate(*begin, "--save-state", state)
    assert (done.code, done.records[0]["finish_reason"]) == (130, None)
    rest = generate("--state", state, *words, "--max-new-tokens", "3").records[0]
    assert done.records[0]["token_ids"] + rest["token_ids"] == whole["token_ids"]


def test_a_state_that_cannot_be_saved_is_refused_before_the_text(
    generate: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textrnn.cli.generate.open_language_model", None)  # none is opened
    for path, reason in ((tmp_path / "no" / "s", "No such file"), (tmp_path, "Is a directory")):
        done = generate("-p", "a", "--save-state", path)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert f"cannot write {path}: {reason}" in done.err


def test_what_the_vocabulary_lacks_is_warned_of(generate: Callable) -> None:
    done = generate("-p", "the König", "--max-new-tokens", "3")
    assert done.code == 0
    assert done.err == (
        "textrnn: warning: the model's vocabulary lacks 'K', 'ö': read as unknown\n"
    )
    assert generate("-p", "the König", "--max-new-tokens", "3", "--quiet").err == ""
    many = generate("-p", "ABCDEFGHIJKL", "--max-new-tokens", "3").err
    assert "and 2 more: read as unknown" in many


def test_the_seed_is_said_where_asked(generate: Callable) -> None:
    assert "textrnn: seed 3\n" in generate("-p", "a", "--seed", "3", "--verbose").err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--top-p", "0.5", "--beam-size", "2"], "--top-p does not apply to beam search"),
        (["--num-samples", "2", "--beam-size", "2"], "--num-samples does not apply"),
        (["--temperature", "0", "--top-k", "3"], "--top-k does not apply to greedy choice"),
        (["--length-penalty", "1"], "--length-penalty applies to beam search only"),
        (["--state", "f", "-p", "a"], "--prompt does not apply to --state"),
        (["--state", "f", "-i", "a"], "--input does not apply to --state"),
        (["--save-state", "f", "-p", "a", "-p", "b"], "--save-state applies to one text"),
        (["--save-state", "f"], "--save-state applies to one text"),
        (["--save-state", "f", "-p", "a", "-n", "2"], "--num-samples"),
        (["--save-state", "f", "-p", "a", "--beam-size", "2"], "--beam-size"),
        (["--stream", "--json"], "--stream does not apply to --json"),
        (["--stream", "--beam-size", "2"], "--stream does not apply to --beam-size"),
        (["--stream", "-n", "2"], "--stream does not apply to --num-samples"),
        (["-p", "a", "-i", "f"], "a text and --input were given"),
        (["--max-new-tokens", "0"], "--max-new-tokens is 0"),
        (["--max-new-tokens", "-5"], "--max-new-tokens is -5"),
        (["--max-new-tokens", "3", "--min-new-tokens", "4"], "--min-new-tokens"),
        (["--temperature", "-1"], "--?temperature is -1"),
        (["--temperature", "nan"], "temperature is nan"),
        (["--top-k", "-1"], "--top-k is -1"),
        (["--top-p", "1.5"], "--top-p is 1.5"),
        (["--top-p", "inf"], "--top-p is inf"),
        (["--min-p", "2"], "--min-p is 2"),
        (["--typical-p", "-1"], "--typical-p is -1"),
        (["--repetition-penalty", "0"], "--repetition-penalty is 0"),
        (["--no-repeat-ngram-size", "-1"], "--no-repeat-ngram-size is -1"),
        (["-n", "0"], "--num-samples is 0"),
        (["--beam-size", "0"], "--beam-size is 0"),
        (["--stop", ""], "--stop has an empty text"),
        (["--ban", ""], "--ban has an empty text"),
        (["--logit-bias", "x"], "--logit-bias 'x': write ID=X"),
        (["--logit-bias", "99999=1"], "--logit-bias 99999"),
        (["--rule", "top_k"], "'top_k' has no value"),
        (["--rule", "topk=3"], "no rule 'topk'.*did you mean 'top_k'"),
        (["--engine", "oonx"], "no engine 'oonx'"),
        (["--device", "gpu"], "no device 'gpu'"),
        (["--threads", "4096"], "--threads is 4096"),
        (["--temperature", "0", "--min-p", "0.5"], r"greedy choice \(--temperature 0\)"),
        (["--save-state", ""], "'--save-state': the name is empty, give one"),
        (["--output", ""], "'--output' / '-o': the name is empty, give one"),
        (["--model", ""], "'--model' / '-m': the name is empty, give one"),
        (["--json", "extra"], "unexpected extra argument"),
    ],
)
def test_what_does_not_apply_is_refused_by_name(
    generate: Callable, words: list[str], message: str
) -> None:
    if not {"-p", "-i", "--state", "--save-state"} & set(words):
        words = ["-p", "a", *words]
    done = generate(*words, piped="a\n" if words == ["--save-state", "f"] else None)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert re.search(message, done.err), done.err


def test_rules_that_ban_everything_end_in_one_line(generate: Callable, lm: LanguageModel) -> None:
    bans = [f"--logit-bias={id}=-inf" for id in range(lm.tokenizer.vocab_size)]
    done = generate("-p", "a", *bans)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "textrnn: error: " in done.err


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", None])
def test_a_state_that_is_none(generate: Callable, tmp_path: Path, content: bytes | None) -> None:
    state = tmp_path / "state"
    if content is not None:
        state.write_bytes(content)
    done = generate("--state", state)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert str(state) in done.err


def test_an_input_that_is_not_utf8_keeps_what_was_there(generate: Callable, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.write_text("old")
    done = generate("--output", output, piped=b"the\n\xfe\n")
    assert (done.code, output.read_text()) == (1, "old")
    assert "<stdin> is not UTF-8: byte 0xfe at offset 4" in done.err


def test_a_saved_session_is_one_text(run: Callable, toy_model: Path, tmp_path: Path) -> None:
    words = ("generate", "-m", toy_model, "-p", "-", "--save-state", tmp_path / "s")
    done = run(*words, "--max-new-tokens", "2", piped="the\nking\n")
    assert (done.code, done.out) == (2, "")
    assert "--save-state applies to one text: stdin has several lines" in done.err
    assert not (tmp_path / "s").exists()
    assert run(*words, "--max-new-tokens", "2", piped="the\n").out.startswith("the")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--num-samples", 10**11),
            "--num-samples is 100000000000: give a whole number of at most",
        ),
        (("--beam-size", 10**6), "--beam-size is 1000000: give a whole number of at most 4,096"),
        (("--temperature", "-1"), "--temperature is -1.0: give a number of 0 (greedy) or above"),
    ],
)
def test_absurd_values(run: Callable, toy_model: Path, words: tuple, message: str) -> None:
    done = run("generate", "-m", toy_model, "-p", "the", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_ban_of_everything_is_told_in_a_short_line(run: Callable, toy_model: Path) -> None:
    size = open_model_folder(toy_model).vocab_size
    biases = [word for id in range(size) for word in ("--logit-bias", f"{id}=-inf")]
    done = run("generate", "-m", toy_model, "-p", "the", *biases)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert re.search(r"LogitBias.* leaves no token to choose after 0 new tokens", done.err)
    assert len(done.err) < 200
