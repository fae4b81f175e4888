"""Rules: what stands between the model's logits and the draw. Each file here is one.

To add a rule, add a file with a frozen dataclass, or call ``FAMILY.add(name, class)`` from outside;
any callable ``(ids, logits) -> logits`` may also be passed as it is. A rule that does not look back
at what came before derives from :class:`Shaping`: it is given the tokens that are left, few as a
rule, instead of the whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textrnn.errors import UsageError
from textrnn.generation.rules._applying import active_rules, apply_rules, narrow
from textrnn.generation.rules._base import Ids, Logits, Rule
from textrnn.generation.rules._shortlist import Shaping, Shortlist
from textrnn.registry import Family

if TYPE_CHECKING:
    from textrnn.tokenizers import Tokenizer

__all__ = [
    "FAMILY",
    "ORDER",
    "Ids",
    "Logits",
    "Rule",
    "Shaping",
    "Shortlist",
    "active_rules",
    "apply_rules",
    "narrow",
    "read_rule",
]

FAMILY: Family[Callable[..., Rule]] = Family(__name__, Path(__file__).parent, "rule")

ORDER = (
    "logit_bias",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "no_repeat_ngram_size",
    "ban",
    "min_new_tokens",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
)
"""The order in which options apply: first what changes or bans single tokens, then what shapes the
distribution.

It is the order of ``GenerationMixin._get_logits_processor`` in transformers 5.23, which has no
presence and frequency penalties; they stand beside the repetition penalty. Rules given by hand
apply in the order given.
"""


def read_rule(text: str, tokenizer: Tokenizer) -> Rule:
    """The rule that ``NAME=VALUE`` says.

    The value is a number, unless the rule's class reads it itself (``from_text(value,
    tokenizer)``).

    >>> from textrnn.tokenizers import Tokenizer
    >>> read_rule("top_k=40", Tokenizer)
    TopK(k=40)
    >>> read_rule("topk=40", Tokenizer)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    textrnn.errors.UnknownNameError: no rule 'topk' (known: ban, ...); did you mean 'top_k'?

    Raises:
        UsageError: not of that form, no such rule, or a value that the rule does not allow.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"rule {text!r} has no value: write NAME=VALUE, for example top_k=40")
    entry: Any = FAMILY.get(name)
    reader = getattr(entry, "from_text", None)
    rule: Rule = reader(value, tokenizer) if reader else entry(_number(name, value))
    return rule


def _number(name: str, text: str) -> float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise UsageError(f"rule {name}={text}: {text!r} is not a number")
