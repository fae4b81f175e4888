"""Texts in, results out."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from textrnn.cli._io import json_line, open_output, open_stdout, read_book, read_texts
from textrnn.errors import DataError, UsageError


def test_texts_come_from_arguments_a_file_or_stdin(stdin: Callable, tmp_path: Path) -> None:
    file = tmp_path / "texts"
    file.write_bytes("\ufeffone\r\n\ntwo\u2028still two".encode())
    stdin("piped\nin\n")
    assert list(read_texts(["a", "b"], None)) == ["a", "b"]
    assert list(read_texts([], file)) == ["one", "", "two\u2028still two"]
    assert list(read_texts([], None)) == ["piped", "in"]
    for words, source in ((["-"], None), ([], Path("-"))):
        stdin("piped\nin")
        assert list(read_texts(words, source)) == ["piped", "in"]


def test_a_gzipped_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "texts.gz"
    file.write_bytes(gzip.compress("\ufeffeins\nzwölf\n".encode()))
    assert list(read_texts([], file)) == ["eins", "zwölf"]
    assert read_book(file) == "eins\nzwölf\n"
    for content in (b"plain\n", file.read_bytes()[:-9]):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot read .*texts\.gz: (Not a gzip|Compressed)"):
            list(read_texts([], file))


def test_two_sources_are_refused(stdin: Callable) -> None:
    stdin(None)
    with pytest.raises(UsageError, match="a text and --input were given: give one"):
        read_texts(["a"], Path("b"))
    with pytest.raises(UsageError, match="no text: give it as an argument, with --input FILE"):
        read_texts([], None)


def test_what_is_not_utf8_is_refused_by_name_and_offset(stdin: Callable, tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("na\nïve".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.txt is not UTF-8: byte 0xef at offset 3"):
        list(read_texts([], file))
    stdin(b"fine\n\xff")
    with pytest.raises(DataError, match="<stdin> is not UTF-8: byte 0xff at offset 5"):
        list(read_texts([], None))
    with pytest.raises(DataError, match=r"argument .* is not UTF-8: surrogates not allowed"):
        read_texts(["\udcff"], None)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*/nothing: No such file"):
        list(read_texts([], tmp_path / "nothing"))
    with pytest.raises(DataError, match=r"cannot read .*: Is a directory"):
        list(read_texts([], tmp_path))


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    file = tmp_path / "result"
    with open_output(file) as out:
        out.write("ü\n")
        assert not file.exists()
    assert file.read_bytes() == "ü\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def write_and_raise(file: Path, error: BaseException) -> None:
    with open_output(file) as out:
        out.write("new")
        raise error


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "result"
    file.write_text("old")
    with pytest.raises(DataError, match="gone"):
        write_and_raise(file, DataError("gone"))
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_an_interruption_keeps_what_was_done(tmp_path: Path) -> None:
    file = tmp_path / "result"
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(file, KeyboardInterrupt())
    assert file.read_text() == "new"


def test_an_interruption_before_anything_was_done_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "result"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), open_output(file):
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_mode_and_link_of_an_old_file_stay(tmp_path: Path) -> None:
    file, link = tmp_path / "result", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    with open_output(link) as out:
        out.write("new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_what_is_no_plain_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    with open_output(Path(os.devnull)) as out:
        out.write("away")
    with pytest.raises(DataError, match=r"cannot write .*: Is a directory"), open_output(tmp_path):
        pass
    with (
        pytest.raises(DataError, match=r"cannot write .*: No such file"),
        open_output(tmp_path / "no" / "file"),
    ):
        pass


def test_a_dash_is_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    for path in (None, Path("-")):
        with open_output(path) as out:
            out.write("here")
        assert capsys.readouterr().out == "here"


def test_json_has_no_nan() -> None:
    assert (
        json_line({"a": [float("nan"), (1, True)], "b": "ß"})
        == '{"a": [null, [1, true]], "b": "ß"}'
    )


def test_what_cannot_be_written_is_called_by_its_name(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"cannot write \S*/nowhere/result: No such file"),
        open_output(tmp_path / "nowhere" / "result"),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_is_named() -> None:
    with (
        pytest.raises(DataError, match="cannot write /dev/full: No space left on device"),
        open_output(Path("/dev/full")) as out,
    ):
        out.write("text")


def test_an_error_of_something_else_is_not_the_outputs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_output(tmp_path / "result"):
        (tmp_path / "nothing").read_text()
    assert list(tmp_path.iterdir()) == []


def test_streams_that_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="no text: give it as an argument"):
        read_texts([], None)
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(DataError, match="stdout is closed: give --output"), open_output(None):
        pass
    with (
        pytest.raises(DataError, match="stdout is closed: write to a file by > FILE"),
        open_stdout(),
    ):
        pass
