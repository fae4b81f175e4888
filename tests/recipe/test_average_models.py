"""The mean of several models: what recipes/average_models.py makes of their folders."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import textrnn
from textrnn.errors import UsageError
from textrnn.model_folder import open_model_folder
from textrnn.recipe import train

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "recipes")
    return importlib.import_module("average_models")


def some_models(recipe: Path, place: Path, *overrides: dict[str, Any]) -> list[Path]:
    """Each goes on from the first."""
    first = train(recipe, output=place / "0")
    went_on = {"init_from": str(first), "tokenizer": None}
    return [
        first,
        *(
            train(recipe, overrides=went_on | given, output=place / str(number))
            for number, given in enumerate(overrides, 1)
        ),
    ]


def test_the_mean_is_a_model_with_scores_of_its_own_to_be_measured(
    script: Any, tiny: Path, tmp_path: Path
) -> None:
    one, other = some_models(tiny, tmp_path, {"encoder.dropout": 0.3, "training.seed": 2})
    script.main(tmp_path / "mean", [str(one), str(other), str(other)])
    found = open_model_folder(tmp_path / "mean")
    found.verify()
    parts = [open_model_folder(path).tensors() for path in (one, other)]
    for name, tensor in found.tensors().items():
        wanted = (parts[0][name].astype("f8") + 2 * parts[1][name]) / 3
        np.testing.assert_allclose(tensor, wanted, rtol=1e-6, atol=1e-7)
        assert name.endswith("bias") or not np.array_equal(tensor, parts[1][name])
    card = found.card()
    assert "## Training" in card
    assert "## Scores" not in card
    assert "## Speed" not in card
    assert "reached" not in found.config
    kept = {name for name in found.files if name.startswith("training/")}
    assert kept == {"training/recipe.yaml", "training/versions.json"}
    engine = textrnn.load(tmp_path / "mean", engine="onnx").engine  # its graphs are its own
    assert engine.vocab_size == found.vocab_size


def test_models_of_another_network_or_vocabulary_are_refused(
    script: Any, tiny: Path, tmp_path: Path
) -> None:
    (one,) = some_models(tiny, tmp_path)
    wider = train(tiny, overrides={"encoder.hidden_size": 10}, output=tmp_path / "wider")
    other = train(tiny, overrides={"tokenizer.kind": "byte"}, output=tmp_path / "byte")
    for wrong, what in ((wider, "network"), (other, "vocabulary")):
        with pytest.raises(UsageError, match=f"have not the same {what}"):
            script.main(tmp_path / "mean", [str(one), str(wrong)])
    with pytest.raises(UsageError, match="give two models or more"):
        script.main(tmp_path / "mean", [str(one)])
    assert not (tmp_path / "mean").exists()


def test_classifiers_whose_labels_stand_in_another_order_are_refused(script: Any) -> None:
    shared = {"files": {"tokenizer.json": {"sha256": "0"}}}
    one, other = (
        SimpleNamespace(
            path=name,
            task="classification",
            network={},
            config=shared | labels,
            tensor_shapes=dict,
            tensors=dict,
        )
        for name, labels in (("a", {"labels": ["yes", "no"]}), ("b", {"labels": ["no", "yes"]}))
    )
    script.check_alike(one, one)
    with pytest.raises(UsageError, match="a and b have not the same labels"):
        script.check_alike(one, other)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "recipes" / "average_models.py"), str(tmp_path / "mean")]
    done = subprocess.run([*command, "nowhere", "nothing"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("average_models: ")
    assert "Traceback" not in done.stderr
