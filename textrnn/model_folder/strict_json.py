"""JSON from a stranger: size, depth, numbers, text and doubled keys are all checked."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

__all__ = ["parse_object", "shown"]


def shown(value: object) -> str:
    """A stranger's value, fit to stand in a one-line message.

    >>> shown("a\\nb"), len(shown("x" * 1000))
    ("'a\\\\nb'", 61)
    """
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def parse_object(data: bytes) -> dict[str, Any]:
    """One JSON object, finite numbers only, no key twice, text that can be written as UTF-8.

    Raises:
        ValueError: anything else; the message says what, in a few words.

    >>> parse_object(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse_object(b'{"a": NaN}')
    Traceback (most recent call last):
    ValueError: the number NaN is not finite
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_number,
            parse_float=_finite,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeError:
        raise ValueError("not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON (line {error.lineno}: {error.msg})") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} stands twice")
        found[key] = value
    return found


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"the number {text} is not finite")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {shown(text)} is not finite")
    return number
