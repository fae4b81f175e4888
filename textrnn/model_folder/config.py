"""config.json of a model folder: which keys, of which types, and which files a folder may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from textrnn.model_folder.strict_json import parse_object, shown

__all__ = [
    "CONFIG",
    "FORMAT_VERSION",
    "MAX_CONFIG_BYTES",
    "STORAGES",
    "WEIGHTS",
    "check_config",
    "check_file_name",
    "parse_config",
]

FORMAT_VERSION = 1
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
STORAGES = {"float32": "F32", "float16": "F16"}
MAX_CONFIG_BYTES = 1 << 22
MAX_FILES = 1000
MAX_SIZE = 1 << 26  # of a vocabulary, a layer, anything that a network counts

_PICKLES = (
    ".bin",
    ".pt",
    ".pth",
    ".pkl",
    ".pickle",
    ".ckpt",
    ".joblib",
    ".npy",
    ".npz",
    ".msgpack",
    ".h5",
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_ALLOWED = re.compile(
    r"model\.safetensors|tokenizer\.[a-z]+|README\.md|LICENSE(\.[a-z]+)?|NOTICE"
    r"|onnx/[\w.-]+\.(onnx|json)|training/[\w.-]+\.(json|jsonl|yaml|txt|md|tsv|csv|png|svg)",
    re.ASCII,
)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 10_000


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value <= MAX_SIZE


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_storage(value: object) -> bool:
    return isinstance(value, str) and value in STORAGES


_Check = tuple[str, Callable[[object], bool]]
_REQUIRED: Mapping[str, _Check] = {
    "task": ("a text", _is_text),
    "tokenizer": ("a text", _is_text),
    "network": ("an object", _is_object),
    "vocab_size": (f"a whole number from 1 to {MAX_SIZE}", _is_count),
    "storage": ("'float32' or 'float16'", _is_storage),
    "files": ("an object", _is_object),
    "parameters_sha256": ("64 hexadecimal digits", _is_hash),
    "textrnn_version": ("a text", _is_text),
}
_OPTIONAL: Mapping[str, _Check] = {
    "languages": ("a list of texts", _is_texts),
    "labels": ("a list of texts", _is_texts),
    "generation": ("an object", _is_object),
    "summary": ("a text", _is_text),
    "reached": ("a text", _is_text),
    "recipe": ("a text", _is_text),
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
    version = config.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        writer = shown(config.get("textrnn_version"))
        raise ValueError(
            f"format_version {shown(version)} is newer than {FORMAT_VERSION}, "
            f"written by textrnn {writer}: pip install --upgrade textrnn"
        )
    if type(version) is not int or version < 1:
        raise ValueError(f"format_version is {shown(version)}, not {FORMAT_VERSION}")
    for key in _REQUIRED:
        if key not in config:
            raise ValueError(f"the key {key!r} is missing")
    checks = {**_REQUIRED, **_OPTIONAL}
    for key, value in config.items():
        if key == "format_version":
            continue
        if key not in checks:
            raise ValueError(f"unknown key {shown(key)}")
        allowed, check = checks[key]
        if not check(value):
            raise ValueError(f"{key} is {shown(value)}, not {allowed}")
    _check_sizes("network", config["network"])
    _check_files(config)


def _check_sizes(where: str, value: object) -> None:
    """Refuse a number no network has, before anyone makes an array of that size."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_sizes(f"{where}.{key}" if _NAME.fullmatch(key) else where, item)
    elif isinstance(value, list):
        for item in value:
            _check_sizes(where, item)
    elif isinstance(value, int | float) and abs(value) > MAX_SIZE:
        raise ValueError(f"{where} is {shown(value)}, beyond {MAX_SIZE}")


def _check_files(config: Mapping[str, Any]) -> None:
    files = config["files"]
    if len(files) > MAX_FILES:
        raise ValueError(f"files lists {len(files)} files, more than {MAX_FILES}")
    for name, entry in files.items():
        check_file_name(name)
        if not isinstance(entry, dict) or entry.keys() != {"sha256", "bytes"}:
            raise ValueError(f"files: {name} needs exactly 'sha256' and 'bytes'")
        if not _is_hash(entry["sha256"]):
            raise ValueError(
                f"files: sha256 of {name} is {shown(entry['sha256'])}, not 64 hexadecimal digits"
            )
        if type(entry["bytes"]) is not int or entry["bytes"] < 0:
            raise ValueError(f"files: bytes of {name} is {shown(entry['bytes'])}, not a size")
    if WEIGHTS not in files:
        raise ValueError(f"files does not list {WEIGHTS}")
    if files[WEIGHTS]["sha256"] != config["parameters_sha256"]:
        raise ValueError(f"parameters_sha256 is not the sha256 that files gives for {WEIGHTS}")


def check_file_name(name: str) -> None:
    """Check that a model folder may hold a file of this relative name.

    Raises:
        ValueError: a path that leaves the folder, a pickle, or a file that has no place there.

    >>> check_file_name("onnx/step.onnx")
    >>> check_file_name("../secrets.json")
    Traceback (most recent call last):
    ValueError: files: '../secrets.json' is not a plain path inside the folder
    """
    if not all(_NAME.fullmatch(part) for part in name.split("/")):
        raise ValueError(f"files: {shown(name)} is not a plain path inside the folder")
    if name.lower().endswith(_PICKLES):
        raise ValueError(
            f"files: {shown(name)} may hold code and is never read: convert it to {WEIGHTS}"
        )
    if not _ALLOWED.fullmatch(name):
        raise ValueError(f"files: {shown(name)} has no place in a model folder")
