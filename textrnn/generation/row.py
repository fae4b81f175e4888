"""One text in the making, and what is said of it at each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from textrnn.engines import State
from textrnn.generation.draw import RandomStream
from textrnn.generation.rules import Rule, Shaping, active_rules
from textrnn.generation.text import Writer
from textrnn.tokenizers import EOS

__all__ = ["Failure", "FinishReason", "Place", "Plan", "Row", "Step", "Token"]

FinishReason: TypeAlias = Literal["stop", "eos", "length"]


class Token(NamedTuple):
    """One token of one text.

    Args:
        row: which of the rows it belongs to.
        id: the token.
        logprob: log p(token | all before it) under the model's own distribution, before any rule;
            natural logarithm.
        text: the characters that became certain with it.
        finish_reason: why the text ends here; None where it goes on.
    """

    row: int
    id: int
    logprob: float
    text: str
    finish_reason: FinishReason | None


class Failure(NamedTuple):
    """What went wrong with one text, which has left the batch; the others go on."""

    row: int
    error: Exception


class Step(NamedTuple):
    """One token of each row that was still running, and the engine's state before it reads them."""

    tokens: tuple[Token, ...]
    state: State
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Plan:
    """How to choose: the rules in order, greedily or by a draw, and when to end at the latest."""

    rules: tuple[Rule, ...]
    greedy: bool
    max_new_tokens: int


class Row:
    """One text in the making.

    Args:
        ids: what it begins with, BOS first.
        stream: its random numbers.
        writer: turns its tokens into text.
        goes_on: the text may go on later, so at its end for now nothing that is held back is given
            out.
    """

    def __init__(
        self, ids: Sequence[int], stream: RandomStream, writer: Writer, *, goes_on: bool = False
    ) -> None:
        self.ids = ids
        self.stream = stream
        self.writer = writer
        self._goes_on = goes_on

    def accept(self, row: int, id: int, logprob: float, *, last: bool) -> Token:
        """Take a token in; ``last`` says that there is no room for another."""
        text, stopped = self.writer.push(id)
        reason: FinishReason | None
        reason = "eos" if id == EOS else "stop" if stopped else "length" if last else None
        if reason == "eos" or (reason == "length" and not self._goes_on):
            text += self.writer.close()
        return Token(row, id, logprob, text, reason)


class Place:
    """Where a row of a batch has come to."""

    __slots__ = ("_untils", "count", "looks_back", "number", "plan", "row", "rules")

    def __init__(self, number: int, row: Row, plan: Plan) -> None:
        self.number, self.row, self.plan = number, row, plan
        self.count = 0  # new tokens so far
        self.rules = active_rules(plan.rules, 0)
        self._untils = {rule.until for rule in plan.rules if hasattr(rule, "until")}
        self.looks_back = not all(isinstance(rule, Shaping) for rule in plan.rules)

    def accept(self, id: int, logprob: float) -> Token:
        """Take a token in."""
        self.count += 1
        if self.count in self._untils:
            self.rules = active_rules(self.plan.rules, self.count)
        last = self.count == self.plan.max_new_tokens
        return self.row.accept(self.number, id, logprob, last=last)
