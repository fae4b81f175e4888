"""textrnn: recurrent networks for text. Train with torch, answer without it.

>>> import textrnn
>>> sorted(textrnn.__all__)[:3]
['LanguageModel', 'TextRNNError', 'Translator']

Every name is loaded when it is first used, so that ``import textrnn`` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing takes longer than all the rest here
if TYPE_CHECKING:
    from textrnn import nn
    from textrnn.api import evaluate, finetune, load, model_path, train
    from textrnn.errors import TextRNNError
    from textrnn.models import LanguageModel, Translator

__all__ = [
    "LanguageModel",
    "TextRNNError",
    "Translator",
    "__version__",
    "evaluate",
    "finetune",
    "load",
    "model_path",
    "nn",
    "train",
]

__version__ = "0.1.0"

_HOMES = {
    "LanguageModel": "textrnn.models",
    "TextRNNError": "textrnn.errors",
    "Translator": "textrnn.models",
    "evaluate": "textrnn.api",
    "finetune": "textrnn.api",
    "load": "textrnn.api",
    "model_path": "textrnn.api",
    "nn": "textrnn.nn",
    "train": "textrnn.api",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'textrnn' has no attribute {name!r}")
    from importlib import import_module

    home = import_module(_HOMES[name])
    value = home if home.__name__ == f"textrnn.{name}" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
