"""Every damaged or hostile folder is refused by one line that names the file and the fault."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textrnn.errors import ModelFolderError
from textrnn.model_folder import ModelFolder, open_model_folder, write_model_folder
from textrnn.model_folder.strict_json import parse_object, shown
from textrnn.model_folder.weights import read_layout

Edit = Callable[..., None]
Reseal = Callable[[str, bytes], None]


def refused(path: Path, where: str, message: str, **options: Any) -> None:
    with pytest.raises(ModelFolderError, match=message) as raised:
        open_model_folder(path, **options)
    line = str(raised.value)
    assert line.startswith(f"{path / where}: ")
    assert line.isprintable()
    assert len(line) < len(str(path)) + 300


def weights(header: object, data: bytes = bytes(24), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def messages(table: list[tuple[Any, str]]) -> list[str]:
    return [message for _, message in table]


def tensor(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} | changes


# ---- places that are no model folder


def test_no_folder(tmp_path: Path) -> None:
    refused(tmp_path / "model", "", "does not exist")


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a novel")
    refused(tmp_path / "model", "", "is not a folder")


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    refused(tmp_path, "", "is not a model folder: it has no config.json")


def test_another_task(folder: ModelFolder) -> None:
    assert open_model_folder(folder.path, task="language_modeling").task == "language_modeling"
    message = "is a model for 'language_modeling', not for 'translation'"
    refused(folder.path, "", message, task="translation")


def test_what_the_system_refuses(folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    refused(folder.path, "config.json", r"cannot be read \(Permission denied\)")


# ---- config.json

BAD_CONFIG_BYTES: list[tuple[bytes, str]] = [
    (b"", r"not JSON \(line 1: Expecting value\)"),
    (b'{"a": 1', "not JSON"),
    (b"[]", "not a JSON object"),
    (b"\xff\xfe{}", "not UTF-8 text"),
    (b'{"a": "\\ud800"}', "not UTF-8 text"),
    (b'{"a": NaN}', "the number NaN is not finite"),
    (b'{"a": -Infinity}', "the number -Infinity is not finite"),
    (b'{"a": 1e999}', "the number 1e999 is not finite"),
    (b'{"a": ' + b"9" * 5000 + b"}", "a number has 5000 digits"),
    (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
    (b'{"a": ' * 17 + b"1" + b"}" * 17, "nested deeper than 16 levels"),
    (b"[" * 100_000, "nested deeper than 16 levels"),
    (b'{"model_type": "bert"}', "it has no format_version, so it is no model of textrnn"),
    (b" " * (1 << 22) + b"{}", "has 4194306 bytes, more than 4194304"),
]


@pytest.mark.parametrize(("data", "message"), BAD_CONFIG_BYTES, ids=messages(BAD_CONFIG_BYTES))
def test_bad_json(folder: ModelFolder, data: bytes, message: str) -> None:
    (folder.path / "config.json").write_bytes(data)
    refused(folder.path, "config.json", message)


GOOD = {"sha256": "0" * 64, "bytes": 1}
BAD_CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"format_version": 2}, "format_version is 2, and this textrnn reads up to 1: pip install"),
    ({"format_version": 0}, "format_version is 0, not 1"),
    ({"format_version": True}, "format_version is True, not 1"),
    ({"format_version": "1"}, "format_version is '1', not 1"),
    ({"task": None}, "the key 'task' is missing"),
    ({"task": 3}, "task is 3, not a text"),
    ({"task": "x" * 10_001}, r"task is 'x+\.\.\., not a text"),
    ({"tokenizer": ["char"]}, r"tokenizer is \['char'\], not a text"),
    ({"network": []}, r"network is \[\], not an object"),
    ({"vocab_size": 0}, "vocab_size is 0, not a whole number from 1 to 67108864"),
    ({"vocab_size": 10**12}, "vocab_size is 1000000000000, not a whole number"),
    ({"vocab_size": 2.5}, "vocab_size is 2.5, not a whole number"),
    ({"storage": "int4"}, "storage is 'int4', not 'float32' or 'float16'"),
    ({"storage": ["float32"]}, "storage is .*, not 'float32' or 'float16'"),
    ({"parameters_sha256": "x"}, "parameters_sha256 is 'x', not 64 hexadecimal digits"),
    ({"parameters_sha256": "0" * 64}, "parameters_sha256 is not the sha256 that files gives"),
    ({"labels": [1]}, r"labels is \[1\], not a list of different texts"),
    ({"languages": "en"}, "languages is 'en', not a list of texts"),
    ({"generation": "hot"}, "generation is 'hot', not an object"),
    ({"__class__": "os.system"}, "unknown key '__class__'"),
    ({"\x1b[2J": 1}, r"unknown key '\\x1b\[2J'"),
    ({"network": {"hidden_size": 10**15}}, "network holds the number 1000000000000000, beyond"),
    ({"network": {"sizes": [1, [-1e300]]}}, r"network holds the number -1e\+300, beyond"),
    ({"files": {"config.json": GOOD}}, "'config.json' has no place in a model folder"),
    ({"files": {"../../x.json": GOOD}}, r"'../../x.json' is not a plain path inside"),
    ({"files": {"/etc/passwd": GOOD}}, "'/etc/passwd' is not a plain path inside"),
    ({"files": {"onnx/../../a.onnx": GOOD}}, "'onnx/../../a.onnx' is not a plain path"),
    ({"files": {"C:\\a.json": GOOD}}, "is not a plain path inside"),
    ({"files": {"a\x00b": GOOD}}, r"'a\\x00b' is not a plain path inside"),
    ({"files": {"onnx//a.onnx": GOOD}}, "'onnx//a.onnx' is not a plain path inside"),
    ({"files": {"training/" + "a" * 200 + ".txt": GOOD}}, "is not a plain path inside"),
    ({"files": {"pytorch_model.bin": GOOD}}, "'pytorch_model.bin' may hold code and is never"),
    ({"files": {"training/optimizer.PT": GOOD}}, "'training/optimizer.PT' may hold code"),
    ({"files": {"tokenizer.pkl": GOOD}}, "'tokenizer.pkl' may hold code and is never read"),
    ({"files": {"run.py": GOOD}}, "'run.py' has no place in a model folder"),
    ({"files": {"NOTICE": 3}}, "files: NOTICE needs exactly 'sha256' and 'bytes'"),
    ({"files": {"NOTICE": GOOD | {"url": ""}}}, "files: NOTICE needs exactly"),
    ({"files": {"NOTICE": GOOD | {"sha256": "0"}}}, "files: the sha256 of NOTICE is not 64"),
    ({"files": {"NOTICE": GOOD | {"bytes": -1}}}, "files: the size of NOTICE is -1"),
    ({"files": {"NOTICE": GOOD | {"bytes": True}}}, "files: the size of NOTICE is True"),
    ({"files": {"model.safetensors": None}}, "files does not list model.safetensors"),
    (
        {"files": {f"onnx/{number}.onnx": GOOD for number in range(1000)}},
        "files lists 1006 files, more than 1000",
    ),
]


@pytest.mark.parametrize(("changes", "message"), BAD_CONFIGS, ids=messages(BAD_CONFIGS))
def test_bad_config(folder: ModelFolder, edit: Edit, changes: dict[str, Any], message: str) -> None:
    edit(**changes)
    refused(folder.path, "config.json", message)


# ---- the files


def test_every_file_is_missed(folder: ModelFolder) -> None:
    for name in folder.files:
        kept = (folder.path / name).rename(folder.path.parent / "kept")
        refused(folder.path, name, "is missing, but config.json lists it")
        kept.rename(folder.path / name)


def test_every_file_that_is_cut_off_is_refused(folder: ModelFolder) -> None:
    for name in folder.files:
        data = (folder.path / name).read_bytes()
        (folder.path / name).write_bytes(data[:-1])
        refused(folder.path, name, f"has {len(data) - 1} bytes, not the {len(data)} of config")
        (folder.path / name).write_bytes(data)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("README.md", ModelFolder.card),
        ("model.safetensors", ModelFolder.tensors),
        ("tokenizer.json", ModelFolder.tokenizer),
        ("onnx/step.onnx", lambda folder: folder.file("onnx/step.onnx")),
        ("LICENSE", ModelFolder.verify),
        ("training/metrics.jsonl", ModelFolder.verify),
    ],
)
def test_an_altered_file_is_refused_when_it_is_read(
    folder: ModelFolder, name: str, read: Callable[[ModelFolder], object]
) -> None:
    data = (folder.path / name).read_bytes()
    (folder.path / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    opened = open_model_folder(folder.path)
    message = rf"{name}: is damaged: its sha256 is not the one in config.json; fetch or write"
    with pytest.raises(ModelFolderError, match=message):
        read(opened)
    with pytest.raises(ModelFolderError, match=message):
        opened.verify()


EXTRA: list[tuple[str, str]] = [
    ("pytorch_model.bin", "'pytorch_model.bin' may hold code and is never read; only model.safe"),
    ("training/state.pkl", "'training/state.pkl' may hold code"),
    ("modeling.py", "'modeling.py' has no place in a model folder"),
    ("onnx/other.onnx", "'onnx/other.onnx' is not listed in config.json"),
    ("a\nb", r"'a\\nb' is not a plain path inside the folder"),
]


@pytest.mark.parametrize(("name", "message"), EXTRA, ids=messages(EXTRA))
def test_a_file_too_many(folder: ModelFolder, name: str, message: str) -> None:
    (folder.path / name).write_bytes(b"x")
    refused(folder.path, "", message)


def test_hidden_files_are_not_looked_at(folder: ModelFolder) -> None:
    (folder.path / ".gitattributes").write_text("*.safetensors filter=lfs")
    (folder.path / ".cache").mkdir()
    (folder.path / ".cache" / "x.pkl").write_bytes(b"x")
    open_model_folder(folder.path).verify()


def test_a_link_out_of_the_folder(folder: ModelFolder) -> None:
    for name in ("README.md", "config.json"):
        outside = folder.path.parent / "outside"
        shutil.move(folder.path / name, outside)
        (folder.path / name).symlink_to(outside)
        refused(folder.path, name, "is a link out of the folder, which is never followed")
        (folder.path / name).unlink()
        shutil.move(outside, folder.path / name)


def test_a_folder_that_is_a_link_out(folder: ModelFolder) -> None:
    shutil.move(folder.path / "training", folder.path.parent / "training")
    (folder.path / "training").symlink_to(folder.path.parent / "training")
    refused(folder.path, "", "'training' has no place in a model folder")


def test_a_link_to_nowhere(folder: ModelFolder) -> None:
    (folder.path / "README.md").unlink()
    (folder.path / "README.md").symlink_to("nowhere")
    refused(folder.path, "README.md", r"cannot be read \(No such file or directory\)")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_nobody_writes_to(folder: ModelFolder) -> None:
    for name in ("model.safetensors", "config.json"):
        (folder.path / name).unlink()
        os.mkfifo(folder.path / name)
        refused(folder.path, name, "is not a plain file")


def test_a_folder_in_the_place_of_a_file(folder: ModelFolder) -> None:
    (folder.path / "README.md").unlink()
    (folder.path / "README.md").mkdir()
    refused(folder.path, "README.md", "is not a plain file")


# ---- model.safetensors

BAD_WEIGHTS: list[tuple[bytes, str]] = [
    (b"", "it has 0 bytes, too few for its header of 0"),
    (b"\x01", "it has 1 bytes, too few for its header of 1"),
    (weights({"w": tensor()}, length=2**63), "too few for its header of 9223372036854775808"),
    (weights(b" " * (1 << 20) + b"{}"), "its header has 1048578 bytes, more than 1048576"),
    (weights(b"{"), "not JSON"),
    (weights([1]), "not a JSON object"),
    (weights(b'{"w": 1, "w": 2}'), "the key 'w' stands twice"),
    (weights({}), "its 0 tensors end at byte 10, the file at 34"),
    (weights({}, b""), "its 0 tensors end at byte 10, the file at 10"),
    (weights({"w": 1}), "tensor 'w' needs exactly dtype, shape and data_offsets"),
    (weights({"w": tensor(more=1)}), "tensor 'w' needs exactly dtype, shape and data_offsets"),
    (weights({"w": tensor(dtype="F16")}), "tensor 'w' is stored as 'F16', not as float32"),
    (weights({"w": tensor(dtype="I64")}), "tensor 'w' is stored as 'I64', not as float32"),
    (weights({"w": tensor(dtype=[1])}), r"tensor 'w' is stored as \[1\], not as float32"),
    (weights({"w": tensor(shape=[2, 4])}), r"of shape \[2, 4\] takes 32 bytes, not 24"),
    (weights({"w": tensor(shape=[10**18] * 8)}), "takes 4[0]+ bytes, not 24"),
    (weights({"w": tensor(shape=[-2, -3])}), r"tensor 'w' has the shape \[-2, -3\]"),
    (weights({"w": tensor(shape=[0, 10**9])}), r"tensor 'w' has the shape \[0, 1000000000\]"),
    (weights({"w": tensor(shape=[2.0, 3])}), r"tensor 'w' has the shape \[2.0, 3\]"),
    (weights({"w": tensor(shape=[True, 6])}), r"tensor 'w' has the shape \[True, 6\]"),
    (weights({"w": tensor(shape="23")}), "tensor 'w' has the shape '23'"),
    (weights({"w": tensor(shape=[1] * 7 + [2, 3])}), r"tensor 'w' has the shape \[1, 1"),
    (weights({"w": tensor(data_offsets=[0])}), r"tensor 'w' has the data_offsets \[0\]"),
    (weights({"w": tensor(data_offsets=[-24, 0])}), r"has the data_offsets \[-24, 0\]"),
    (weights({"w": tensor(data_offsets=[24, 48])}), "tensor 'w' begins at byte 98, not 74"),
    (weights({"w": tensor()}, bytes(20)), "its 1 tensors end at byte 97, the file at 93"),
    (weights({"w": tensor()}, bytes(28)), "its 1 tensors end at byte 97, the file at 101"),
    (weights({"w": tensor(), "v": tensor()}), "tensor 'v' begins at byte 138, not 162"),
]


@pytest.mark.parametrize(("data", "message"), BAD_WEIGHTS, ids=messages(BAD_WEIGHTS))
def test_bad_weights(folder: ModelFolder, reseal: Reseal, data: bytes, message: str) -> None:
    reseal("model.safetensors", data)
    refused(folder.path, "model.safetensors", f"is damaged: .*{message}")


def test_metadata_in_the_header_is_no_tensor(folder: ModelFolder, reseal: Reseal) -> None:
    reseal("model.safetensors", weights({"__metadata__": {"format": "pt"}, "w": tensor()}))
    assert open_model_folder(folder.path).tensor_shapes() == {"w": (2, 3)}


def test_tensors_that_are_not_aligned_are_read(folder: ModelFolder, reseal: Reseal) -> None:
    values = np.arange(6, dtype=np.float32)
    for padding in range(4):
        header = json.dumps({"w": tensor()}).encode() + b" " * padding
        reseal("model.safetensors", weights(header, values.tobytes()))
        found = open_model_folder(folder.path).tensors()["w"]
        np.testing.assert_array_equal(found, values.reshape(2, 3))
        assert found.flags.aligned


def test_absurd_sizes_take_no_memory(folder: ModelFolder, reseal: Reseal) -> None:
    huge = tensor(shape=[2**40], data_offsets=[0, 2**42])
    reseal("model.safetensors", weights({"w": huge}))
    tracemalloc.start()
    refused(folder.path, "model.safetensors", "its 1 tensors end at byte .*, the file at")
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_header_does_anything_but_fit_or_be_refused(tmp_path: Path, data: Any) -> None:
    value = st.recursive(
        st.none() | st.booleans() | st.integers(-5, 40) | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=6,
    )
    fields = {"dtype": st.just("F32") | value, "shape": value, "data_offsets": value}
    entry = st.fixed_dictionaries({key: st.just(tensor()[key]) | v for key, v in fields.items()})
    header = data.draw(st.dictionaries(st.text(max_size=3), entry | value, max_size=3))
    size = data.draw(st.sampled_from([0, 4, 24, 48]))
    path = tmp_path / "model.safetensors"
    path.write_bytes(weights(header, bytes(size)))
    try:
        layout = read_layout(path, "float32")
    except ValueError:
        return
    covered = sorted((span.begin, span.end) for span in layout.spans.values())
    assert covered[-1][1] == path.stat().st_size
    assert all(before[1] == after[0] for before, after in pairwise(covered))


# ---- reading what is sound


def test_a_file_is_hashed_once(folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real = hashlib.sha256
    real_file = hashlib.file_digest
    monkeypatch.setattr(hashlib, "sha256", lambda data: hashed.append("data") or real(data))
    monkeypatch.setattr(
        hashlib, "file_digest", lambda f, kind: hashed.append(f.name) or real_file(f, kind)
    )
    opened = open_model_folder(folder.path)
    assert hashed == []
    for _ in range(3):
        opened.tensors()
        opened.file("onnx/step.onnx")
        opened.card()
    assert hashed == ["data", str(folder.path / "onnx/step.onnx"), str(folder.path / "README.md")]
    opened.verify()
    assert len(hashed) == len(folder.files)


def test_what_changes_while_it_is_open_is_refused(folder: ModelFolder) -> None:
    folder.tensors()
    (folder.path / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelFolderError, match=r"model.safetensors: is damaged: its sha256"):
        folder.tensors()
    (folder.path / "model.safetensors").unlink()
    with pytest.raises(ModelFolderError, match=r"safetensors: cannot be read \(No such file"):
        folder.tensors()
    folder.card()
    (folder.path / "README.md").unlink()
    (folder.path / "LICENSE").unlink()
    with pytest.raises(ModelFolderError, match=r"README.md: cannot be read \(No such file"):
        folder.card()
    with pytest.raises(ModelFolderError, match=r"LICENSE: cannot be read \(No such file"):
        folder.verify()


def test_a_file_that_is_not_there(folder: ModelFolder) -> None:
    with pytest.raises(ModelFolderError, match=r"model: holds no file '\.\./secrets'"):
        folder.file("../secrets")


def test_a_folder_without_a_card(folder: ModelFolder, edit: Edit) -> None:
    (folder.path / "README.md").unlink()
    edit(files={"README.md": None})
    assert open_model_folder(folder.path).card() == ""


def test_a_card_that_is_not_text(folder: ModelFolder, reseal: Reseal) -> None:
    reseal("README.md", b"\xff\xfe")
    with pytest.raises(ModelFolderError, match=r"README.md: is not UTF-8 text"):
        open_model_folder(folder.path).card()


def test_a_tokenizer_that_cannot_be_read(folder: ModelFolder, reseal: Reseal) -> None:
    reseal("tokenizer.json", b'{"kind": "lstm"}')
    with pytest.raises(ModelFolderError, match=r"tokenizer\.json has format_version None"):
        open_model_folder(folder.path).tokenizer()


@pytest.mark.parametrize("change", [{"tokenizer": "char"}, {"vocab_size": 9}])
def test_a_tokenizer_of_another_model(
    folder: ModelFolder, edit: Edit, change: dict[str, Any]
) -> None:
    edit(**change)
    with pytest.raises(ModelFolderError, match=r"its tokenizer is \('byte', 260\), but config"):
        open_model_folder(folder.path).tokenizer()


def test_a_folder_says_where_it_is(folder: ModelFolder) -> None:
    assert repr(folder) == f"ModelFolder(path={folder.path!r})"


# ---- after a kill


def test_what_a_killed_writer_left_aside_is_put_back(folder: ModelFolder) -> None:
    folder.path.rename(folder.path.with_name(".model.textrnn-old"))
    assert open_model_folder(folder.path).card() == "# A card\n"
    assert [path.name for path in folder.path.parent.iterdir()] == ["model"]


def test_what_is_aside_does_not_replace_what_is_there(
    folder: ModelFolder, contents: Callable[..., Any]
) -> None:
    aside = folder.path.with_name(".model.textrnn-old")
    write_model_folder(aside, contents(card="# Older\n"))
    assert open_model_folder(folder.path).card() == "# A card\n"
    write_model_folder(folder.path, contents(card="# Newer\n"))
    assert open_model_folder(folder.path).card() == "# Newer\n"
    assert not aside.exists()


# ---- strict JSON


def json_values() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text()
    leaves |= st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(leaves, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=8)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), json_values()))
def test_ordinary_json_is_read(value: dict[str, Any]) -> None:
    data = json.dumps(value).encode()
    if depth(value) > 16:
        with pytest.raises(ValueError, match="nested deeper than 16 levels"):
            parse_object(data)
    else:
        assert parse_object(data) == value


def depth(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inside), default=0) if isinstance(value, dict | list) else 1  # type: ignore[arg-type]


@given(st.binary(max_size=40))
def test_no_bytes_do_anything_but_parse_or_be_refused(data: bytes) -> None:
    message = ""
    try:
        assert isinstance(parse_object(data), dict)
    except ValueError as error:
        message = str(error)
    assert message == "" or message.isprintable()


STRANGE: list[object] = ["a\nb", "\x1b[31m", "\u202e", "x" * 10_000, ["y" * 500], {"k": "\x00"}]


@pytest.mark.parametrize("value", STRANGE, ids=ascii)
def test_a_strangers_value_is_shown_in_one_short_line(value: object) -> None:
    assert shown(value).isprintable()
    assert shown(value).isascii()
    assert len(shown(value)) <= 63
