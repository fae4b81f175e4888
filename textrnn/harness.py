"""A language model as a model of lm-evaluation-harness, registered there as ``textrnn``.

    pip install 'textrnn[lm-eval]'
    python -m textrnn.harness run --model textrnn --model_args model=stories-en --tasks blimp

All that stands behind ``textrnn.harness`` is the harness's own command line. In Python, call
:func:`register` before ``lm_eval.simple_evaluate(model="textrnn", ...)``. A recurrent model reads a
text of any length in one piece, so rolling log-likelihoods have no windows.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from textrnn.errors import MissingExtraError, TextRNNError, UsageError, did_you_mean
from textrnn.model_folder import find_model, open_model_folder
from textrnn.models import LanguageModel, score_continuations

__all__ = ["Adapter", "generation_options", "main", "register"]

ROWS = 64
KNOWN = ("until", "max_gen_toks", "do_sample", "temperature", "top_k", "top_p")


class Adapter:
    """The harness's three requests, answered by a language model.

    Args:
        model: a shipped name, a model folder or a hub id.
        engine: as for :func:`textrnn.load`.
        device: as for :func:`textrnn.load`.
        threads: as for :func:`textrnn.load`.
        batch_size: how many continuations are read at once; ``"auto"`` for 64.
        seed: of what is drawn.

    Raises:
        UnknownNameError: no such model.
        ModelFolderError: it is damaged, or no language model.
        UsageError: a batch size that is no number.
    """

    def __init__(
        self,
        model: str = "stories-en",
        engine: str = "auto",
        device: str = "auto",
        threads: int | None = None,
        batch_size: int | str = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__()
        rows = str(ROWS) if batch_size == "auto" else str(batch_size)
        if not rows.isdecimal() or int(rows) < 1:
            raise UsageError(f"batch_size is {batch_size!r}: use a number from 1 on, or auto")
        folder = open_model_folder(find_model(str(model)), task="language_modeling")
        self.model = LanguageModel.open(folder, engine=engine, device=device, threads=threads)
        self.rows = int(rows)
        self.seed = seed

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Of (context, continuation): the log-probability in nats, and whether it is greedy."""
        pairs = [request.args for request in requests]
        scores = score_continuations(self.model, pairs, batch_size=self.rows)
        return [(score.log_prob, score.greedy) for score in scores]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Of (text,): the log-probability of the whole, after BOS, in nats."""
        scores = self.model.score([request.args[0] for request in requests])
        return [-score.bits * math.log(2.0) for score in scores]

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Of (context, options): what the model writes, up to the first of the stop texts.

        Raises:
            UsageError: an option that is not known.
        """
        texts = []
        for request in requests:
            context, options = request.args
            chosen = generation_options(options)
            (result,) = self.model.generate([context], seed=self.seed, **chosen)
            texts.append(result.text)
        return texts


def generation_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The harness's options as ours; greedy unless something says otherwise.

    Raises:
        UsageError: an option that is not known.

    >>> generation_options({"until": [".", ""], "max_gen_toks": 8, "temperature": 0.0})
    {'stop': ['.'], 'max_new_tokens': 8, 'temperature': 0}
    >>> generation_options({"until": ".", "do_sample": True, "top_p": 0.9})
    {'stop': ['.'], 'temperature': 1.0, 'top_p': 0.9}
    """
    for name in given:
        if name not in KNOWN:
            raise UsageError(
                f"a textrnn model has no generation option {name!r} "
                f"(known: {', '.join(KNOWN)}){did_you_mean(name, KNOWN)}"
            )
    until = given.get("until") or []
    options: dict[str, Any] = {
        "stop": [stop for stop in ([until] if isinstance(until, str) else until) if stop]
    }
    if "max_gen_toks" in given:
        options["max_new_tokens"] = int(given["max_gen_toks"])
    temperature = float(given.get("temperature") or 0.0)
    if not given.get("do_sample", temperature > 0.0):
        return {**options, "temperature": 0}
    options["temperature"] = temperature or 1.0
    return options | {name: given[name] for name in ("top_k", "top_p") if name in given}


def register() -> type:
    """Make ``textrnn`` a model of lm-evaluation-harness, and return its class there.

    Raises:
        MissingExtraError: lm_eval is not installed.
    """
    try:
        from lm_eval.api.model import LM
        from lm_eval.api.registry import register_model
    except ImportError as error:
        raise MissingExtraError("lm_eval", "lm-eval", "lm-evaluation-harness") from error
    registered: type = register_model("textrnn")(type("TextRNN", (Adapter, LM), {}))
    return registered


def main() -> None:
    """The harness's own command line, with this model among its models.

    What is wrong with the model, or that the harness is missing, is told in a line on stderr.
    """
    try:
        register()
        words = [word.split("=")[0] for word in sys.argv]
        if "--model" in words and "--device" not in words:
            sys.argv += ["--device", "auto"]  # the harness's own default is cuda:0
        from lm_eval.__main__ import cli_evaluate

        cli_evaluate()
    except TextRNNError as error:
        sys.stderr.write(f"textrnn: error: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
