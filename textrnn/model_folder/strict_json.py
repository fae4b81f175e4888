"""JSON from a stranger: depth, numbers, text and doubled keys are all checked."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

__all__ = ["parse_object", "shown"]

MAX_DEPTH = 16
MAX_DIGITS = 19


def shown(value: object) -> str:
    r"""A stranger's value, fit to stand in a one-line message.

    >>> shown("a\nb")
    "'a\\nb'"
    >>> shown("x" * 1000).endswith("xxx...")
    True
    """
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def parse_object(data: bytes) -> dict[str, Any]:
    """One JSON object of finite numbers, no key twice, in text that can be written as UTF-8.

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
            parse_int=_small,
        )
        _check_depth(value, MAX_DEPTH)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
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
        raise ValueError(f"the number {text[:20]} is not finite")
    return number


def _small(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, left - 1)
