"""Steps by ONNX Runtime, one after the other, into memory that is used again."""

from __future__ import annotations

from collections import deque
from sys import getrefcount
from typing import Any

import numpy as np

from textrnn.engines._base import Floats, Ids, State
from textrnn.engines._onnx_sessions import value_of

__all__ = ["Steps"]

_MOST_SLOTS = 16  # a loop has use for three, and several loops may take turns
_MOST_LOGITS = 1 << 20  # a slot's; with more, there is little to be gained


class Steps:
    """A session's step: ids (B,) and a state to logits (B, V) and the state after.

    What a step returns is never written to as long as anyone has it: the arrays are used again only
    when nothing but this class refers to them.

    Args:
        session: its inputs are the ids and the parts of a state, its outputs the logits and the
            parts, in the same order.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        ids, *parts = (value.name for value in session.get_inputs())
        self._inputs = [ids, *parts]
        self._outputs = [value.name for value in session.get_outputs()]
        self._widths = [value.shape[1] for value in session.get_outputs()]
        self._slots: tuple[int, deque[_Slot]] = 0, deque()

    def __call__(self, ids: Ids, state: State) -> tuple[Floats, State]:
        """Make a step."""
        rows = len(ids)
        if rows * self._widths[0] > _MOST_LOGITS:
            inputs = dict(zip(self._inputs, (ids, *state), strict=True))
            logits, *after = self._session.run(self._outputs, inputs)
            return logits, tuple(after)
        if self._slots[0] != rows:
            self._slots = rows, deque()
        slots = self._slots[1]
        slot = self._idle(slots) or _Slot(self._session, self._inputs, self._outputs, rows)
        slot.run(ids, state, slots)
        if len(slots) < _MOST_SLOTS:
            slots.append(slot)
        return slot.logits, slot.state

    @staticmethod
    def _idle(slots: deque[_Slot]) -> _Slot | None:
        """A slot that nobody else has, taken out; always the one that was used longest ago."""
        for _ in range(len(slots)):
            slot = slots.popleft()
            if slot.is_idle():
                return slot
            slots.append(slot)
        return None


class _Slot:
    """What one step returns, bound to a session as its outputs."""

    def __init__(self, session: Any, inputs: list[str], outputs: list[str], rows: int) -> None:
        self._session = session
        self._parts = inputs[1:]
        self._binding = session.io_binding()
        self._ids = np.zeros(rows, np.int64)
        self._binding.bind_ortvalue_input(inputs[0], value_of(self._ids))
        widths = [value.shape[1] for value in session.get_outputs()]
        self.logits, *state = (np.empty((rows, width), np.float32) for width in widths)
        self.state = tuple(state)
        self.values = [value_of(part) for part in state]
        self._binding.bind_ortvalue_output(outputs[0], value_of(self.logits))
        for name, value in zip(outputs[1:], self.values, strict=True):
            self._binding.bind_ortvalue_output(name, value)
        self._before: _Slot | None = None
        del state
        self._references = self._count()

    def run(self, ids: Ids, state: State, others: deque[_Slot]) -> None:
        """Make a step from a state, which may be that of another slot."""
        if self._before is None or self._before.state is not state:
            self._before = next((slot for slot in tuple(others) if slot.state is state), None)
            values = self._before.values if self._before else map(value_of, state)
            for name, value in zip(self._parts, values, strict=True):
                self._binding.bind_ortvalue_input(name, value)
        self._ids[:] = ids
        self._session.run_with_iobinding(self._binding)

    def is_idle(self) -> bool:
        """Whether nobody else refers to what the slot returned, nor to a view of it."""
        return self._count() == self._references

    def _count(self) -> list[int]:
        return [getrefcount(self.state), getrefcount(self.logits), *map(getrefcount, self.state)]
