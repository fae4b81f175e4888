"""A task that takes milliseconds, and a run of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from textrnn.config import EncoderSettings, LanguageModelHeadSettings, TrainingSettings
from textrnn.data import Corpus
from textrnn.tasks import Scores
from textrnn.tasks.language_modeling import LanguageModeling, LanguageModelNetwork
from textrnn.training import Event, Trainer, make_accelerator

V = 9
SIZES = {"embedding_size": 6, "hidden_size": 8, "layers": 2}


def write_corpus(path: Path, ids: Sequence[int]) -> Corpus:
    np.array(ids, np.uint16).tofile(path)
    return Corpus(path, "uint16", path.name, len(ids), len(ids), 10, 1, 0)


@pytest.fixture
def corpora(tmp_path: Path) -> tuple[Corpus, Corpus]:
    """A walk over ids, one or two up at each step; and where it goes on."""
    ids = (np.random.default_rng(0).integers(1, 3, 180).cumsum() % V).tolist()
    return write_corpus(tmp_path / "train.ids", ids[:121]), write_corpus(tmp_path / "v", ids[120:])


class Scripted(LanguageModeling):
    """A language model whose validation says what the script says."""

    script: Iterator[float] | None = None

    def evaluate(self) -> Scores | None:
        return super().evaluate() if self.script is None else {"loss": next(self.script)}


@dataclass
class Run:
    """A trainer and what it said."""

    trainer: Trainer
    events: list[Event] = field(default_factory=list)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def weights(self) -> dict[str, torch.Tensor]:
        named = self.trainer.network.named_parameters()
        return {name: value.detach().clone() for name, value in named}

    def go(self, *, resume: bool = False, after: Callable[[], object] = int) -> Run:
        """To its end; ``after`` is called after each event."""
        for event in self.trainer.run(resume=resume):
            self.events.append(event)
            after()
        return self


Begin = Callable[..., Run]


@pytest.fixture
def begin(corpora: tuple[Corpus, Corpus]) -> Begin:
    """Makes a run of the task, ready to go; the same one each time."""

    def make(
        *,
        encoder: dict[str, Any] | None = None,
        valid: bool = True,
        script: Sequence[float] | None = None,
        checkpoints: Path | None = None,
        **training: Any,
    ) -> Run:
        given = {"steps": 6, "batch_size": 4, "bptt": 5, "schedule": {"kind": "constant"}}
        settings = TrainingSettings.model_validate(given | training)
        torch.manual_seed(0)
        chosen = EncoderSettings(**SIZES | (encoder or {}))
        network = LanguageModelNetwork(chosen, LanguageModelHeadSettings(), V)
        train, held_out = corpora
        task = Scripted(network, settings, lambda epoch: train, held_out if valid else None)
        task.script = None if script is None else iter(script)
        accelerator = make_accelerator(settings.precision, "cpu")
        return Run(Trainer(task, settings, accelerator, checkpoints))

    return make
