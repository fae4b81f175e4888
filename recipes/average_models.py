"""One model of several: the mean of their parameters, which is often better than each of them.

    python recipes/average_models.py FOLDER MODEL MODEL ...

Of models that went on from one another, or ended one run at several places, so that they lie in one
valley (Izmailov et al. 2018, arXiv:1803.05407, section 3.1). All have one network and one
vocabulary; one that is named twice counts twice. FOLDER gets the mean, its graphs, and what else
the last of them has but what was measured, its scores, the course of its training and a
classifier's calibration: see textrnn evaluate.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from textrnn import recipe
from textrnn.errors import TextRNNError, UsageError
from textrnn.model_folder import (
    FolderContents,
    ModelFolder,
    find_model,
    open_model_folder,
    write_model_folder,
)
from textrnn.recipe.exporting import FILLED_IN

MEASURED = {"reached", "calibration"}
MEASURED_FILES = {"training/scores.json", "training/metrics.jsonl"}
MEASURED_IN_CARD = re.compile(r"^## (?:Scores|Speed)\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def main(folder: Path, names: Sequence[str]) -> None:
    """Write the mean of the models.

    Raises:
        UsageError: fewer than two, or they differ in more than their parameters.
        ModelFolderError: one of them is not a whole model folder.
    """
    if len(names) < 2:
        raise UsageError("give two models or more: one is its own mean")
    models = [open_model_folder(find_model(name)) for name in names]
    last = models[-1]
    for model in models[:-1]:
        check_alike(model, last)
    left_out = {*FILLED_IN, *MEASURED}
    separate = any(name.startswith("source/") for name in last.files)
    contents = FolderContents(
        config={key: value for key, value in last.config.items() if key not in left_out},
        tensors=mean([model.tensors() for model in models]),
        tokenizer=last.tokenizer(),
        card=MEASURED_IN_CARD.sub("", last.card()),
        extra={
            name: last.file(name)
            for name in last.files
            if name.startswith("training/") and name not in MEASURED_FILES
        },
        source_tokenizer=last.source_tokenizer() if separate else None,
    )
    write_model_folder(folder, contents)
    recipe.export(folder)


def check_alike(model: ModelFolder, other: ModelFolder) -> None:
    """Refuse models whose parameters do not mean the same."""
    for what, differs in (
        ("vocabulary", _vocabularies(model) != _vocabularies(other)),
        ("network", _differ(_network(model), _network(other))),
        ("labels", model.config.get("labels") != other.config.get("labels")),
        ("counts of n-grams", not np.array_equal(*map(_ratios, (model, other)))),
    ):
        if differs:
            raise UsageError(f"{model.path} and {other.path} have not the same {what}")


def mean(models: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Of each tensor, in float64 on the way.

    >>> mean([{"bias": np.array([1.0, 3.0])}, {"bias": np.array([2.0, 5.0])}])
    {'bias': array([1.5, 4. ], dtype=float32)}
    """
    return {
        name: np.mean([model[name] for model in models], axis=0, dtype=np.float64).astype("f4")
        for name in models[0]
    }


def _network(model: ModelFolder) -> dict[str, object]:
    """What the parameters are of, by what describes it."""
    return {**model.network, "task": model.task, "shapes": model.tensor_shapes()}


def _differ(one: object, other: object) -> bool:
    """Whether two networks do; how they were dropped in training does not count.

    Nor does a setting that only one of them has: the other was written before there was such a one.
    """
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one != other
    names = {name for name in one.keys() & other.keys() if "drop" not in name}
    return any(_differ(one[name], other[name]) for name in names)


def _ratios(model: ModelFolder) -> np.ndarray:
    """What a classifier's n-grams were found to say by counting, which a weight is a share of."""
    return model.tensors().get("ngrams.ratios", np.zeros(0))


def _vocabularies(model: ModelFolder) -> list[tuple[str, str]]:
    files = model.config["files"].items()
    return [(name, file["sha256"]) for name, file in files if "tokenizer." in name]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), sys.argv[2:])
    except TextRNNError as error:
        sys.exit(f"average_models: {error}")
