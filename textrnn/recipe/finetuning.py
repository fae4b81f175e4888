"""Fine-tuning a language model on one's own text: what it gained there and forgot elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textrnn.config import DataSettings, override_pairs, read_yaml
from textrnn.data import TextSource, open_source
from textrnn.data.sources import end_lines
from textrnn.errors import DataError, TextRNNError, UsageError
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.recipe.evaluation import evaluate, find_text, trained_documents
from textrnn.recipe.run import RunFolder, train
from textrnn.tasks import Scores
from textrnn.training import Event, Notice

__all__ = ["FinetuneReport", "finetune"]

HELD_OUT = 0.1
EPOCHS = 3.0


@dataclass(frozen=True)
class FinetuneReport:
    """Scores before and after.

    Args:
        model: the new model folder.
        new: before and after on the tenth of the new text that was held out.
        old: before and after on the validation text of the model's own recipe; None where it is not
            at hand.
    """

    model: Path
    new: tuple[Scores, Scores]
    old: tuple[Scores, Scores] | None


def finetune(
    model: str | Path,
    *,
    data: str | Path,
    output: Path,
    minutes: float | None = None,
    epochs: float | None = None,
    column: str = "text",
    overrides: Sequence[str] | Mapping[str, Any] = (),
    resume: bool = False,
    device: str = "auto",
    on_event: Callable[[Event], None] | None = None,
) -> FinetuneReport:
    """Go on training a language model on a text: the recipe ``lm_finetune``, with a tenth held out.

    Args:
        model: a shipped name, a folder or a hub id.
        data: a file, a folder of files, or a hub id (its split ``train``).
        output: the run folder.
        minutes: of training; ends earlier where ``epochs`` are given too.
        epochs: over the text; 3 where neither is given.
        column: the text's column in a table.
        overrides: of the recipe ``lm_finetune``.
        resume: go on from the last checkpoint.
        device: ``"auto"`` or ``"cpu"``.
        on_event: called with each event.

    Raises:
        UsageError: a limit that is not positive, or an output folder that holds something else.
        DataError: the text is too short to hold a tenth out.
    """
    for name, value in (("minutes", minutes), ("epochs", epochs)):
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise UsageError(f"{name} is {value:g}: use more than 0")
    run = RunFolder(output)
    if not resume:
        run.refuse_taken()
    say = on_event or _ignore
    path = find_model(model)
    folder = open_model_folder(path, task="language_modeling")
    if epochs is None and minutes is None:
        epochs = EPOCHS
    limits = {"training.epochs": epochs, "training.minutes": minutes}
    source = find_text(data, None if Path(data).exists() else "train", column)
    parts = _hold_out(source, run.cache / "text")
    settings = {
        "init_from": str(path),
        "data.path": None,
        "data.train": str(parts[0]),
        "data.valid": str(parts[1]),
        "data.documents": trained_documents(folder),  # else the scores are of different tokens
        "storage": folder.config["storage"],
        **limits,
        **_as_mapping(overrides),
    }
    old = _old_validation(folder)
    if old is None:
        say(Notice("the model's own validation text is not at hand: forgetting is not measured"))
    before = evaluate(path, data=parts[1]), evaluate(path, data=old) if old else None
    try:
        trained = train(
            "lm_finetune",
            output=output,
            overrides=settings,
            resume=resume,
            on_event=on_event,
            device=device,
        )
    except TextRNNError:
        if not run.recipe.exists():  # nothing was begun, so nothing is left
            run.give_up()
        raise
    after = evaluate(trained, data=parts[1]), evaluate(trained, data=old) if old else None
    kept = (before[1], after[1]) if before[1] and after[1] else None
    return FinetuneReport(trained, (before[0], after[0]), kept)


def _ignore(event: Event) -> None:
    """Nobody watches."""


def _as_mapping(overrides: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(overrides, Mapping):
        return dict(overrides)
    return dict(override_pairs(overrides))


def _hold_out(source: TextSource, folder: Path) -> tuple[Path, Path]:
    """The text in two files: its first nine tenths by lines, and its last tenth."""
    lines = [
        line
        for document in source.documents("file")
        for line in end_lines(document)  # a table's rows have no line ends of their own
    ]
    held = max(1, round(len(lines) * HELD_OUT))
    if len(lines) < 2:
        raise DataError(
            f"{source.name} has fewer than 2 lines: a tenth of them is held out, so give more"
        )
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "train.txt", folder / "valid.txt"
    for path, part in zip(paths, (lines[:-held], lines[-held:]), strict=True):
        text = "".join(part)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="")
    return paths


def _old_validation(folder: ModelFolder) -> Path | None:
    """The validation text of the model's own recipe, where it lies on this machine."""
    recipe = folder.path / "training" / "recipe.yaml"
    if not recipe.exists():
        return None
    try:
        source = open_source(DataSettings(**read_yaml(recipe)["data"]), "valid")
    except (TextRNNError, KeyError, ValueError):
        return None
    paths: tuple[Path, ...] = getattr(source, "paths", ())
    return paths[0] if len(paths) == 1 else None
