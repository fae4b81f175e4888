"""A recipe, run: the training, what it leaves in the run folder, and the model folder at its end.

OUTPUT/
model/            the model folder; written at the end, atomically
pretraining/      the run of the recipe that is run first, where there is one
metrics.jsonl     every step and evaluation
loss.png          the curve
recipe.yaml       the recipe as it was resolved
checkpoints/      for --resume
cache/            the text as ids; may be deleted
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from textrnn.config import Recipe
from textrnn.errors import EngineError, MissingExtraError
from textrnn.model_folder import FolderContents, write_model_folder
from textrnn.recipe.assembly import Assembly, assemble
from textrnn.recipe.card import model_card, reached_line, versions
from textrnn.recipe.catalogue import load_recipe
from textrnn.recipe.exporting import make_graphs
from textrnn.recipe.run_folder import RECIPE, RunFolder, recipe_text
from textrnn.recipe.tasks import Figures
from textrnn.tasks import state_tensors
from textrnn.training import Event, Finished, Notice, Trainer, make_accelerator
from textrnn.training.checkpoint import latest_checkpoint
from textrnn.training.report import MetricsLog, draw_loss_curve, thinned_metrics

__all__ = ["RunFolder", "train", "train_events"]


def train(
    recipe: str | Path,
    *,
    output: str | Path,
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
        UsageError: a setting or the device is wrong, or the output folder holds something else.
        DataError: the text cannot be read or is too short.
        DivergedError: the loss became NaN or infinite; the last checkpoint stands.
        KeyboardInterrupt: interrupted, after a checkpoint.
    """
    for event in train_events(
        recipe, output=output, overrides=overrides, resume=resume, device=device
    ):
        if on_event is not None:
            on_event(event)
    return RunFolder(Path(output)).model


def train_events(
    recipe: str | Path,
    *,
    output: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    resume: bool = False,
    device: str = "auto",
) -> Iterator[Event]:
    """:func:`train` as the events it consists of."""
    settings = load_recipe(recipe, overrides)
    return _run(
        _Plan(settings, RunFolder(Path(output)), _command(recipe, overrides), device), resume
    )


@dataclass(frozen=True)
class _Plan:
    """What is to be run, and where to."""

    recipe: Recipe
    folder: RunFolder
    command: str
    device: str

    def start(self) -> Recipe:
        """The recipe, starting from the model that was trained for it first, if one was."""
        if self.recipe.pretraining is None:
            return self.recipe
        model = str(self.folder.pretraining.model)
        return self.recipe.model_copy(update={"init_from": model, "pretraining": None})

    def written(self, recipe: Recipe) -> Recipe:
        """A recipe whose sizes were filled in, for who wants to run it again."""
        kept = {name: getattr(self.recipe, name) for name in ("init_from", "pretraining")}
        return recipe.model_copy(update=kept)


def _run(plan: _Plan, resume: bool) -> Iterator[Event]:
    settings, folder = plan.recipe, plan.folder
    accelerator = make_accelerator(settings.training.precision, plan.device)
    if settings.training.threads is not None:
        torch.set_num_threads(settings.training.threads)
    if accelerator.is_main_process:
        folder.open(settings, resume=resume)
    try:
        yield from _pretrain(plan)
        with accelerator.main_process_first():
            place = (accelerator.process_index, accelerator.num_processes)
            assembly = assemble(plan.start(), folder.cache, place)
            assembly.task.batches_an_epoch()
    except Exception:
        if accelerator.is_main_process and not resume:
            folder.give_up()
        raise
    data = assembly.checksums()
    trainer = Trainer(assembly.task, settings.training, accelerator, folder.checkpoints, data)
    events = trainer.run(resume=resume)
    if not accelerator.is_main_process:
        yield from events
        return
    found = latest_checkpoint(folder.checkpoints) if resume else None
    done: dict[str, Any] = found.progress() if found else {"step": 0, "evaluated_at": None}
    log = MetricsLog(folder.metrics, done["step"], done["evaluated_at"])
    yield from map(Notice, assembly.notices())
    try:
        for event in events:
            log.write(event)
            if isinstance(event, Finished):
                yield from _Ending(plan, assembly, event.seconds).write()
            yield event
    finally:
        log.close()


def _pretrain(plan: _Plan) -> Iterator[Event]:
    """The run of the recipe that comes first, begun, gone on with, or done already."""
    if plan.recipe.pretraining is None:
        return
    folder = plan.folder.pretraining
    if folder.model.exists():
        yield Notice(f"the pretraining is done: {folder.model}")
        return
    first = replace(plan, recipe=plan.recipe.pretraining, folder=folder)
    yield from _run(first, resume=folder.recipe.exists())


def _command(recipe: str | Path, overrides: Sequence[str] | Mapping[str, Any]) -> str:
    pairs = (
        [
            f"{k}={v if isinstance(v, str | Path) else json.dumps(v, default=str)}"
            for k, v in overrides.items()
        ]
        if isinstance(overrides, Mapping)
        else list(overrides)
    )
    return " ".join(["textrnn train", *map(shlex.quote, [str(recipe), *pairs])])


@dataclass(frozen=True)
class _Ending:
    """What is known when a run is over, and what is written of it."""

    plan: _Plan
    assembly: Assembly
    seconds: float

    def write(self) -> Iterator[Event]:
        """The curve, the final scores in float32, the graphs, and the model folder."""
        folder = self.plan.folder
        title = f"{folder.path.name}: {self.plan.command}"
        try:
            draw_loss_curve(folder.metrics, folder.path / "loss.png", title)
        except MissingExtraError as error:
            yield Notice(f"no picture: {error}")
        yield from map(Notice, self.assembly.finish())
        recipe, network = self.assembly.recipe, self.assembly.task.network
        if recipe.storage == "float16":
            for stored in (*network.parameters(), *network.buffers()):
                if stored.is_floating_point():
                    stored.data = stored.data.half().float()
        scores = self.assembly.network_scores()
        tensors = {
            name: value.float().cpu().numpy() for name, value in state_tensors(network).items()
        }
        graphs: Mapping[str, bytes] = {}
        try:
            graphs = make_graphs(recipe.task, network, tensors, storage=recipe.storage).files
        except EngineError as error:  # the parameters are worth keeping without
            yield Notice(f"no graphs for the engine onnx: {error}")
        model = folder.model
        write_model_folder(model, self._contents(scores, tensors, graphs))
        further = self.assembly.folder_scores(model)
        scores = {
            split: {**further.get(split, {}), **scores.get(split, {})}
            for split in {**scores, **further}
        }
        speed = self.assembly.speed(model)
        write_model_folder(model, self._contents(scores, tensors, graphs, speed))
        yield Notice(f"model folder written: {model} ({self._reached(scores)})")

    def _reached(self, scores: Mapping[str, Figures]) -> str:
        return reached_line(self.assembly, scores, self.seconds)

    def _contents(
        self,
        scores: Mapping[str, Figures],
        tensors: Mapping[str, np.ndarray],
        graphs: Mapping[str, bytes],
        speed: str = "",
    ) -> FolderContents:
        recipe = self.assembly.recipe
        config: dict[str, Any] = {
            "task": recipe.task,
            "network": self.assembly.task.network_settings(),
            "storage": recipe.storage,
            "generation": recipe.generation,
            "summary": recipe.card.summary,
            "reached": self._reached(scores),
            **self.assembly.config(),
        }
        extra: dict[str, bytes | Path] = {
            RECIPE: recipe_text(self.plan.written(recipe)).encode(),
            "training/metrics.jsonl": thinned_metrics(self.plan.folder.metrics),
            "training/versions.json": json.dumps(versions(), indent=1).encode(),
            "training/scores.json": json.dumps(scores, indent=1).encode(),
            **graphs,
        }
        name = recipe.card.name or self.plan.folder.path.name
        return FolderContents(
            config=config,
            tensors=tensors,
            tokenizer=self.assembly.tokenizer,
            card=model_card(name, self.assembly, scores, self.plan.command, self.seconds, speed),
            extra=extra,
            source_tokenizer=self.assembly.source_tokenizer,
        )
