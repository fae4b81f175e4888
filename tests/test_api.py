"""``import textrnn``: cheap, complete, and one step from everything."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import textrnn
from textrnn import api, errors
from textrnn.errors import ModelFolderError, UnknownNameError

HEAVY = ("numpy", "torch", "typing", "onnxruntime", "datasets", "pydantic", "huggingface_hub")


def in_a_new_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    "statement",
    ["import textrnn", "import textrnn; dir(textrnn)", "import textrnn; textrnn.__version__"],
)
def test_import_loads_nothing_heavy(statement: str) -> None:
    code = f"import sys; known = set(sys.modules); {statement}; print(*set(sys.modules) - known)"
    loaded = in_a_new_python(code).split()
    assert [name for name in loaded if name.split(".")[0] in HEAVY] == []
    assert [name for name in loaded if name.startswith("textrnn")] == ["textrnn"]


def test_load_and_model_path_need_no_torch() -> None:
    code = "import sys, textrnn; textrnn.load; textrnn.model_path; textrnn.TextRNNError"
    assert in_a_new_python(f"{code}; print('torch' in sys.modules)") == "False\n"


def test_every_public_name_is_there() -> None:
    for name in textrnn.__all__:
        assert getattr(textrnn, name) is not None
    assert textrnn.load is api.load
    assert textrnn.TextRNNError is errors.TextRNNError
    assert textrnn.nn is import_module("textrnn.nn")
    assert textrnn.LanguageModel is import_module("textrnn.models").LanguageModel


def test_a_name_is_looked_up_once() -> None:
    code = "import textrnn; a = textrnn.load; print('load' in vars(textrnn), textrnn.load is a)"
    assert in_a_new_python(code) == "True True\n"


def test_dir_lists_names_before_they_are_loaded() -> None:
    code = "import textrnn; print(set(textrnn.__all__) <= set(dir(textrnn)))"
    assert in_a_new_python(code) == "True\n"


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'textrnn' has no attribute 'lode'"):
        _ = textrnn.lode  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "error",
    [
        UnknownNameError("cell", "lsmt", ["lstm"]),
        errors.MissingExtraError("matplotlib", "plot", "the curve"),
        errors.DataError("no text"),
    ],
)
def test_errors_come_out_of_a_process_pool_as_they_are(error: errors.TextRNNError) -> None:
    error.add_note("in line 3")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
    assert again.__notes__ == ["in line 3"]


def test_the_version_is_the_one_that_was_built() -> None:
    assert textrnn.__version__ == "0.1.0"


def test_load_and_model_path(toy_model: Path, toy_run: Path) -> None:
    assert textrnn.model_path(toy_model) == toy_model
    assert textrnn.model_path(str(toy_run)) == toy_model
    model = textrnn.load(str(toy_model), threads=1)
    assert isinstance(model, textrnn.LanguageModel)
    assert model.folder.path == toy_model
    assert model.generate("the ", max_new_tokens=3, seed=1).text


def test_load_passes_everything_on(toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(textrnn.LanguageModel, "open", lambda folder, **given: seen.update(given))
    textrnn.load(toy_model, engine="onnx", device="cuda:1", threads=3)
    assert seen == {"engine": "onnx", "device": "cuda:1", "threads": 3}
    textrnn.load(toy_model)
    assert seen == {"engine": "auto", "device": "auto", "threads": None}


def test_load_of_a_translator(toy_translator: Path) -> None:
    model = textrnn.load(toy_translator, engine="onnx", threads=1)
    assert isinstance(model, textrnn.Translator)
    assert model.engine.name == "onnx"
    assert model.languages == ("en", "de")
    assert len(model.translate("the cat").text.split()) == 2


def test_load_of_what_is_not_there() -> None:
    with pytest.raises(UnknownNameError, match="no model 'no-such-model'"):
        textrnn.load("no-such-model")


def test_load_of_another_task(translator: Path) -> None:
    config = json.loads((translator / "config.json").read_text())
    (translator / "config.json").write_text(json.dumps(config | {"task": "tagging"}))
    message = r"is a model for 'tagging', which this textrnn cannot load \(it can: language_mo"
    with pytest.raises(ModelFolderError, match=message):
        textrnn.load(translator)


def test_training_functions_pass_everything_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = import_module("textrnn.recipe")
    calls: list[Any] = []

    def spy(name: str) -> Any:
        def call(first: object, **given: object) -> dict[str, object]:
            calls.append((name, first, given))
            return {"scored": 1.0}

        return call

    for name in ("train", "finetune", "evaluate"):
        monkeypatch.setattr(recipe, name, spy(name))
    options = {"overrides": {"a.b": 1}, "resume": True, "on_event": calls.append, "device": "cpu"}
    textrnn.train("lm", output=tmp_path, **options)  # type: ignore[arg-type]
    textrnn.finetune("model", data="d.txt", output=tmp_path, minutes=2)
    assert textrnn.evaluate("model", data="d.txt", split="s", column="c") == {"scored": 1.0}
    assert calls == [
        ("train", "lm", {"output": tmp_path, **options}),
        ("finetune", "model", {"data": "d.txt", "output": tmp_path, "minutes": 2}),
        ("evaluate", "model", {"data": "d.txt", "split": "s", "column": "c"}),
    ]


def test_evaluate(toy_model: Path, toy_folder: Path) -> None:
    scores = textrnn.evaluate(toy_model, data=toy_folder / "valid.txt")
    assert 1 < scores["perplexity"] < 30
    assert scores["bits_per_byte"] > 0
