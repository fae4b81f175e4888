"""Sessions go on bit for bit: unsaved, saved, loaded, forked, interrupted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import RandomRnn, babbler, folder, speller
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from textrnn.errors import GenerationError, UsageError
from textrnn.generation import HISTORY
from textrnn.generation.rules.top_k import TopK
from textrnn.model_folder import open_model_folder
from textrnn.models import LanguageModel, session_file
from textrnn.tokenizers.byte import ByteTokenizer

BYTES = ByteTokenizer()
OPTIONS: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 0.9, "top_p": 0.95},
    {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "ban": ["e"]},
    {"stop": ["aé", "\n\n", "\x00\x01\x02"], "top_k": 100},
]


@settings(max_examples=40, deadline=None)
@given(
    prompt=st.text(max_size=3),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=6),
    options=st.sampled_from(OPTIONS[:3]),
    seed=st.integers(0, 99),
)
def test_calls_in_a_row_are_one_call(
    prompt: str, lengths: list[int], options: Any, seed: int, tmp_path_factory: Any
) -> None:
    """Saved and loaded, or forked, in between."""
    lm, path = babbler(eos=-99), tmp_path_factory.getbasetemp() / "session"
    session, text, ids, logprobs = lm.session(prompt), "", (), ()
    for place, length in enumerate(lengths):
        given: Any = options if place else {**options, "seed": seed}
        out = session.generate(max_new_tokens=length, **given)
        assert out.seed == seed
        text, ids, logprobs = text + out.text, ids + out.token_ids, logprobs + out.logprobs
        if place % 3 == 0:
            session.save(path)
            session = lm.session(state=path)
        elif place % 3 == 1:
            session = session.fork()
    whole: Any = lm.generate(prompt, max_new_tokens=sum(lengths), seed=seed, **options)
    assert (ids, logprobs) == (whole.token_ids, whole.logprobs)
    assert BYTES.decode(ids) == whole.text
    assert whole.text.rstrip("\N{REPLACEMENT CHARACTER}") == text.rstrip(
        "\N{REPLACEMENT CHARACTER}"
    )


@settings(max_examples=25, deadline=None)
@given(options=st.sampled_from(OPTIONS), length=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_saved_session_goes_on_as_the_unsaved_one(
    options: Any, length: int, seed: int, tmp_path_factory: Any
) -> None:
    lm, path = babbler(eos=1.0), tmp_path_factory.getbasetemp() / "saved"
    session = lm.session("aé")
    session.generate(max_new_tokens=length, seed=seed, **options)
    session.save(path)
    fork, loaded = session.fork(), lm.session(state=path)
    results = [s.generate(max_new_tokens=9, **options) for s in (session, fork, loaded)]
    assert results[0] == results[1] == results[2]
    assert results[0].prompt == "aé"
    for other in (fork, loaded):
        other.save(path.with_suffix(".2"))
        session.save(path.with_suffix(".1"))
        assert path.with_suffix(".1").read_bytes() == path.with_suffix(".2").read_bytes()


def test_a_session_that_has_not_begun_is_saved_too(tmp_path: Path) -> None:
    lm = babbler()
    session = lm.session("Once")
    session.save(tmp_path / "s")
    loaded = lm.session(state=str(tmp_path / "s"))
    assert loaded.generate(max_new_tokens=9) == session.generate(max_new_tokens=9)


def test_a_saved_session_may_be_read_by_whom_other_files_may(tmp_path: Path) -> None:
    session, path, other = babbler().session("Once"), tmp_path / "s", tmp_path / "other"
    other.touch()
    session.save(path)
    assert path.stat().st_mode == other.stat().st_mode
    path.chmod(0o640)
    session.save(path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_links_and_what_is_no_plain_file_stay_what_they_are(tmp_path: Path) -> None:
    session, file, link = babbler().session("Once"), tmp_path / "s", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    session.save(link)
    assert link.is_symlink()
    assert file.read_bytes() != b"old"
    session.save(os.devnull)
    assert not Path(os.devnull).is_file()
    with pytest.raises(GenerationError, match="cannot be written: Is a directory"):
        session.save(tmp_path)


def test_what_is_held_back_comes_with_the_next_call(tmp_path: Path) -> None:
    lm = speller("a\n\n☃ENDz")
    session = lm.session()

    def more(count: int, *stops: str) -> tuple[str, str]:
        nonlocal session
        session.save(tmp_path / "s")
        session = lm.session(state=tmp_path / "s")
        out = session.generate(temperature=0, max_new_tokens=count, stop=stops)
        return out.text, out.finish_reason

    assert more(2, "\n\n") == ("a", "length")
    assert more(1, "\n\n") == ("", "stop")
    assert more(2, "END") == ("", "length")
    assert more(1, "END") == ("☃", "length")
    assert more(2, "END") == ("", "length")
    assert more(1, "ENZ") == ("END", "length")
    assert more(9) == ("z", "eos")
    assert more(9) == ("", "eos")


def test_other_stop_texts_look_at_what_was_held_back() -> None:
    session = speller("ab;c").session()
    options: dict[str, Any] = {"temperature": 0, "max_new_tokens": 2}
    assert session.generate(stop="abc", **options).text == ""
    out = session.generate(stop="b", **options)
    assert (out.text, out.finish_reason, out.token_ids) == ("a", "stop", ())
    assert session.generate(**options).text == ";c"


def test_a_seed_begins_another_stream_and_without_one_it_goes_on() -> None:
    session = babbler().session("a")
    first, fork = session.fork(), session.fork()
    one, two = (s.generate(seed=8, max_new_tokens=9) for s in (first, fork))
    assert one == two
    assert one.seed == first.generate(max_new_tokens=3).seed == 8
    assert fork.generate(seed=8, max_new_tokens=9).text != two.text


def test_a_fork_goes_its_own_way() -> None:
    session = babbler().session("a")
    session.generate(max_new_tokens=5, seed=1)
    fork = session.fork()
    other = fork.generate(max_new_tokens=20, seed=2)
    assert session.fork().generate(max_new_tokens=20, seed=2) == other
    assert session.generate(max_new_tokens=20).text != other.text


def test_a_stream_may_be_left_at_any_point(tmp_path: Path) -> None:
    lm = babbler(eos=-99)
    options: dict[str, Any] = {"max_new_tokens": 50, "top_k": 100}
    whole: Any = lm.generate("a", seed=3, **options)
    session, pieces = lm.session("a"), []
    for piece in session.stream(seed=3, **options):
        pieces.append(piece)
        if len(pieces) == 9:
            break
    session.save(tmp_path / "s")
    rest = lm.session(state=tmp_path / "s").stream(**options)
    text = "".join(pieces) + "".join(rest)
    assert text.startswith(whole.text.rstrip("\N{REPLACEMENT CHARACTER}"))


def test_a_stream_is_closed_like_a_generator() -> None:
    session, other = (babbler(eos=-99).session("a") for _ in range(2))
    options: dict[str, Any] = {"max_new_tokens": 50, "top_k": 100}
    stream = session.stream(seed=3, **options)
    begun = next(stream)
    stream.close()
    assert list(stream) == []
    rest = session.generate(**options).text
    assert begun + rest == next(other.stream(seed=3, **options)) + other.generate(**options).text


def test_a_stream_that_the_session_has_left_behind_is_refused() -> None:
    session = babbler(eos=-99).session("a")
    stale = session.stream(max_new_tokens=50)
    next(stale)
    fork = session.fork()
    out = session.generate(max_new_tokens=9)
    with pytest.raises(GenerationError, match="the session has gone on since this stream began"):
        list(stale)
    assert out == fork.generate(max_new_tokens=9)
    assert session.generate(max_new_tokens=9) == fork.generate(max_new_tokens=9)


@pytest.mark.parametrize("options", [{"num_samples": 2}, {"beam_size": 2}])
def test_a_session_is_one_text(options: Any) -> None:
    name = next(iter(options))
    with pytest.raises(UsageError, match=f"{name} does not apply to a session, which is one text"):
        babbler().session().generate(**options)
    with pytest.raises(UsageError, match=f"{name} does not apply to a session"):
        babbler().session().stream(**options)


def test_a_prompt_and_a_state_are_not_both_taken(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a session begins with a prompt or with a saved state"):
        babbler().session("a", state=tmp_path / "s")


def test_rules_go_on_seeing_the_last_tokens(tmp_path: Path) -> None:
    seen: list[Any] = []

    def watch(ids: Any, logits: Any) -> Any:
        seen.append(ids.copy())
        return logits

    lm = babbler(eos=-99)
    session = lm.session("ab")
    session.generate(max_new_tokens=HISTORY, rules=[TopK(9)], seed=1)
    fork = session.fork()
    session.save(tmp_path / "s")
    assert (tmp_path / "s").stat().st_size < 40_000
    lm.session(state=tmp_path / "s").generate(max_new_tokens=5, rules=[watch])
    loaded, seen[:] = list(seen), []
    fork.generate(max_new_tokens=5, rules=[watch])
    for left, right in zip(loaded, seen, strict=True):
        assert left.shape == (1, HISTORY)
        np.testing.assert_array_equal(left, right)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    session = babbler().session("a")
    session.generate(max_new_tokens=5, seed=1)
    session.save(tmp_path / "s")
    return tmp_path / "s"


def refused(path: Path, message: str, model: LanguageModel | None = None) -> None:
    with pytest.raises(GenerationError, match=message) as caught:
        (model or babbler()).session(state=path)
    assert "\n" not in str(caught.value)


def test_another_model_is_refused(saved: Path) -> None:
    other = babbler()
    other.folder.parameters_sha256 = "ab" * 32  # type: ignore[misc]
    message = r"was saved with parameters_sha256 '5e5e.*', not 'abab.*': open the model that"
    refused(saved, message, other)


def test_another_engine_is_refused(saved: Path) -> None:
    other = babbler()
    other.engine.name = "onnx"  # type: ignore[misc]
    refused(saved, "was saved with engine 'fake', not 'onnx': open the model with that", other)


def test_a_later_format_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_file, "FORMAT_VERSION", 2)
    refused(saved, "was saved with format_version 1, not 2: use the version of textrnn")


def test_every_damage_is_noticed(saved: Path) -> None:
    good = saved.read_bytes()
    for place in range(0, len(good), 7):
        saved.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        refused(saved, r"s (cannot be read as a saved session|is damaged, or no saved session)")
    for size in (0, 7, 100, len(good) - 1):
        saved.write_bytes(good[:size])
        refused(saved, "s cannot be read as a saved session: ")


def test_what_is_no_session_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "missing", "missing cannot be read as a saved session: ")
    refused(tmp_path, "cannot be read as a saved session: ")
    save_file({"weight": np.zeros(3)}, tmp_path / "model.safetensors")
    refused(tmp_path / "model.safetensors", "is damaged, or no saved session: its digest")


FORGED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"seed": -1}, {}, "seed is -1"),
    ({"drawn": 1.5}, {}, "drawn is 1.5"),
    ({"held": None}, {}, "held is None"),
    ({"ended": 1}, {}, "ended is 1"),
    ({}, {"pending": np.array([9999])}, "pending has ids outside the vocabulary"),
    ({}, {"recent": np.array([-1])}, "recent has ids outside the vocabulary"),
    ({}, {"recent": np.array([1.0])}, "recent is not a row of ids"),
    ({}, {"recent": np.array([[4]])}, "recent is not a row of ids"),
    ({}, {"pending": np.array([], np.int64)}, "pending is not a row of ids"),
    ({}, {"pending": np.array([4, 5])}, "2 tokens are pending beside a state"),
    ({}, {"state.0.0": np.zeros((1, 5))}, "not a state of this model"),
    ({}, {"state.0.0": np.zeros((2, 8))}, "the state is not that of one text"),
]


def write(path: Path, fields: Any, arrays: Any) -> None:
    text = json.dumps(fields, sort_keys=True)
    save_file(arrays, path, {"textrnn_session": f"{session_file._digest(arrays, text)} {text}"})


@pytest.mark.parametrize(("fields", "arrays", "message"), FORGED)
def test_a_forged_session_is_refused(saved: Path, fields: Any, arrays: Any, message: str) -> None:
    with open(saved, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        metadata = json.loads(file.read(size))["__metadata__"]
    before = json.loads(metadata["textrnn_session"].partition(" ")[2])
    write(saved, {**before, **fields}, {**load_file(saved), **arrays})
    refused(saved, f"s holds no session of this model: .*{message}")


@pytest.mark.parametrize("text", ["not JSON", "5", "[1]", "[" * 100_000])
def test_a_session_whose_fields_are_no_object_is_refused(saved: Path, text: str) -> None:
    arrays = load_file(saved)
    digest = session_file._digest(arrays, text)
    save_file(arrays, saved, {"textrnn_session": f"{digest} {text}"})
    refused(saved, "s holds no session of this model: ")


def test_a_session_that_lacks_a_part_is_refused(saved: Path) -> None:
    fields = {"format_version": 1, "engine": "fake", "parameters_sha256": "5e" * 32}
    write(saved, fields, {"pending": np.array([4]), "recent": np.array([4])})
    refused(saved, "s holds no session of this model: 'prompt'")


def test_what_cannot_be_written_is_an_error_and_leaves_no_rest(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = babbler().session("a")
    with pytest.raises(GenerationError, match=r"nowhere/s cannot be written: No such file"):
        session.save(saved.parent / "nowhere" / "s")
    before = saved.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(GenerationError, match="s cannot be written: No space left on device"):
        session.save(saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["s"]


def test_the_torch_engine_goes_on_bit_for_bit(toy_model: Path, tmp_path: Path) -> None:
    lm = LanguageModel.open(open_model_folder(toy_model), engine="torch", device="cpu", threads=1)
    whole: Any = lm.generate("the ", max_new_tokens=60, seed=5, temperature=0.9)
    session = lm.session("the ")
    text = session.generate(max_new_tokens=20, seed=5, temperature=0.9).text
    session.save(tmp_path / "s")
    again = LanguageModel.open(open_model_folder(toy_model), engine="torch", device="cpu")
    text += again.session(state=tmp_path / "s").generate(max_new_tokens=40, temperature=0.9).text
    assert text == whole.text


def test_a_session_of_another_vocabulary_is_refused(saved: Path) -> None:
    other = LanguageModel(folder(), RandomRnn(50), BYTES)
    refused(saved, "holds no session of this model: .* has ids outside the vocabulary", other)
