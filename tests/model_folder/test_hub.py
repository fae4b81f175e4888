"""Where a model is found: what ships, this disk, the hub; never there where the disk will do."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

from textrnn.errors import ModelFolderError, UnknownNameError
from textrnn.model_folder import (
    ModelFolder,
    find_model,
    hub,
    open_model_folder,
    shipped_models,
)

Fetch = Callable[..., str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "SHIPPED", tmp_path / "shipped")
    return tmp_path


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def reach(*args: object, **kwargs: object) -> None:
        pytest.fail("the hub was asked")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", reach)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", reach)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fetch | Exception, Any], list[Any]]:
    """Have the hub answer: what a download does, and what its index says."""

    def set_up(download: Fetch | Exception, info: Any = "known") -> list[Any]:
        asked: list[Any] = []

        def fetch(name: str, **options: Any) -> str:
            asked.append(options)
            if isinstance(download, Exception):
                raise download
            return download(name)

        def tell(self: object, name: str, *, timeout: float) -> Any:
            if isinstance(info, Exception):
                raise info
            return info

        monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", tell)
        return asked

    return set_up


@pytest.mark.usefixtures("no_hub")
def test_a_folder_on_this_disk(here: Path, folder: ModelFolder) -> None:
    shutil.copytree(folder.path, here / "org" / "name")
    for name in ("org/name", here / "org" / "name", str(here / "org" / "name"), "./org/name/"):
        assert find_model(name).resolve() == here / "org" / "name"


@pytest.mark.usefixtures("no_hub")
def test_a_folder_that_a_kill_left_aside(here: Path, folder: ModelFolder) -> None:
    folder.path.rename(folder.path.with_name(".model.textrnn-old"))
    assert find_model("model") == Path("model")
    assert open_model_folder("model").card() == "# A card\n"


@pytest.mark.usefixtures("no_hub")
def test_the_folder_of_a_run_stands_for_its_model(here: Path, folder: ModelFolder) -> None:
    (here / "runs").mkdir()
    folder.path.rename(here / "runs" / "model")
    assert find_model("runs") == Path("runs/model")
    assert find_model("runs/model") == Path("runs/model")
    (here / "runs" / "model").rename(here / "runs" / ".model.textrnn-old")
    assert find_model("runs") == Path("runs/model")
    (here / "runs" / "config.json").write_text("{}")
    assert find_model("runs") == Path("runs")


@pytest.mark.usefixtures("no_hub")
def test_a_model_that_ships(here: Path, folder: ModelFolder) -> None:
    assert shipped_models() == ()
    for name in ("stories-en", "sentiment-en"):
        shutil.copytree(folder.path, here / "shipped" / name)
    (here / "shipped" / "__pycache__").mkdir()
    assert shipped_models() == ("sentiment-en", "stories-en")
    assert find_model("stories-en") == here / "shipped" / "stories-en"
    shutil.copytree(folder.path, here / "stories-en")
    assert find_model("stories-en") == here / "shipped" / "stories-en"
    assert find_model("./stories-en") == Path("stories-en")
    with pytest.raises(UnknownNameError, match=r"no model 'storys-en' .*mean 'stories-en'\?"):
        find_model("storys-en")


@pytest.mark.usefixtures("here", "no_hub")
@pytest.mark.parametrize(
    "name",
    ["nothing", "a/b/c", "/a/b", "../a/b", "a b/c", "a/", "a\0b", "x" * 5000, Path("a/b"), None, 5],
)
def test_what_is_none_of_the_three(name: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"no model .* \(known: none\)"):
        find_model(name)


def test_a_model_on_the_hub(answer: Any, folder: ModelFolder) -> None:
    asked = answer(lambda name: str(folder.path))
    assert open_model_folder(find_model("some-org/some.model")).card() == "# A card\n"
    (options,) = asked
    assert options["local_files_only"] is False
    assert {"config.json", "model.safetensors", "tokenizer.*"} <= set(options["allow_patterns"])
    assert not any(".bin" in name or ".p" in name for name in options["allow_patterns"][1:4])


def failure(kind: type[Exception], text: str = "first line\nsecond line") -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    return error


NOWHERE = "org/name: there is no such folder, it is not in the hub's cache, and the hub does not"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("download", "info", "message"),
    [
        (
            failure(LocalEntryNotFoundError),
            failure(RepositoryNotFoundError),
            r"org/name: there is no such folder, and the hub has no such model that you may read",
        ),
        (failure(LocalEntryNotFoundError), OSError("timed out"), NOWHERE),
        (OSError("disk full\nmore"), "known", "org/name: cannot be fetched .*: disk full$"),
        (ValueError("bad name"), "known", "org/name: cannot be fetched from the hub: bad name$"),
    ],
)
def test_a_hub_that_fails(
    answer: Any, download: Any, info: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    answer(download, info)
    with pytest.raises(ModelFolderError, match=message):
        find_model("org/name")


def test_a_hub_that_does_not_answer_but_whose_cache_has_it(
    answer: Any, folder: ModelFolder
) -> None:
    asked = answer(lambda name: str(folder.path), ConnectionError("no network"))
    assert find_model("org/name") == folder.path
    assert asked[0]["local_files_only"] is True


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


@pytest.mark.usefixtures("cache")
def test_offline_without_a_cache() -> None:
    with pytest.raises(ModelFolderError, match="not in the hub's cache, and HF_HUB_OFFLINE is set"):
        find_model("org/name")


def test_offline_with_a_cache(cache: Path, folder: ModelFolder) -> None:
    repository = cache / "models--org--name"
    snapshot = repository / "snapshots" / ("0" * 40)
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "blobs").mkdir()
    for number, name in enumerate([*folder.files, "config.json"]):
        shutil.copy(folder.path / name, repository / "blobs" / f"{number}")
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(repository / "blobs" / f"{number}")
    found = find_model("org/name")
    assert found == snapshot
    open_model_folder(found).verify()
    (snapshot / "README.md").unlink()
    (snapshot / "README.md").symlink_to(folder.path / "README.md")
    with pytest.raises(ModelFolderError, match=r"README.md: is a link out of the folder"):
        open_model_folder(found)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.timeout(20)
def test_a_hub_that_never_answers_is_not_waited_for(
    silent: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", silent)
    monkeypatch.setattr(hub, "SECONDS_TO_ANSWER", 0.2)
    with pytest.raises(ModelFolderError, match=NOWHERE):
        find_model("org/name")
