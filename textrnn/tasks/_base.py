"""The contract between a task and the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from textrnn.errors import ModelFolderError, UsageError
from textrnn.model_folder import ModelFolder
from textrnn.nn.encoder import State
from textrnn.tasks._graphs import Graph

__all__ = ["Batch", "Loss", "Scores", "Task", "network_from_folder"]

Scores = dict[str, float]
"""Named figures; the task's ``criterion`` is the one that decides which weights are best."""


class Batch(Protocol):
    """What the loop must know of a batch: over how many tokens its loss is summed."""

    @property
    def tokens(self) -> int:
        """The number of targets."""
        ...


class Loss(NamedTuple):
    """What a network's forward returns.

    Args:
        total: the summed loss, in nats, over the targets of this process.
        penalty: regularisation, already a mean.
        state: what the next batch goes on from; empty for tasks that carry nothing.
    """

    total: Tensor
    penalty: Tensor
    state: State


class Task(ABC):
    """A network, its data and its scores.

    The network's ``forward(batch, state)`` returns a :class:`Loss`.
    """

    network: nn.Module
    criterion: str
    higher_is_better: bool = False
    unit: ClassVar[str] = "tokens"
    """What a batch's loss is a mean over, and what its ``tokens`` count."""
    fresh: frozenset[str] = frozenset()
    """The parameters that the model which a run starts from does not have, by name."""

    @classmethod
    @abstractmethod
    def build_network(cls, settings: Mapping[str, Any], vocab_size: int) -> nn.Module:
        """The network that a folder's ``network`` section describes, with fresh parameters."""

    @abstractmethod
    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """The batches of an epoch for this process, from the one at ``start`` on."""

    @abstractmethod
    def batches_an_epoch(self) -> int:
        """How many there are."""

    @abstractmethod
    def inputs(self, batch: Any, device: torch.device) -> tuple[Tensor, ...]:
        """A batch's tensors on the device, as the network's forward takes them before the state."""

    def rate_factor(self, group: Sequence[Any]) -> float:
        """What the learning rate of a step over these batches is multiplied by."""
        return 1.0

    @abstractmethod
    def evaluate(self) -> Scores | None:
        """Scores on the validation data; None where there are none."""

    @abstractmethod
    def groups(self) -> Sequence[Sequence[nn.Parameter]]:
        """The parameters from top to bottom, for unfreezing and rates by depth."""

    @abstractmethod
    def network_settings(self) -> dict[str, Any]:
        """The ``network`` section of the model folder: what :meth:`build_network` takes."""

    @classmethod
    def graphs(cls, network: nn.Module) -> Mapping[str, Graph]:
        """What engines without PyTorch need of a network, by name; empty where there is nothing.

        In an order in which each may take what those before it give.
        """
        return {}


def network_from_folder(folder: ModelFolder) -> nn.Module:
    """The network of a model folder, its parameters loaded, ready for inference.

    Names and shapes are compared before anything is allocated.

    Raises:
        ModelFolderError: the settings do not describe a network, or the parameters do not fit it.
    """
    from textrnn import tasks

    try:
        task = tasks.FAMILY.get(folder.task)
        with torch.device("meta"):
            network = task.build_network(folder.network, folder.vocab_size)
    except UsageError as error:  # a cell, a size: here it is the folder that asks for it
        raise ModelFolderError(f"{folder.path}: {error}") from error
    wanted = {name: tuple(value.shape) for name, value in state_tensors(network).items()}
    found = {name: tuple(shape) for name, shape in folder.tensor_shapes().items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise ModelFolderError(
                f"{folder.path}: model.safetensors does not fit config.json: {name} has shape "
                f"{found.get(name, 'none')}, the network wants {wanted.get(name, 'none')}"
            )
    network = task.build_network(folder.network, folder.vocab_size)
    tensors = {name: torch.from_numpy(array) for name, array in folder.tensors().items()}
    network.load_state_dict(tensors, strict=False)
    return network.eval()


def state_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name; one that is shared stands under its first name only."""
    seen: set[int] = set()
    named: dict[str, Tensor] = {}
    for name, value in network.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            named[name] = value.detach()
    return named


def network_section(settings: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """A ``network`` section, each part checked against its settings.

    Raises:
        ModelFolderError: a part is missing, unknown, or has a wrong value.
    """
    from textrnn.config import validate

    if set(settings) != set(parts):
        raise ModelFolderError(
            f"config.json: the network has {', '.join(sorted(settings)) or 'nothing'}, "
            f"not {', '.join(sorted(parts))}"
        )
    try:
        return {
            name: validate(part, settings[name], f"config.json: network.{name}")
            for name, part in parts.items()
        }
    except UsageError as error:
        raise ModelFolderError(str(error)) from error
