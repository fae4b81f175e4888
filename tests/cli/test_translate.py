"""``textrnn translate``, option by option, on the toy translator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import textrnn
from textrnn.model_folder import hub

SOURCES = ["the cat ran", "", "dog sat", "the dog sat the cat"]


@pytest.fixture(scope="module")
def mt(toy_translator: Path) -> textrnn.Translator:
    model = textrnn.load(toy_translator)
    assert isinstance(model, textrnn.Translator)
    return model


def test_lines_in_lines_out(
    run: Callable, toy_translator: Path, mt: textrnn.Translator, tmp_path: Path
) -> None:
    expected = [one.text for one in mt.translate(SOURCES)]
    assert expected[0].split()[0] == "lief"
    assert expected[1] == ""
    file, output = tmp_path / "source", tmp_path / "target"
    file.write_text("\n".join(SOURCES) + "\n")
    model = ("-m", toy_translator)
    assert run("translate", *SOURCES, *model).lines == expected
    assert run("translate", *model, "-i", file).lines == expected
    assert run("translate", *model, piped=file.read_bytes()).lines == expected
    assert run("translate", *model, "-", piped=file.read_bytes()).lines == expected
    assert run("translate", *model, "-i", file, "-o", output).out == ""
    assert output.read_text() == "\n".join(expected) + "\n"
    for more in (["--engine", "torch"], ["--threads", 1, "--device", "cpu"], ["--beam-size", 5]):
        assert run("translate", *SOURCES, *model, *more).lines == expected
    for more in (["--batch-tokens", 1], ["--batch-tokens", 100_000]):
        assert run("translate", *SOURCES, *model, *more).lines == expected


def test_json(run: Callable, toy_translator: Path, mt: textrnn.Translator) -> None:
    words = ("translate", *SOURCES, "-m", toy_translator, "--json", "--n-best", 2, "--alignments")
    done = run(*words)
    expected = mt.translate(SOURCES, n_best=2, alignments=True)
    (first, empty, *rest) = done.records
    assert empty == {
        "source": SOURCES[1],
        "translation": "",
        "score": None,
        "n_best": [],
        "alignment": [],
        "source_words": [],
        "target_words": [],
    }
    assert [first, *rest] == [json.loads(json.dumps(one.as_dict())) for one in expected if one.text]
    assert first["source"] == "the cat ran"
    assert first["translation"] == first["n_best"][0]["text"]
    assert first["score"] == first["n_best"][0]["score"] >= first["n_best"][1]["score"]
    assert [0, 2] in first["alignment"]
    plain = run("translate", "the cat", "-m", toy_translator, "--json").records
    assert set(plain[0]) == {"source", "translation", "score", "n_best"}


def test_alignments_and_n_best_as_text(run: Callable, toy_translator: Path) -> None:
    model = ("-m", toy_translator)
    done = run("translate", "the cat ran", "", *model, "--alignments")
    text, pairs = done.lines[0].split("\t")
    assert len(text.split()) == 3
    assert "0-2" in pairs.split()
    assert done.lines[1:] == [""]
    done = run("translate", "the cat ran", "dog", *model, "--n-best", 3)
    rows = [line.split("\t") for line in done.lines]
    assert [len(row) for row in rows] == [2] * 6
    assert float(rows[0][0]) >= float(rows[1][0]) >= float(rows[2][0])
    assert len({row[1] for row in rows[:3]}) == 3
    for count in (1, 3):
        copied = run("translate", "42", "", "dog", *model, "--n-best", count)
        assert copied.lines[:2] == ["0.0000\t42", ""]
        assert [line.count("\t") for line in copied.lines[2:]] == [1] * count
    both = run("translate", "the cat ran", "dog", *model, "--n-best", 3, "--alignments")
    assert [line.split("\t")[:2] for line in both.lines] == rows
    for line in both.lines:
        _, text, pairs = line.split("\t")
        assert all(int(pair.split("-")[1]) < len(text.split()) for pair in pairs.split())


def test_lines_that_are_cut(run: Callable, toy_translator: Path, tmp_path: Path) -> None:
    source = "the cat ran\u2028dog sat\rthe \x00\t dog"
    done = run("translate", source, "the cat\n\ndog", "-m", toy_translator, "--split-tokens", 2)
    assert len(done.lines) == 4
    assert "Kater" in done.lines[0]
    assert "Hund" in done.lines[0]
    assert done.lines[2] == ""
    file = tmp_path / "long"
    file.write_bytes(b"the cat " * 600 + b"\r\n" + b"x" * 5000 + b"\n\xef\xbb\xbf\n")
    assert len(run("translate", "-i", file, "-m", toy_translator).out.split("\n")) == 4


def test_a_glossary_and_a_prefix(run: Callable, toy_translator: Path, tmp_path: Path) -> None:
    terms = tmp_path / "terms.tsv"
    terms.write_text("cat\tHund\n")
    model = ("-m", toy_translator)
    assert "Hund" in run("translate", "the cat ran", *model, "--glossary", terms).out
    assert run("translate", "the cat ran", *model, "--prefix", "sass der").out.startswith(
        "sass der"
    )
    terms.write_text("cat\tKätzchen\n")
    assert "Kätzchen" in run("translate", "the cat ran", *model, "--glossary", terms).out
    words = ("translate", "cat", *model, "--glossary", terms, "--prefix", "Kater")
    done = run(*words)
    assert (done.code, done.err) == (
        2,
        "textrnn: error: the model's vocabulary cannot spell 'Kätzchen': leave it out\n",
    )
    terms.write_text("cat\n")
    done = run("translate", "the cat ran", *model, "--glossary", terms)
    assert done.code == 1
    assert "terms.tsv, line 1: write source term, tab, target term" in done.err


def test_every_option_of_the_search(run: Callable, toy_translator: Path) -> None:
    words = ("translate", "the cat ran", "-m", toy_translator)
    usual = run(*words, "--json").records[0]
    for more in (
        ["--length-penalty", 0],
        ["--repetition-penalty", 1.5],
        ["--presence-penalty", 0.5],
        ["--frequency-penalty", 0.5],
        ["--rule", "repetition_penalty=1.5"],
        ["--beam-size", 1, "--ban", "Kater"],
        ["--logit-bias", "3=-2.5"],
        ["--min-new-tokens", 12],
        ["--max-new-tokens", 2],
        ["--max-length-ratio", 0.001, "--min-new-tokens", 9],
    ):
        assert run(*words, "--json", *more).records[0]["score"] != usual["score"]
    cut = (*words, "--max-new-tokens", 2, "--json")
    (short,), (penalised,) = run(*cut).records, run(*cut, "--coverage-penalty", 0.5).records
    assert short["translation"] == "lief Kater"
    assert penalised["score"] < short["score"]  # a word is left out
    greedy = run(*words, "--beam-size", 1).lines
    assert run(*words, "--beam-threshold", 0).lines == greedy
    assert "Kater" not in run(*words, "--ban", "Kater").out
    twice = run("translate", "the the the the", "-m", toy_translator, "--no-repeat-ngram-size", 1)
    words_said = twice.out.split()
    assert len(words_said) == len(set(words_said))
    digits = ("translate", "cat 1984 ran", "-m", toy_translator)
    assert run(*digits).out == run(*digits, "--no-copy").out  # no digit is in the vocabulary


def test_sampling(run: Callable, toy_translator: Path) -> None:
    words = ("translate", "the cat ran the dog", "-m", toy_translator, "--sample", "--json")
    drawn = run(*words, "--seed", 3, "--n-best", 4, "--temperature", 3).records[0]
    assert drawn == run(*words, "--seed", 3, "--n-best", 4, "--temperature", 3).records[0]
    assert len({one["text"] for one in drawn["n_best"]}) > 1
    rules = [("--top-k", 1), ("--top-p", 0.01), ("--min-p", 0.99), ("--temperature", 0)]
    greedy = run(*words[:-2], "--beam-size", 1, "--json").records[0]["translation"]
    for rule in rules:
        assert run(*words, *rule).records[0]["translation"] == greedy
    assert run(*words, "--typical-p", 0.9, "--seed", 1).code == 0
    assert "seed " in run(*words, "--verbose").err


def test_several_models_translate_together(
    run: Callable, toy_translator: Path, mt: textrnn.Translator, tmp_path: Path
) -> None:
    words = ("translate", *SOURCES, "-m", toy_translator, "--ensemble", toy_translator)
    assert run(*words).lines == [one.text for one in mt.translate(SOURCES)]
    other = tmp_path / "other"
    shutil.copytree(toy_translator, other)
    config = json.loads((other / "config.json").read_text())
    config["languages"] = ["de", "en"]
    (other / "config.json").write_text(json.dumps(config))
    done = run(*words, "--ensemble", other)
    assert done.code == 2
    assert "has other languages than" in done.err


def test_another_script_is_warned_of(run: Callable, toy_translator: Path) -> None:
    done = run("translate", "the cat", "Кошка спит", "東京", "-m", toy_translator)
    assert len(done.lines) == 3
    assert done.err == (
        "textrnn: warning: lines 2, 3 are mostly in characters that the model has not learnt "
        "(it reads 'en')\n"
    )
    assert run("translate", "Кошка", "-m", toy_translator, "-q").err == ""
    assert "line 1 is mostly" in run("translate", "Кошка", "-m", toy_translator).err
    many = run("translate", *["Кошка"] * 12, "-m", toy_translator)
    assert "8, 9, 10 and 2 more are" in many.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--top-p", 0.5], "--top-p does not apply to beam search: give --sample too"),
        (["--beam-size", 0], "--beam-size is 0: give a whole number from 1"),
        (["--n-best", 9], "--n-best is 9: give a whole number from 1 to 5, the beam size"),
        (["--sample", "--glossary", __file__], "write source term, tab"),
        (["--sample", "--length-penalty", 1], "--length-penalty does not apply to sampling"),
        (["--coverage-penalty", -1], "--coverage-penalty is -1.0: give a number of at least 0"),
        (["--max-length-ratio", 0], "--max-length-ratio is 0.0: give a number above 0"),
        (
            ["--min-new-tokens", 5, "--max-new-tokens", 4],
            "--min-new-tokens 5 is more than --",
        ),
        (["--rule", "top_kk=3"], "no rule 'top_kk'"),
        (["--rule", "top_k=-3"], ": top_k is -3"),
        (["--glossary", ""], "Invalid value for '--glossary': the name is empty, give one"),
        (["--prefix", "Kater", "--ban", "ate"], "--ban is 'ate', which is in the prefix 'Kater'"),
        (["--stop", "x"], "No such option"),
        (["--engine", "tensorflow"], "no engine 'tensorflow'"),
    ],
)
def test_what_is_refused(
    run: Callable, toy_translator: Path, more: list[object], message: str
) -> None:
    done = run("translate", "the cat", "-m", toy_translator, *more)
    assert (done.code != 0, done.out) == (True, "")
    assert message in done.err


def test_models_of_other_tasks_are_refused(
    run: Callable, toy_model: Path, toy_translator: Path
) -> None:
    done = run("translate", "a", "-m", toy_model)
    assert (done.code, done.err) == (
        2,
        f"textrnn: error: {toy_model} is a language model, not a translator: "
        f"use textrnn generate --model {toy_model}\n",
    )
    done = run("generate", "-p", "a", "-m", toy_translator)
    assert (done.code, done.out) == (2, "")
    assert f"use textrnn translate --model {toy_translator}" in done.err


def test_without_the_model_that_ships(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SHIPPED", tmp_path)
    done = run("translate", "a")
    assert (done.code, done.out) == (2, "")
    assert "no translator 'en-de' ships with this textrnn: give --model" in done.err


def test_as_a_process(toy_translator: Path) -> None:
    command = [sys.executable, "-m", "textrnn", "translate", "-m", str(toy_translator)]
    done = subprocess.run(command, input=b"the cat\n\ndog ran\n", capture_output=True, check=True)
    assert done.stderr == b""
    assert done.stdout.decode().split("\n")[1::2] == ["", ""]
    code = (
        "import sys; from textrnn.cli.main import app\n"
        f"try: app(['translate', 'the cat', '-m', {str(toy_translator)!r}])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    env = os.environ | {"PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=True)
    loaded = set(done.stderr.decode().split())
    assert loaded & {"torch", "datasets", "onnx", "sacrebleu", "matplotlib"} == set()
    assert "onnxruntime" in loaded
