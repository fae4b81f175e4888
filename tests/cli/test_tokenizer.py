"""``textrnn tokenizer`` as it is typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from textrnn.cli.main import app
from textrnn.cli.tokenizer import shown
from textrnn.tokenizers import FAMILY, load_tokenizer

STORY = "Once upon a time there was a cat.\n\nThe cat  said: it was fine,\nand the cat was old.\n"
STORIES = ("--model", "stories_sp8000")


def textrnn(*words: str | Path, stdin: str | bytes = "", code: int = 0) -> str:
    """Run a command; its stdout where it ends well, its stderr where it is to fail."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    command = [sys.executable, "-m", "textrnn", "tokenizer", *map(str, words)]
    done = subprocess.run(command, input=given, capture_output=True, env=os.environ)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, err
    assert (err if code == 0 else out) == ""
    return out if code == 0 else err


def refusal(words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command in this process ends with."""
    with pytest.raises(SystemExit) as end:
        app(["tokenizer", *words], prog_name="textrnn")
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (code, "")
    assert err.startswith("textrnn: error: ")
    assert err.count("\n") == 1
    return err


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_bytes(STORY.encode())
    return path


# train


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        (
            "--vocab-size 288 --character-coverage 1 --max-sentences 99 --seed 3"
            " --user-symbol <a> --user-symbol <b>",
            {"kind": "sentencepiece", "vocab_size": 288, "user_symbols": ["<a>", "<b>"]},
        ),
        (
            "--model-type bpe --no-byte-fallback --normalization nfkc --vocab-size 40",
            {"model_type": "bpe", "normalization": "nfkc", "vocab_size": 40},
        ),
        (
            "--kind word --min-frequency 2 --lowercase --pretokenized",
            {"kind": "word", "lowercase": True, "pretokenized": True, "vocab_size": 9},
        ),
        ("--kind char --vocab-size 12", {"vocab_size": 12, "lowercase": False}),
        ("--vocab-size 288 --spaces folded", {"vocab_size": 288, "spaces": "folded"}),
    ],
)
def test_train_writes_a_folder_and_says_what_it_is(
    story: Path, tmp_path: Path, options: str, facts: dict[str, object]
) -> None:
    out = textrnn(
        "train", *options.split(), "--input", story, "--output", tmp_path / "new", "--json"
    )
    printed = json.loads(out)
    assert facts.items() <= printed.items()
    assert load_tokenizer(tmp_path / "new").facts() == printed


def test_train_reads_several_files_or_stdin(story: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("z\n", encoding="utf-8")
    words = ("train", "--kind", "char", "--input", story, "--input", tmp_path / "more.txt")
    size = f"vocab size  {len(set(STORY) | {'z'}) + 4}\n"
    assert size in textrnn(*words, "--output", tmp_path / "new")
    piped = textrnn("train", "--kind", "char", "--output", tmp_path / "piped", stdin=STORY + "z\n")
    assert size in piped
    dash = ("train", "--kind", "char", "--output", tmp_path / "dash", "--input", "-")
    assert textrnn(*dash, stdin=STORY + "z\n") == piped
    ids = [load_tokenizer(tmp_path / name).encode(STORY) for name in ("new", "piped", "dash")]
    assert ids[0] == ids[1] == ids[2]


def test_train_needs_no_text_for_bytes(tmp_path: Path) -> None:
    assert "vocab size  260" in textrnn("train", "--kind", "byte", "--output", tmp_path / "new")


def test_train_replaces_a_tokenizer_of_ours_only(story: Path, tmp_path: Path) -> None:
    words = ("train", "--kind", "char", "--input", story, "--output", tmp_path / "new")
    textrnn(*words)
    textrnn(*words, "--vocab-size", "9")
    assert load_tokenizer(tmp_path / "new").vocab_size == 9
    (tmp_path / "new" / "tokenizer.json").write_text('{"version": "1.0", "model": {}}')
    error = textrnn(*words, code=2)
    assert "is not replaced: " in error
    assert (tmp_path / "new" / "tokenizer.json").read_text().startswith('{"version"')


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (("--kind", "wrd"), "no tokenizer 'wrd' (known: byte, char, sentencepiece, word)", 2),
        (("--kind", "char", "--seed", "1"), "--seed does not apply to a char tokenizer", 2),
        (("--kind", "char", "--min-frequency", "0"), "--min-frequency is 0: use 1 or more", 2),
        (("--kind", "word", "--byte-fallback"), "(it takes: --lowercase, --min-frequency", 2),
        (("--kind", "word", "--user-symbol", "a"), "--user-symbol does not apply to a word", 2),
        (("--character-coverage", "0.5"), "--character-coverage is 0.5: use 0.98 to 1", 2),
        (("--kind", "byte"), "--input does not apply: a byte tokenizer is not trained on text", 2),
        (("--kind", "char", "--input", "-"), "--input - is stdin: give it alone", 2),
        (("--kind", "char", "--input", "no.txt"), "cannot read no.txt: No such file", 1),
        (("--vocab-size", "99"), "sentencepiece cannot train on this: Vocabulary size is", 1),
    ],
)
def test_train_refuses(
    story: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    message: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("train", "-i", str(story), *options, "-o", str(tmp_path / "new"))
    assert message in refusal(words, code, capsys)
    assert not (tmp_path / "new").exists()


# encode and decode


def test_encode_prints_a_line_of_ids_for_each_text() -> None:
    tokenizer = load_tokenizer(Path(__file__).parents[2] / "vocab" / "stories_sp8000")
    lines = ["Once upon a time", "", "a▁é"]
    ids = "".join(" ".join(map(str, tokenizer.encode(line))) + "\n" for line in lines)
    assert textrnn("encode", *STORIES, *lines) == ids
    assert textrnn("encode", *STORIES, stdin="\n".join(lines)) == ids
    assert textrnn("decode", *STORIES, stdin=ids) == "\n".join(lines) + "\n"


def test_encode_pieces_are_readable() -> None:
    out = textrnn("encode", *STORIES, "--pieces", "Once  upon\na", "é")
    assert out == "Once ▁ ▁upon \\n a\n<0xC3> <0xA9>\n"


def test_encode_and_decode_speak_json(story: Path, tmp_path: Path) -> None:
    written = tmp_path / "ids.jsonl"
    words = (*STORIES, "--json", "--input", story, "--output", written)
    assert textrnn("encode", *words, "--pieces") == ""
    records = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    assert [record["text"] for record in records] == STORY.splitlines()
    assert records[0]["pieces"][:2] == ["Once", "▁upon"]
    ids = [" ".join(map(str, record["ids"])) for record in records]
    decoded = textrnn("decode", *STORIES, "--json", stdin="\n".join(ids) + "\n").splitlines()
    assert [json.loads(line)["text"] for line in decoded] == STORY.splitlines()
    assert json.loads(decoded[0])["ids"] == records[0]["ids"]


def test_encode_draws_segmentations() -> None:
    words = ("encode", *STORIES, "--alpha", "0.1", "Once upon a time", "Once upon a time")
    drawn = textrnn(*words, "--seed", "1")
    assert drawn == textrnn(*words, "--seed", "1")
    assert drawn != textrnn(*words)
    assert len(set(drawn.splitlines())) == 2
    assert textrnn("decode", *STORIES, stdin=drawn) == "Once upon a time\n" * 2


def test_decode_takes_ids_as_arguments_or_from_a_file(tmp_path: Path) -> None:
    ids = textrnn("encode", *STORIES, "Once upon a time").split()
    (tmp_path / "ids.txt").write_text(" ".join(ids) + "\n\n")
    assert textrnn("decode", *STORIES, *ids) == "Once upon a time\n"
    assert textrnn("decode", *STORIES, "-i", tmp_path / "ids.txt") == "Once upon a time\n\n"
    assert textrnn("decode", *STORIES, "2", *ids, "3") == "Once upon a time\n"


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (("decode", *STORIES, "5", "x6"), "'x6' is not an id: give whole numbers", 2),
        (("decode", *STORIES, "8000"), "no id 8000 in this vocabulary: use 0 to 7999", 2),
        (("encode", *STORIES, "--seed", "1", "a"), "give --alpha with it", 2),
        (("encode", *STORIES, "--alpha", "2", "a"), "alpha is 2.0: use 0 to 1", 2),
        (("encode", "-m", "tinyshakespeare_char", "--alpha", "1", "a"), "no subword sampling", 2),
        (("encode", *STORIES, "--input", "no.txt"), "cannot read no.txt", 1),
        (("encode", *STORIES, "--input", "no.txt", "a"), "a text and --input were given", 2),
        (("encode", "a"), "'--model'", 2),
        (("info", "-m", "stories_sp800"), "did you mean 'stories_sp8000'?", 2),
        (("info", "-m", "tests"), "no tokenizer in tests: tokenizer.json is missing", 1),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    words: tuple[str, ...],
    message: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert message in refusal(words, code, capsys)


# info


def test_info_measures_a_text(story: Path) -> None:
    facts = json.loads(textrnn("info", "-m", "tinyshakespeare_char", "-i", story, "--json"))
    size = len(STORY)
    assert facts == {
        "kind": "char",
        "vocab_size": 69,
        "lowercase": False,
        "bytes": size,
        "tokens": size,
        "bytes_per_token": 1.0,
        "unknown": 0,
        "unknown_rate": 0.0,
        "exact_round_trip": True,
    }


def test_info_reads_stdin_and_prints_a_table() -> None:
    out = textrnn("info", "-m", "tinyshakespeare_char", "-i", "-", stdin="caf\u00e9s\n" * 400)
    table = dict(line.split("  ", 1) for line in out.splitlines())
    facts = {name: value.strip() for name, value in table.items()}
    assert facts["bytes"] == "2,800"
    assert facts["bytes per token"] == "1.167"
    assert facts["unknown"] == "400"
    assert facts["unknown rate"] == "0.1667"
    assert facts["exact round trip"] == "no"


def test_info_of_an_empty_text_has_no_rates() -> None:
    facts = json.loads(textrnn("info", *STORIES, "-i", "-", "--json"))
    assert (facts["tokens"], facts["bytes_per_token"], facts["unknown_rate"]) == (0, None, None)


def test_a_fact_that_is_missing_is_shown_as_such() -> None:
    assert shown(None) == "none"


def test_a_folder_is_opened_by_its_path(tmp_path: Path) -> None:
    FAMILY.get("byte")().save(tmp_path / "bytes")
    assert textrnn("encode", "-m", tmp_path / "bytes", "A") == "69\n"


def test_a_model_stands_for_its_tokenizer(tmp_path: Path) -> None:
    from numpy import zeros

    from textrnn.model_folder import FolderContents, write_model_folder

    config = {"task": "language_modeling", "network": {}, "storage": "float32"}
    contents = FolderContents(
        config=config,
        tensors={"weight": zeros((2, 2), "float32")},
        tokenizer=FAMILY.get("byte")(),
        card="# A model\n",
        extra={},
    )
    write_model_folder(tmp_path / "model", contents)
    assert textrnn("encode", "-m", tmp_path / "model", "A") == "69\n"
    (tmp_path / "model" / "tokenizer.json").write_text("{}")
    error = textrnn("encode", "-m", tmp_path / "model", "A", code=1)
    assert "tokenizer.json" in error
    assert error.count("\n") == 1


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash on this machine")
    command = (
        f"yes once | {sys.executable} -m textrnn tokenizer encode -m stories_sp8000 | head -n 2"
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"({command}) ; true"], capture_output=True, timeout=60
    )
    assert done.stdout.count(b"\n") == 2
    assert done.stderr == b""


def test_help_has_worked_examples() -> None:
    for command in ("train", "encode", "decode", "info"):
        assert f"textrnn tokenizer {command} " in textrnn(command, "--help").split("Examples:")[1]


def test_a_models_tokenizer_is_not_replaced(toy_model: Path, toy_folder: Path) -> None:
    before = (toy_model / "tokenizer.json").read_bytes()
    text = toy_folder / "valid.txt"
    told = textrnn("train", "--kind", "char", "-i", text, "-o", toy_model, code=2)
    assert "is a model folder, which a new tokenizer would break" in told
    assert (toy_model / "tokenizer.json").read_bytes() == before
