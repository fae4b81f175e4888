"""From YAML and overrides to checked settings, and from a wrong key to a line that says so."""

from __future__ import annotations

import copy
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from textrnn.errors import UsageError, did_you_mean

__all__ = ["apply_overrides", "override_pairs", "read_yaml", "validate"]

Model = TypeVar("Model", bound=BaseModel)

UNION_MEMBER = re.compile(r"tuple\[.*|function-.*|str|int|float")
"""How pydantic calls a member of a union in an error's path, where no user would look for it."""


def read_yaml(path: Path) -> dict[str, Any]:
    """A recipe file as plain data.

    Raises:
        UsageError: it is not there, not UTF-8, not YAML, or not a mapping.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"recipe {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"recipe {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise UsageError(f"recipe {path} is not a mapping of keys to values")
    return data


def apply_overrides(
    data: Mapping[str, Any], overrides: Sequence[str] | Mapping[str, Any]
) -> dict[str, Any]:
    """``data`` with overrides laid over it; the values of ``key.path=value`` are read as YAML.

    Raises:
        UsageError: an override without ``=`` or one that reaches into a value that is no mapping.

    >>> apply_overrides({"training": {"epochs": 1}}, ["training.epochs=3", "data.path=x"])
    {'training': {'epochs': 3}, 'data': {'path': 'x'}}
    """
    result: dict[str, Any] = copy.deepcopy(dict(data))
    for key, value in override_pairs(overrides):
        *parents, last = key.split(".")
        node = result
        for depth, parent in enumerate(parents):
            if node.get(parent) is None:
                node[parent] = {}
            node = node[parent]
            if not isinstance(node, dict):
                raise UsageError(
                    f"override {key}: {'.'.join(parents[: depth + 1])} is a value, not a section"
                )
        node[last] = value
    return result


def override_pairs(overrides: Sequence[str] | Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Overrides as pairs of a key's path and its value.

    Raises:
        UsageError: one without ``=``, or whose value is not YAML.

    >>> override_pairs(["training.optimizer.learning_rate=1e-3", "encoder.layers=2"])
    [('training.optimizer.learning_rate', '1e-3'), ('encoder.layers', 2)]
    """
    if isinstance(overrides, Mapping):
        return list(overrides.items())
    pairs = []
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign or not all(key.split(".")):
            raise UsageError(
                f"override {text!r}: write key.path=value, for example training.epochs=3"
            )
        try:
            pairs.append((key, yaml.safe_load(value)))
        except yaml.YAMLError as error:
            raise UsageError(
                f"override {text!r}: the value is not YAML ({' '.join(str(error).split())})"
            ) from error
    return pairs


def validate(model: type[Model], data: Mapping[str, Any], where: str) -> Model:
    """``data`` as settings, or one line that names the first key that is wrong and what it may be.

    Raises:
        UsageError: an unknown key (with the closest known one), a wrong type, a value out of range.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        unknown = (problem for problem in problems if problem["type"] == "extra_forbidden")
        first = next(unknown, problems[0])  # a misspelt key explains the one that is missing
        path = ".".join(str(part) for part in first["loc"] if not UNION_MEMBER.fullmatch(str(part)))
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UsageError(f"{where}: {_explain(model, first, path)}{more}") from None


def _explain(model: type[BaseModel], problem: Any, path: str) -> str:
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, problem["loc"][:-1])
        return f"unknown key {path}{did_you_mean(str(problem['loc'][-1]), known)}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{path} is missing"
    if problem["type"] == "value_error":
        return f"{path}: {message}" if path else message
    return f"{path} is {problem['input']!r}: {message[0].lower()}{message[1:]}"


def _known_keys(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        inner = field.annotation
        options = typing.get_args(inner) if isinstance(inner, types.UnionType) else (inner,)
        for option in options:
            if isinstance(option, type) and issubclass(option, BaseModel):
                model = option
    return list(model.model_fields)
