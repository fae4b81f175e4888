"""What is written is what is read, and nothing else is ever lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import textrnn
from textrnn.errors import ModelFolderError
from textrnn.model_folder import (
    FolderContents,
    ModelFolder,
    open_model_folder,
    swap,
    write_model_folder,
)
from textrnn.tokenizers import FAMILY, TokenizerSettings

Contents = Callable[..., FolderContents]


def names_in(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}


def test_what_is_written_is_what_is_read(tmp_path: Path, contents: Contents) -> None:
    given = contents(extra={"training/recipe.yaml": b"task: language_modeling\n"})
    folder = write_model_folder(tmp_path / "deep" / "model", given)
    assert folder.path == tmp_path / "deep" / "model"
    assert (folder.task, folder.vocab_size, folder.generation) == ("language_modeling", 260, {})
    assert folder.network == {"encoder": {"hidden_size": 3}}
    assert folder.tensor_shapes() == {"a.weight": (2, 3), "b": (2,)}
    tensors = folder.tensors()
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, given.tensors[name])
        tensor += 1  # so torch may take it without a copy
    np.testing.assert_array_equal(folder.tensors()["b"], [1, 1])
    assert folder.tokenizer().encode("a") == given.tokenizer.encode("a")
    assert folder.card() == "# A card\n"
    assert folder.file("training/recipe.yaml").read_bytes() == b"task: language_modeling\n"
    folder.verify()


def test_the_config_says_what_the_folder_is(folder: ModelFolder) -> None:
    config = json.loads((folder.path / "config.json").read_text())
    assert config == folder.config
    assert set(config.pop("files")) == set(folder.files) == names_in(folder.path) - {"config.json"}
    digest = config.pop("parameters_sha256")
    assert (len(digest), digest) == (64, folder.parameters_sha256)
    assert config == {
        "format_version": 1,
        "textrnn_version": textrnn.__version__,
        "storage": "float32",
        "task": "language_modeling",
        "network": {"encoder": {"hidden_size": 3}},
        "generation": {"temperature": 0.8},
        "labels": ["a", "b"],
        "tokenizer": "byte",
        "vocab_size": 260,
    }


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        hnp.arrays(
            np.float32,
            hnp.array_shapes(min_dims=0, max_dims=4, max_side=5),
            elements=st.floats(allow_nan=False, allow_infinity=False, width=16),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["float32", "float16"]),
)
def test_any_tensors_come_back(
    tmp_path: Path, contents: Contents, tensors: dict[str, Any], storage: str
) -> None:
    config = contents().config | {"storage": storage}  # type: ignore[operator]
    folder = write_model_folder(tmp_path / "model", contents(config=config, tensors=tensors))
    found = folder.tensors()
    assert folder.tensor_shapes() == {name: tensor.shape for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor)


def test_a_transposed_tensor_comes_back(tmp_path: Path, contents: Contents) -> None:
    tensor = np.arange(6.0).reshape(2, 3).T
    folder = write_model_folder(tmp_path / "model", contents(tensors={"w": tensor}))
    np.testing.assert_array_equal(folder.tensors()["w"], tensor)


def test_float16_halves_the_file(tmp_path: Path, contents: Contents) -> None:
    tensors = {"w": np.linspace(-1, 1, 5000).reshape(50, 100)}
    config = contents().config | {"storage": "float16"}  # type: ignore[operator]
    folder = write_model_folder(tmp_path / "model", contents(config=config, tensors=tensors))
    assert folder.config["files"]["model.safetensors"]["bytes"] < 5000 * 2 + 200
    np.testing.assert_allclose(folder.tensors()["w"], tensors["w"], atol=5e-4)


def test_the_same_contents_give_the_same_bytes(tmp_path: Path, contents: Contents) -> None:
    for name in ("one", "two"):
        write_model_folder(tmp_path / name, contents())
    for name in names_in(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_file_may_be_copied_in(tmp_path: Path, contents: Contents) -> None:
    graph = tmp_path / "made.onnx"
    graph.write_bytes(b"a graph")
    folder = write_model_folder(tmp_path / "model", contents(extra={"onnx/step.onnx": graph}))
    assert folder.file("onnx/step.onnx").read_bytes() == b"a graph"


NAN, BIG = np.full(2, np.nan), np.full(2, 1e6)
REFUSED_CONTENTS: list[tuple[dict[str, Any], str]] = [
    ({"tensors": {}}, "there must be tensors"),
    ({"tensors": {"__metadata__": np.ones(2)}}, "none of them called '__metadata__'"),
    ({"tensors": {"w": np.ones(2, np.int64)}}, "tensor 'w' of 2 int64 is not floats"),
    ({"tensors": {"w": np.ones((0, 2))}}, "tensor 'w' of 0 float64 is not floats"),
    ({"tensors": {"w": NAN}}, "tensor 'w' has values that are not finite in float32"),
    (
        {"tensors": {"w": BIG}, "config": {"storage": "float16"}},
        "tensor 'w' has values that are not finite in float16",
    ),
    ({"config": {"storage": "int8"}}, "storage is 'int8', not 'float32' or 'float16'"),
    ({"config": {"files": {}}}, "config holds 'files', which is filled in"),
    ({"config": {"vocab_size": 9}}, "config says vocab_size 9, but the tokenizer says 260"),
    ({"config": {"tokenizer": "char"}}, "config says tokenizer 'char', but the tokenizer says"),
    ({"config": {"task": "x"}}, "the key 'network' is missing"),
    ({"config": {"task": "x", "network": {}, "tsak": 1}}, "unknown key 'tsak'"),
    ({"config": {"task": "x", "network": {"p": float("nan")}}}, "not JSON compliant"),
    ({"extra": {"../up.json": b""}}, "'../up.json' is not a plain path inside the folder"),
    ({"extra": {"training/model.pt": b""}}, "'training/model.pt' may hold code"),
    ({"extra": {"notes.doc": b""}}, "'notes.doc' has no place in a model folder"),
    ({"extra": {"README.md": b""}}, "extra holds 'README.md', which is written anyway"),
    ({"card": "\ud800"}, "can't encode character"),
]


@pytest.mark.parametrize(
    ("changes", "message"), REFUSED_CONTENTS, ids=lambda value: str(value)[:50]
)
def test_contents_that_are_refused(
    tmp_path: Path, contents: Contents, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelFolderError, match=message) as raised:
        write_model_folder(tmp_path / "model", contents(**changes))
    assert str(raised.value).startswith(f"{tmp_path / 'model'}: cannot be written: ")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_could_not_be_opened_is_not_written(
    tmp_path: Path, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textrnn.model_folder.weights.MAX_HEADER_BYTES", 10)
    with pytest.raises(ModelFolderError, match=r"its header has .* more than 10"):
        write_model_folder(tmp_path / "model", contents())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def new(contents: Contents) -> FolderContents:
    return contents(card="# The new one\n")


def test_a_model_folder_is_replaced_whole(folder: ModelFolder, new: FolderContents) -> None:
    assert "LICENSE" in folder.files
    assert write_model_folder(folder.path, new).card() == "# The new one\n"
    assert "LICENSE" not in names_in(folder.path)
    assert [path.name for path in folder.path.parent.iterdir()] == ["model"]


def test_a_damaged_model_folder_is_replaced(folder: ModelFolder, new: FolderContents) -> None:
    (folder.path / "model.safetensors").write_bytes(b"broken")
    assert write_model_folder(folder.path, new).card() == "# The new one\n"


def test_an_empty_folder_is_replaced(tmp_path: Path, new: FolderContents) -> None:
    (tmp_path / "model").mkdir()
    assert write_model_folder(tmp_path / "model", new).card() == "# The new one\n"


def test_a_link_stays_a_link(folder: ModelFolder, new: FolderContents) -> None:
    link = folder.path.parent / "latest"
    link.symlink_to(folder.path)
    assert write_model_folder(link, new).path == folder.path
    assert link.is_symlink()
    assert open_model_folder(link).card() == "# The new one\n"


def spoil_with_file(path: Path) -> None:
    for file in sorted(path.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    path.rmdir()
    path.write_text("a novel")


def spoil_config(path: Path) -> None:
    (path / "config.json").write_text('{"model_type": "bert"}')


def spoil_json(path: Path) -> None:
    (path / "config.json").write_text("not json")


def without_config(path: Path) -> None:
    (path / "config.json").unlink()


def with_git(path: Path) -> None:
    (path / ".git").mkdir()
    (path / ".git" / "HEAD").write_text("ref")


def with_notes(path: Path) -> None:
    (path / "notes.txt").write_text("mine")


def with_link(path: Path) -> None:
    (path / "data").symlink_to(path.parent)


SOMETHING_ELSE = "it is a folder of something else: choose another name, or empty it"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_with_file, "it is a file: choose another name"),
        (spoil_config, SOMETHING_ELSE),
        (spoil_json, SOMETHING_ELSE),
        (without_config, SOMETHING_ELSE),
        (with_git, "'.git/HEAD' is not a plain path inside the folder: move it elsewhere"),
        (with_notes, "'notes.txt' has no place in a model folder: move it elsewhere"),
        (with_link, "'data' has no place in a model folder: move it elsewhere"),
    ],
)
def test_what_is_something_else_is_not_replaced(
    folder: ModelFolder, new: FolderContents, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(folder.path)
    before = names_in(folder.path.parent)
    with pytest.raises(ModelFolderError, match=f"cannot be written: {message}"):
        write_model_folder(folder.path, new)
    assert names_in(folder.path.parent) == before


def full_disk(*args: object, **kwargs: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.write_bytes", "pathlib.Path.rename"])
def test_a_full_disk_loses_nothing(
    folder: ModelFolder, new: FolderContents, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(place, full_disk)
        message = r"model: cannot be written \(No space left on device\); what was there"
        with pytest.raises(ModelFolderError, match=message):
            write_model_folder(folder.path, new)
    assert open_model_folder(folder.path).card() == "# A card\n"
    assert [path.name for path in folder.path.parent.iterdir()] == ["model"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(
    folder: ModelFolder, new: FolderContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if "textrnn-new" in path.name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(ModelFolderError, match=r"cannot be written \(Permission denied\)"):
            write_model_folder(folder.path, new)
    assert open_model_folder(folder.path).card() == "# A card\n"
    assert [path.name for path in folder.path.parent.iterdir()] == ["model"]


def test_a_reader_between_the_two_renames_does_no_harm(
    folder: ModelFolder, new: FolderContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        moved = real(path, target)
        if path == folder.path and not read:
            read.append(open_model_folder(path).card())
        return moved

    monkeypatch.setattr(Path, "rename", rename)
    write_model_folder(folder.path, new)
    assert read == ["# A card\n"]
    assert open_model_folder(folder.path).card() == "# The new one\n"
    assert [path.name for path in folder.path.parent.iterdir()] == ["model"]


def test_a_writer_that_ends_while_a_reader_recovers_does_no_harm(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = folder.path.with_name("copy")
    shutil.copytree(folder.path, copy)
    folder.path.rename(folder.path.with_name(".model.textrnn-old"))
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        real(copy, folder.path)
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert open_model_folder(folder.path).card() == "# A card\n"


def test_what_cannot_be_put_back_is_said(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.path.rename(folder.path.with_name(".model.textrnn-old"))
    monkeypatch.setattr(Path, "rename", full_disk)
    with pytest.raises(ModelFolderError, match=r"model: cannot be read \(No space left on device"):
        open_model_folder(folder.path)


def test_what_killed_writers_left_is_deleted_when_it_is_old(
    tmp_path: Path, new: FolderContents
) -> None:
    ages = {".model.textrnn-new-old": 2 * swap.STALE_SECONDS, ".model.textrnn-new-young": 0.0}
    for name, age in ages.items():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    write_model_folder(tmp_path / "model", new)
    assert {path.name for path in tmp_path.iterdir()} == {"model", ".model.textrnn-new-young"}


def test_directories_are_not_flushed_where_they_cannot_be(
    tmp_path: Path, new: FolderContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    real = os.open

    def spy(path: Path, flags: int) -> int:
        flushed.append(Path(path).name)
        return real(path, flags)

    monkeypatch.delattr(os, "O_DIRECTORY")  # as on Windows
    monkeypatch.setattr(os, "open", spy)
    swap.put_in_place(write_model_folder(tmp_path / "model", new).path, tmp_path / "other")
    assert set(flushed) == {"config.json", "model.safetensors", "README.md", "tokenizer.json"}


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from textrnn.errors import ModelFolderError
from textrnn.model_folder import FolderContents, open_model_folder, swap, write_model_folder
from textrnn.tokenizers import FAMILY

swap.STALE_SECONDS = 0.0
root = Path(sys.argv[1])
moments = left = 0


def contents(value):
    config = {"task": "language_modeling", "network": {}}
    tensors = {"w": np.full(3, value, np.float32)}
    return FolderContents(config, tensors, FAMILY.get("byte")(), f"{value}", {"NOTICE": b"x"})


def watch(event, args):
    global moments
    if left and event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.scandir"):
        moments += 1
        if moments == left:
            os.kill(os.getpid(), signal.SIGKILL)


def value(path):
    folder = open_model_folder(path)
    folder.verify()
    return folder.tensors()["w"][0]


sys.addaudithook(watch)
write_model_folder(root / "warm", contents(0))
moment, status = 0, 9
while status == 9:
    moment += 1
    path = root / f"{moment}" / "model"
    write_model_folder(path, contents(1))
    child = os.fork()
    if child == 0:
        left = moment
        write_model_folder(path, contents(2))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    found = value(path)
    write_model_folder(path, contents(3))
    print(int(found), int(value(path)), *sorted(file.name for file in path.parent.iterdir()))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_leaves_the_old_folder_or_the_new_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = done.stdout.splitlines()
    assert len(found) > 30
    assert set(found) == {"1 3 model", "2 3 model"}
    assert found[0] == "1 3 model"
    assert found[-1] == "2 3 model"
    assert found == sorted(found)  # old until a moment, new from then on


def test_a_translators_two_tokenizers(
    tmp_path: Path, contents: Callable[..., FolderContents]
) -> None:
    other = FAMILY.get("char").train(["abc"], TokenizerSettings(kind="char"))
    config = {"task": "translation", "network": {"source_vocab_size": other.vocab_size}}
    folder = write_model_folder(tmp_path / "two", contents(config=config, source_tokenizer=other))
    assert (folder.source_tokenizer().kind, folder.tokenizer().kind) == ("char", "byte")
    assert "source/tokenizer.json" in folder.files
    joint = write_model_folder(tmp_path / "one", contents(config=config))
    assert joint.source_tokenizer() is joint.tokenizer()
    wrong = config | {"network": {"source_vocab_size": 99}}
    folder = write_model_folder(tmp_path / "wrong", contents(config=wrong, source_tokenizer=other))
    told = rf"tokenizer has {other.vocab_size} ids, but config\.json says 99"
    with pytest.raises(ModelFolderError, match=told):
        folder.source_tokenizer()


def test_a_tokenizer_in_any_other_folder_is_refused(
    tmp_path: Path, contents: Callable[..., FolderContents]
) -> None:
    with pytest.raises(ModelFolderError, match=r"'other/tokenizer\.json' has no place"):
        write_model_folder(tmp_path / "no", contents(extra={"other/tokenizer.json": b"{}"}))
