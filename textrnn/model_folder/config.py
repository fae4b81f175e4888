"""config.json of a model folder: its keys and their types, and the files that a folder may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from textrnn.model_folder.strict_json import parse_object, shown

__all__ = [
    "ALLOWED_FILES",
    "CONFIG",
    "FORMAT_VERSION",
    "MAX_CONFIG_BYTES",
    "SOURCE",
    "STORAGES",
    "WEIGHTS",
    "check_config",
    "check_file_name",
    "parse_config",
]

FORMAT_VERSION = 1
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
SOURCE = "source"  # the folder of a translator's second tokenizer
STORAGES = {"float32": "F32", "float16": "F16"}
MAX_CONFIG_BYTES = 1 << 22
MAX_FILES = 1000
MAX_SIZE = 1 << 26  # of a vocabulary, a layer, anything that a network counts

ALLOWED_FILES = [
    WEIGHTS,
    "tokenizer.*",
    f"{SOURCE}/tokenizer.*",
    "README.md",
    "LICENSE*",
    "NOTICE",
    *(f"onnx/*.{suffix}" for suffix in ("onnx", "data", "json")),
    *(f"training/*.{suffix}" for suffix in ("json", "jsonl", "yaml", "txt", "md", "tsv", "png")),
]
_ALLOWED = re.compile("|".join(re.escape(name).replace(r"\*", "[^/]*") for name in ALLOWED_FILES))
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_PICKLED = re.compile(r".*\.(bin|pt|pth|pkl|pickle|ckpt|joblib|npy|npz|h5|msgpack)", re.IGNORECASE)
_COLDEST, _HOTTEST = 1e-3, 1e3  # of calibrations; what is fitted lies between 0.05 and 20
_HASH = re.compile(r"[0-9a-f]{64}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 10_000


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


def _is_labels(value: object) -> bool:
    if not isinstance(value, list) or not _is_texts(value):
        return False
    return all(map(str.strip, value)) and len({*value}) == len(value)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value <= MAX_SIZE


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _is_storage(value: object) -> bool:
    return isinstance(value, str) and value in STORAGES


def _is_backward(value: object) -> bool:
    return value == "backward"


def _is_calibration(value: object) -> bool:
    if not isinstance(value, dict) or not {"temperature"} <= value.keys() <= _CALIBRATION:
        return False
    thresholds = value.get("thresholds", [])
    above = [value["temperature"], value.get("familiar", 1.0)]
    numbers = [*above, *(thresholds if isinstance(thresholds, list) else [-1.0])]
    plain = all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers)
    fits = plain and _COLDEST <= value["temperature"] <= _HOTTEST
    return fits and min(above) > 0 and all(one >= 0 for one in numbers)


_CALIBRATION = {"temperature", "thresholds", "familiar", "texts", "ece_before", "ece_after"}
_Check = tuple[str, Callable[[object], bool]]
_TEXT: _Check = ("a text", _is_text)
_TEXTS: _Check = ("a list of texts", _is_texts)
_OBJECT: _Check = ("an object", _is_object)
_REQUIRED: Mapping[str, _Check] = {
    "task": _TEXT,
    "tokenizer": _TEXT,
    "network": _OBJECT,
    "vocab_size": (f"a whole number from 1 to {MAX_SIZE}", _is_count),
    "storage": ("'float32' or 'float16'", _is_storage),
    "files": _OBJECT,
    "parameters_sha256": ("64 hexadecimal digits", _is_hash),
    "textrnn_version": _TEXT,
}
_OPTIONAL: Mapping[str, _Check] = {
    "languages": _TEXTS,
    "labels": ("a list of different texts, none of them empty", _is_labels),
    "calibration": (
        f"an object with a temperature from {_COLDEST:g} to {_HOTTEST:g}, and numbers of at least "
        "0 beside it",
        _is_calibration,
    ),
    "generation": _OBJECT,
    "summary": _TEXT,
    "reached": _TEXT,
    "documents": _TEXT,
    "direction": ("'backward'; forward is what it is without", _is_backward),
}


def parse_config(data: bytes) -> dict[str, Any]:
    """The checked config from the bytes of config.json.

    Raises:
        ValueError: what is wrong with it, in a few words.
    """
    config = parse_object(data)
    check_config(config)
    return config


def check_config(config: Mapping[str, Any]) -> None:
    """Check every key of a config.

    Raises:
        ValueError: what is wrong with it, in a few words.
    """
    _check_version(config)
    for key in _REQUIRED:
        if key not in config:
            raise ValueError(f"the key {key!r} is missing")
    checks = {**_REQUIRED, **_OPTIONAL}
    for key in config.keys() - {"format_version"}:
        if key not in checks:
            raise ValueError(f"unknown key {shown(key)}")
        allowed, check = checks[key]
        if not check(config[key]):
            raise ValueError(f"{key} is {shown(config[key])}, not {allowed}")
    _check_sizes("network", config["network"])
    _check_files(config["files"])
    if config["files"][WEIGHTS]["sha256"] != config["parameters_sha256"]:
        raise ValueError(f"parameters_sha256 is not the sha256 that files gives for {WEIGHTS}")


def _check_version(config: Mapping[str, Any]) -> None:
    if "format_version" not in config:
        raise ValueError("it has no format_version, so it is no model of textrnn")
    version = config["format_version"]
    if type(version) is not int or version < 1:
        raise ValueError(f"format_version is {shown(version)}, not {FORMAT_VERSION}")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"format_version is {version}, and this textrnn reads up to {FORMAT_VERSION}: "
            "pip install --upgrade textrnn"
        )


def _check_sizes(where: str, value: object) -> None:
    """Refuse a number that no network has, before anyone makes an array of that size."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_sizes(where, item)
    elif isinstance(value, int | float) and abs(value) > MAX_SIZE:
        raise ValueError(f"{where} holds the number {value}, beyond {MAX_SIZE}")


def _check_files(files: Mapping[str, Any]) -> None:
    if len(files) > MAX_FILES:
        raise ValueError(f"files lists {len(files)} files, more than {MAX_FILES}")
    for name, entry in files.items():
        check_file_name(name)
        if not isinstance(entry, dict) or entry.keys() != {"sha256", "bytes"}:
            raise ValueError(f"files: {name} needs exactly 'sha256' and 'bytes'")
        if not _is_hash(entry["sha256"]):
            raise ValueError(f"files: the sha256 of {name} is not 64 hexadecimal digits")
        if type(entry["bytes"]) is not int or entry["bytes"] < 0:
            raise ValueError(f"files: the size of {name} is {shown(entry['bytes'])}")
    if WEIGHTS not in files:
        raise ValueError(f"files does not list {WEIGHTS}")


def check_file_name(name: str) -> None:
    """Check that a model folder may hold a file of this relative name.

    Raises:
        ValueError: a path that leaves the folder, a pickle, or a file that has no place there.

    >>> check_file_name("onnx/step.onnx")
    >>> check_file_name("../secrets.json")
    Traceback (most recent call last):
    ValueError: '../secrets.json' is not a plain path inside the folder
    """
    if not all(_PLAIN.fullmatch(part) for part in name.split("/")):
        raise ValueError(f"{shown(name)} is not a plain path inside the folder")
    if _PICKLED.fullmatch(name):
        raise ValueError(f"{shown(name)} may hold code and is never read; only {WEIGHTS} is")
    if not _ALLOWED.fullmatch(name):
        raise ValueError(f"{shown(name)} has no place in a model folder")
