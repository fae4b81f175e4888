"""A recipe, run: the training, what it leaves in the run folder, and the model folder at its end.

OUTPUT/
model/            the model folder; written at the end, atomically
metrics.jsonl     every step and evaluation
loss.png          the curve
recipe.yaml       the recipe as it was resolved
checkpoints/      for --resume
cache/            the text as ids; may be deleted
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from textrnn.config import LanguageModelRecipe
from textrnn.errors import EngineError, MissingExtraError, UsageError
from textrnn.model_folder import FolderContents, write_model_folder
from textrnn.recipe.assembly import Assembly, assemble
from textrnn.recipe.card import model_card, reached_line, versions
from textrnn.recipe.catalogue import load_recipe
from textrnn.recipe.exporting import make_graphs
from textrnn.tasks import Scores, state_tensors
from textrnn.tasks.language_modeling import evaluate_corpus
from textrnn.training import Event, Finished, Notice, Trainer, make_accelerator
from textrnn.training.checkpoint import latest_checkpoint
from textrnn.training.report import MetricsLog, draw_loss_curve, thinned_metrics

__all__ = ["RunFolder", "train", "train_events"]


@dataclass(frozen=True)
class RunFolder:
    """The places in a run's output folder."""

    path: Path

    @property
    def model(self) -> Path:
        """The model folder."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """metrics.jsonl."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def cache(self) -> Path:
        """Encoded text."""
        return self.path / "cache"

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.yaml"

    def open(self, recipe: LanguageModelRecipe, *, resume: bool) -> None:
        """Make the folder, or check that it can be gone on with.

        Raises:
            UsageError: a run is there and ``resume`` was not asked for, or its recipe was another
                one.
        """
        resolved = recipe.model_dump(mode="json")
        if resume:
            if not self.recipe.exists():
                raise UsageError(f"nothing to resume: there is no run in {self.path}")
            before = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
            if before != resolved:
                raise UsageError(
                    f"cannot resume {self.path}: it was begun with {_difference(before, resolved)}"
                )
            return
        self.refuse_taken()
        self.path.mkdir(parents=True, exist_ok=True)
        self.recipe.write_text(_yaml(recipe), encoding="utf-8")

    def refuse_taken(self) -> None:
        """Refuse to write where something is already.

        Raises:
            UsageError: the path is a file, or a folder with more in it than a cache.
        """
        if self.path.is_dir():
            taken = any(inside != self.cache for inside in self.path.iterdir())
        else:
            taken = self.path.exists()
        if taken:
            raise UsageError(
                f"output {self.path} is not empty: choose another folder, or go on with its run "
                "by --resume"
            )

    def give_up(self) -> None:
        """Take back what was made for a run that could not begin, so that it can be begun anew."""
        shutil.rmtree(self.cache, ignore_errors=True)
        self.recipe.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()


def _yaml(recipe: LanguageModelRecipe) -> str:
    """A recipe, every setting of it, as a file that may be trained from again."""
    settings = recipe.model_dump(mode="json")
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def _difference(before: Any, now: Any, path: str = "") -> str:
    """The first key in which two resolved recipes differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            if before.get(key) != now.get(key):
                return _difference(before.get(key), now.get(key), f"{path}.{key}".lstrip("."))
    return f"{path} = {before!r}, and is now asked for {now!r}"


def train(
    recipe: str | Path,
    *,
    output: Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    resume: bool = False,
    on_event: Callable[[Event], None] | None = None,
    device: str = "auto",
) -> Path:
    """Train a model from a recipe and write its folder.

    Args:
        recipe: a shipped recipe's name or a YAML file.
        output: the run folder; the model folder is ``model`` in it.
        overrides: ``["training.epochs=3"]`` or ``{"training.epochs": 3}``.
        resume: go on from the last checkpoint in ``output``.
        on_event: called with each event.
        device: ``"auto"`` or ``"cpu"``.

    Returns:
        The model folder.

    Raises:
        UsageError: a setting is wrong, or the output folder holds something else.
        DataError: the text cannot be read or is too short.
        DivergedError: the loss became NaN or infinite; the last checkpoint stands.
        KeyboardInterrupt: interrupted, after a checkpoint.
    """
    for event in train_events(
        recipe, output=output, overrides=overrides, resume=resume, device=device
    ):
        if on_event is not None:
            on_event(event)
    return RunFolder(output).model


def train_events(
    recipe: str | Path,
    *,
    output: Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    resume: bool = False,
    device: str = "auto",
) -> Iterator[Event]:
    """:func:`train` as the events it consists of."""
    settings, folder = load_recipe(recipe, overrides), RunFolder(output)
    command = _command(recipe, overrides)
    accelerator = make_accelerator(settings.training.precision, device)
    if settings.training.threads is not None:
        torch.set_num_threads(settings.training.threads)
    if accelerator.is_main_process:
        folder.open(settings, resume=resume)
    try:
        with accelerator.main_process_first():
            place = (accelerator.process_index, accelerator.num_processes)
            assembly = assemble(settings, folder.cache, place)
            assembly.task.batches_an_epoch()
    except Exception:
        if accelerator.is_main_process and not resume:
            folder.give_up()
        raise
    trainer = Trainer(assembly.task, settings.training, accelerator, folder.checkpoints)
    events = trainer.run(resume=resume)
    if not accelerator.is_main_process:
        yield from events
        return
    found = latest_checkpoint(folder.checkpoints) if resume else None
    done: dict[str, Any] = found.progress() if found else {"step": 0, "evaluated_at": None}
    log = MetricsLog(folder.metrics, done["step"], done["evaluated_at"])
    try:
        for event in events:
            log.write(event)
            if isinstance(event, Finished):
                yield from _write(folder, assembly, command, event.seconds)
            yield event
    finally:
        log.close()


def _command(recipe: str | Path, overrides: Sequence[str] | Mapping[str, Any]) -> str:
    pairs = (
        [f"{k}={v}" for k, v in overrides.items()]
        if isinstance(overrides, Mapping)
        else list(overrides)
    )
    return " ".join(["textrnn train", *map(shlex.quote, [str(recipe), *pairs])])


def _write(folder: RunFolder, assembly: Assembly, command: str, seconds: float) -> Iterator[Event]:
    """The curve, the final scores in float32, the graphs, and the model folder."""
    try:
        draw_loss_curve(folder.metrics, folder.path / "loss.png", f"{folder.path.name}: {command}")
    except MissingExtraError as error:
        yield Notice(f"no picture: {error}")
    recipe = assembly.recipe
    network: Any = assembly.task.network
    if recipe.storage == "float16":
        for parameter in network.parameters():
            parameter.data = parameter.data.half().float()
    scores: dict[str, Scores] = {
        split: evaluate_corpus(network, corpus, recipe.training.evaluate_batch_size)
        for split, corpus in (("valid", assembly.valid), ("test", assembly.test))
        if corpus is not None
    }
    reached = reached_line(scores, seconds)
    config: dict[str, Any] = {
        "task": recipe.task,
        "network": assembly.task.network_settings(),
        "storage": recipe.storage,
        "generation": recipe.generation,
        "documents": recipe.data.documents,
        "summary": recipe.card.summary,
        "reached": reached,
    }
    extra: dict[str, bytes | Path] = {
        "training/recipe.yaml": _yaml(recipe).encode(),
        "training/metrics.jsonl": thinned_metrics(folder.metrics),
        "training/versions.json": json.dumps(versions(), indent=1).encode(),
        "training/scores.json": json.dumps(scores, indent=1).encode(),
    }
    tensors = {name: value.float().cpu().numpy() for name, value in state_tensors(network).items()}
    try:
        graphs = make_graphs(recipe.task, network, tensors, storage=recipe.storage)
        extra |= graphs.files
    except EngineError as error:  # the parameters are worth keeping without
        yield Notice(f"no graphs for the engine onnx: {error}")
    card = model_card(recipe.card.name or folder.path.name, assembly, scores, command, seconds)
    contents = FolderContents(
        config=config, tensors=tensors, tokenizer=assembly.tokenizer, card=card, extra=extra
    )
    write_model_folder(folder.model, contents)
    yield Notice(f"model folder written: {folder.model} ({reached})")
