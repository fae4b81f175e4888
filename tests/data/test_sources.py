"""Text from files, folders, tables and the hub."""

from __future__ import annotations

import gc
import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.config import DataSettings
from textrnn.data import HubText, LocalText, open_source
from textrnn.data.records import read_text
from textrnn.data.sources import TextSource
from textrnn.errors import DataError, UsageError

Documents = Literal["file", "blank_line", "line", "row"]
TEXT = " = One = \n\nfirst\nsecond\n \nthird\rstill third\n\n\nlast"


def read(source: TextSource, kind: Documents = "file") -> list[str]:
    """Every document as one text."""
    return ["".join(lines) for lines in source.documents(kind)]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


Write = Callable[[str, str | bytes], Path]


def test_lines_of_windows_end_as_others_do(file: Write) -> None:
    source = LocalText((file("a.txt", "\ufeffone\r\n\r\ntw\ro\r\nthree\r"),))
    assert read(source) == ["one\n\ntw\ro\nthree\r"]
    assert read(source, "blank_line") == ["one\n\n", "tw\ro\nthree\r"]


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.text", "a.tokens", "a", "a.md"])
def test_a_text_file_is_read_as_it_is(name: str, file: Write) -> None:
    source = LocalText((file(name, TEXT),))
    assert read(source) == [TEXT]
    assert source.name == name
    (lines,) = source.documents("file")
    assert list(lines) == [line + "\n" for line in TEXT.split("\n")[:-1]] + ["last"]


def test_documents_end_where_it_was_said(file: Write) -> None:
    source = LocalText((file("a.txt", TEXT), file("b.txt", "second file\n")))
    assert read(source, "file") == [TEXT, "second file\n"]
    assert read(source, "blank_line") == [
        " = One = \n\n",
        "first\nsecond\n \n",
        "third\rstill third\n\n\n",
        "last",
        "second file\n",
    ]
    assert read(source, "line")[:3] == [" = One = \n", "\n", "first\n"]


@given(st.text(st.sampled_from("ab \n\r\t"), max_size=40), st.sampled_from(["blank_line", "line"]))
def test_no_kind_of_document_loses_a_character(
    tmp_path_factory: pytest.TempPathFactory, text: str, kind: Documents
) -> None:
    path = tmp_path_factory.getbasetemp() / "documents.txt"
    path.write_bytes(text.encode())
    documents = read(LocalText((path,)), kind)
    assert "".join(documents) == text.replace("\r\n", "\n")
    assert "" not in documents


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.csv"])
def test_what_is_not_utf8_is_refused(name: str, file: Write) -> None:
    path = file(name, b"text\n" + "été\n".encode() + "été\n".encode("latin-1"))
    place = "byte 11" if name != "a.csv" else "cannot read .*a.csv: 'utf-8' codec can't decode by"
    with pytest.raises(DataError, match=place):
        read(LocalText((path,)))
    gc.collect()


def test_the_byte_that_is_not_utf8_is_counted_from_the_start_of_the_file(file: Write) -> None:
    path = file("a.txt", "café\n".encode() * 1000 + b"xx\xff")
    with pytest.raises(DataError, match=r"a\.txt is not UTF-8: byte 6002 .* iconv -f latin1 -t ut"):
        read(LocalText((path,)))


def spoilt(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 0x5A for byte in data[middle:])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-20], "Compressed file ended before the end-of-stream marker"),
        (lambda data: b"plain text", "Not a gzipped file"),
        (spoilt, ""),
    ],
)
def test_a_damaged_gzip_is_refused(
    change: Callable[[bytes], bytes], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(change(gzip.compress(os.urandom(400).hex().encode())))
    with pytest.raises(DataError, match=f"cannot read .*a.txt.gz: {reason}"):
        read(LocalText((path,)))


def test_a_file_that_went_away_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*gone\.txt: .*No such file"):
        read(LocalText((tmp_path / "gone.txt",)))


ROWS = ["NA", "", 'say "hi"', "null", "007", "1.50", "two words", "é"]


def table(ending: str, folder: Path) -> Path:
    """A file that holds the rows under ``body``, and a number beside each."""
    path = folder / f"rows{ending}"
    if ending.startswith(".parquet"):
        import pyarrow
        from pyarrow import parquet

        columns = {"n": list(range(len(ROWS))), "body": ROWS}
        parquet.write_table(pyarrow.table(columns), path)
        return path
    if ending.startswith(".jsonl"):
        lines = [json.dumps({"n": n, "body": text}) for n, text in enumerate(ROWS)]
    elif ending.startswith(".tsv"):
        lines = ["n\tbody", *(f"{n}\t{text}" for n, text in enumerate(ROWS))]
    else:
        escaped = [text.replace('"', '""') for text in ROWS]
        lines = ["n,body", *(f'{n},"{text}"' for n, text in enumerate(escaped))]
    data = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    return path


ENDINGS = [".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".parquet"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_gives_the_texts_of_its_column(ending: str, tmp_path: Path) -> None:
    """As they stand: ``NA`` is a text, ``007`` no number."""
    path = table(ending, tmp_path)
    assert read(LocalText((path,), "body")) == ROWS


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # datasets leaves the file to the collector
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_column_that_is_not_there_is_refused(ending: str, tmp_path: Path) -> None:
    path = table(ending, tmp_path)
    with pytest.raises(
        DataError, match=r"no column 'text': .*--column in a command\), one of n, b"
    ):
        read(LocalText((path,)))
    gc.collect()


def test_a_row_without_a_text_is_left_out(file: Write) -> None:
    rows = '{"text": "a"}\n{"text": null}\n{"text": "b\\nc"}\n'
    source = LocalText((file("a.jsonl", rows),))
    assert read(source) == ["a", "b\nc"]
    assert [list(lines) for lines in source.documents()] == [["a"], ["b\n", "c"]]


ROWS_OF_LINES = ["one\r\ntwo\u2028too", "", "three\n", "four"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("row", ["one\ntwo\u2028too", "three\n", "four"]),
        ("blank_line", ["one\ntwo\u2028too\n\n", "three\nfour\n"]),
        ("line", ["one\n", "two\u2028too\n", "\n", "three\n", "four\n"]),
    ],
)
def test_a_table_is_cut_where_it_was_said_here_and_on_the_hub(
    kind: Documents, expected: list[str], file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"text": text} for text in ROWS_OF_LINES]
    table = LocalText((file("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows)),))
    assert [text for text in read(table, kind) if text] == expected
    assert read(table, "file") == read(table, "row")
    monkeypatch.setattr("datasets.load_dataset", lambda *_args, **_options: iter(rows))
    there = HubText("org/set", "train")
    assert [text for text in read(there, kind) if text] == expected
    assert read(there, "file") == ["".join(read(there, "line"))]


def test_a_text_has_no_rows(file: Write) -> None:
    with pytest.raises(UsageError, match=r"data.documents is row, but .*a.txt is no table: give f"):
        read(LocalText((file("a.txt", TEXT),)), "row")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.parquet", b"PAR1 no table PAR1", "Parquet"),
        ("a.csv", b'text,b\n"x,1\n', "EOF inside string"),
        ("a.csv", b"", "No columns to parse from file"),
    ],
)
def test_a_damaged_table_is_refused(name: str, content: bytes, reason: str, file: Write) -> None:
    with pytest.raises(DataError, match=f"cannot read .*{name}: .*{reason}"):
        read(LocalText((file(name, content),)))
    gc.collect()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": ', "is not JSON: "),
        ('["a"]', "is no object with a text"),
        ('{"text": 5}', "text is 5, not a text: put it in quotes if it is one"),
        ('{"text": ["a", "b"]}', r"text is \['a', 'b'\], not a text"),
        ('{"text": false}', "text is False, not a text"),
        (r'{"text": "a\ud800"}', r"character 2 of text is a lone surrogate, U\+D800"),
    ],
)
def test_a_record_without_a_text_is_refused_by_its_line(
    line: str, reason: str, file: Write
) -> None:
    path = file("a.jsonl", f'{{"text": "a"}}\n\n{line}\n{{"text": "b"}}\n')
    with pytest.raises(DataError, match=rf"a\.jsonl, line 3:? {reason}"):
        read(LocalText((path,)))


def test_numbers_are_texts_of_cells_and_none_of_typed_columns(tmp_path: Path, file: Write) -> None:
    assert read(LocalText((file("a.csv", "text,n\n5,1\n2020-01-01,2\n"),))) == ["5", "2020-01-01"]
    dates = file("a.jsonl", '{"text": "2020-01-01"}\n{"text": "5"}\n')
    assert read(LocalText((dates,))) == ["2020-01-01", "5"]
    path = table(".parquet", tmp_path)
    with pytest.raises(DataError, match=r"rows\.parquet, row 1: n is 0, not a text"):
        read(LocalText((path,), "n"))
    gc.collect()


def test_a_fingerprint_changes_with_the_file_and_the_column(file: Write) -> None:
    path = file("a.txt", "one")
    first = LocalText((path,)).fingerprint()
    assert LocalText((path,)).fingerprint() == first
    assert LocalText((path,), "body").fingerprint() != first
    file("a.txt", "other")
    assert LocalText((path,)).fingerprint() != first


def opened(split: Literal["train", "valid", "test"] = "train", **given: Any) -> list[str]:
    source = open_source(DataSettings(**given), split)
    assert isinstance(source, LocalText)
    return [path.name for path in source.paths]


def test_a_split_is_a_file_a_list_of_them_or_a_folder(file: Write, tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "deep/er/c.csv", "deep/.hidden", "deep/d.txt.gz"):
        file(name, "text")
    path = str(tmp_path)
    assert opened(path=path, train="a.txt") == ["a.txt"]
    assert opened(path=path, train="a") == ["a.txt"]
    assert opened(path=path, train=["b", "a"]) == ["b.txt", "a.txt"]
    assert opened(path=path, train="deep") == ["d.txt.gz", "c.csv"]
    assert opened(train=f"{path}/a.txt") == ["a.txt"]
    assert opened(path=path, train=["a", "deep"]) == ["a.txt", "d.txt.gz", "c.csv"]
    assert open_source(DataSettings(path=path, train="a"), "valid") is None


@pytest.mark.parametrize("there", ["valid", "validation", "dev", "val"])
@pytest.mark.parametrize("named", ["valid", "validation"])
def test_the_validation_text_has_several_names(
    there: str, named: str, file: Write, tmp_path: Path
) -> None:
    file(f"{there}.txt", "text")
    assert opened("valid", path=str(tmp_path), valid=named) == [f"{there}.txt"]
    with pytest.raises(
        DataError, match=rf"data.test: no file .*/text; in .* there are: {there}.txt"
    ):
        opened("test", path=str(tmp_path), test="text")
    with pytest.raises(DataError, match=r"data.valid: no file .*/holdout; in"):
        opened("valid", path=str(tmp_path), valid="holdout")


def test_what_is_not_there_is_refused(file: Write, tmp_path: Path) -> None:
    file("there.txt", "text")
    (tmp_path / "empty").mkdir()
    path = str(tmp_path)
    with pytest.raises(
        DataError, match=r"data.train: no file .*gone; in .* there are: empty, ther"
    ):
        opened(path=path, train="gone")
    with pytest.raises(DataError, match=r"data.train: no file .*/nowhere/gone$"):
        opened(train=f"{path}/nowhere/gone")
    with pytest.raises(DataError, match=r"data.train: the folder .*/empty has no files"):
        opened(path=path, train="empty")
    for wrong in ("/nowhere/at/all", "./here", "~/there", "plain", "a/b/c"):
        with pytest.raises(
            DataError, match=f"data.path '{wrong}' is neither a folder here nor a h"
        ):
            opened(path=wrong, train="train")


# The hub: nothing here asks the network.

Asked = list[tuple[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A hub that has one set; what it is asked is noted."""
    asked: Asked = []

    def load_dataset(*args: Any, **options: Any) -> Iterator[dict[str, Any]]:
        asked.append((args, options))
        if args[0] != "org/set":
            raise FileNotFoundError(f"{args[0]} is not on the hub")
        return iter([{"text": " one\n", "n": 1}, {"text": None, "n": 2}, {"text": "", "n": 3}])

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    return asked


def test_a_set_on_the_hub_is_streamed_a_row_a_line(hub: Asked) -> None:
    data = DataSettings(path="org/set", name="raw", revision="v1", train="train", valid="dev")
    source = open_source(data, "valid")
    assert source == HubText("org/set", "dev", "raw", "v1", "text")
    assert read(source) == [" one\n\n"]
    assert read(source, "line") == [" one\n", "\n"]
    assert hub[0] == (
        ("org/set", "raw"),
        {"split": "dev", "revision": "v1", "streaming": True},
    )
    assert source.name == "org/set (raw), split dev"
    assert HubText("org/set", "dev").name == "org/set, split dev"
    assert "'v1'" in source.fingerprint()


@pytest.mark.usefixtures("hub")
def test_what_the_hub_has_not_is_refused() -> None:
    with pytest.raises(DataError, match=r"no column 'body': .* one of text, n"):
        read(HubText("org/set", "train", column="body"))
    with pytest.raises(
        DataError,
        match=r"cannot read org/other, split train from the hub \(FileNotFoundError: org/other is "
        r"not on the hub\); for local files, set data.path to their folder",
    ):
        read(HubText("org/other", "train"))
    with pytest.raises(
        DataError, match=r"data.train: a hub set has one split for each of train, v"
    ):
        open_source(DataSettings(path="org/set", train=("a", "b")), "train")


def test_without_network_the_hub_is_not_waited_for() -> None:
    """HF_HUB_OFFLINE is set for all tests."""
    with pytest.raises(
        DataError, match=r"cannot read org/none, split train from the hub \(.*org/n"
    ):
        read(HubText("org/none", "train"))


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", ["set.tsv", "set.csv.gz", "set.jsonl", "set.json", "set.txt"])
def test_what_ends_like_a_file_is_none_on_the_hub(name: str) -> None:
    with pytest.raises(DataError, match=rf"^org/{name}: no such file$"):
        open_source(DataSettings(path=f"org/{name}", test="test"), "test")


def test_a_byte_order_mark_is_no_text(file: Callable[..., Path]) -> None:
    for name in ("a.txt", "a.gz"):
        path = file(name, "\ufeffone\n\ufefftwo\n")
        assert list(read_text(path)) == ["one\n", "\ufefftwo\n"]
    with pytest.raises(DataError, match="byte 6 cannot be decoded"):
        list(read_text(file("b.txt", b"\xef\xbb\xbfone\xff")))


def test_a_local_folder_goes_before_the_hub(
    hub: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "org" / "set").mkdir(parents=True)
    (tmp_path / "org" / "set" / "train.txt").write_text("here")
    monkeypatch.chdir(tmp_path)
    source = open_source(DataSettings(path="org/set", train="train"), "train")
    assert source is not None
    assert read(source) == ["here"]
    assert hub == []
