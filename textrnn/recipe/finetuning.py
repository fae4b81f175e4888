"""Fine-tuning a model on one's own data: what it gained there and forgot elsewhere."""

from __future__ import annotations

import filecmp
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textrnn.config import override_pairs
from textrnn.errors import TextRNNError, UsageError
from textrnn.model_folder import find_model, open_model_folder
from textrnn.recipe.evaluation import evaluate, kind_of
from textrnn.recipe.run import train
from textrnn.recipe.run_folder import RunFolder
from textrnn.recipe.tasks import Asked, Figures
from textrnn.training import Event, Notice, check_training_device

__all__ = ["FinetuneReport", "finetune"]

EPOCHS = 3.0


@dataclass(frozen=True)
class FinetuneReport:
    """Scores before and after.

    Args:
        model: the new model folder.
        new: before and after on the tenth of the new data that was held out.
        old: before and after on the validation data of the model's own recipe; None where they are
            not at hand.
    """

    model: Path
    new: tuple[Figures, Figures]
    old: tuple[Figures, Figures] | None


def finetune(
    model: str | Path,
    *,
    data: str | Path,
    output: str | Path,
    minutes: float | None = None,
    epochs: float | None = None,
    column: str | None = None,
    source: str | None = None,
    target: str | None = None,
    label: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    resume: bool = False,
    device: str = "auto",
    on_event: Callable[[Event], None] | None = None,
) -> FinetuneReport:
    """Go on training a model by its task's recipe for that, a tenth of the data held out.

    Args:
        model: a shipped name, a folder or a hub id.
        data: a file, a folder of files, or a hub id (its split ``train``).
        output: the run folder.
        minutes: of training; ends earlier where ``epochs`` are given too.
        epochs: over the data; 3 where neither is given.
        column: a text's column in a table; None: ``text``.
        source: of pairs, the source's ending or column; None: the model's own.
        target: of pairs, the target's.
        label: of labelled texts, the label's column; None: ``label``.
        overrides: of the recipe ``lm_finetune``, ``translate_finetune``, ``sentiment_finetune``.
        resume: go on from the last checkpoint.
        device: ``"auto"`` or ``"cpu"``.
        on_event: called with each event.

    Raises:
        UsageError: a limit that is not positive, another device, or an output folder that holds
            something else.
        DataError: the data is too little to hold a tenth out.
    """
    for name, value in (("minutes", minutes), ("epochs", epochs)):
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise UsageError(f"{name} is {value:g}: use more than 0")
    check_training_device(device)
    run = RunFolder(Path(output))
    if not resume:
        run.refuse_taken()
    say = on_event or _ignore
    path = find_model(model)
    folder = open_model_folder(path)
    kind = kind_of(folder)
    if epochs is None and minutes is None:
        epochs = EPOCHS
    split = None if Path(data).expanduser().exists() else "train"
    changes = _as_mapping(overrides)
    separator = changes.get("data.separator")
    asked = Asked(data, split, column, source, target, label, separator)
    with _the_same_data(run.cache / "text", data) if resume else nullcontext():
        held = kind.hold_out(folder, asked, run.cache / "text")
    for notice in held.notices:
        say(Notice(notice))
    settings = {
        "init_from": str(path),
        **held.settings,
        "storage": folder.config["storage"],
        "training.epochs": epochs,
        "training.minutes": minutes,
        **changes,
    }
    old = kind.old_validation(folder, run.cache / "old")
    if old is None:
        say(Notice("no file of the model's validation text is here: forgetting is not measured"))
    before = _scores(path, held.valid), _scores(path, old)
    try:
        trained = train(
            kind.finetuning,
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
    after = _scores(trained, held.valid), _scores(trained, old)
    kept = (before[1], after[1]) if old is not None else None
    return FinetuneReport(trained, (before[0], after[0]), kept)


@contextmanager
def _the_same_data(texts: Path, data: str | Path) -> Iterator[None]:
    """Refuse to go on with a run whose texts, which are divided again, have become others.

    Raises:
        UsageError: they have; those of before stay.
    """
    before = texts.with_name(f"{texts.name}.before")
    if texts.exists() and not before.exists():
        texts.rename(before)
    if not before.exists():  # a cache may be deleted
        yield
        return
    try:
        yield
        names = {path.name for folder in (before, texts) for path in folder.iterdir()}
        same, _, _ = filecmp.cmpfiles(before, texts, names, shallow=False)
        if len(same) < len(names):
            raise UsageError(f"cannot go on: the run was begun with other texts than {data} holds")
    except BaseException:
        shutil.rmtree(texts, ignore_errors=True)
        before.rename(texts)
        raise
    shutil.rmtree(before)


def _scores(model: Path, asked: Asked | None) -> Figures:
    return {} if asked is None else evaluate(model, **vars(asked))


def _ignore(event: Event) -> None:
    """Nobody watches."""


def _as_mapping(overrides: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(overrides, Mapping):
        return dict(overrides)
    return dict(override_pairs(overrides))
