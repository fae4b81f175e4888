"""The model as lm-evaluation-harness sees it: with it where it is installed, and without it."""

from __future__ import annotations

import json
import math
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import textrnn
from textrnn import harness
from textrnn.errors import MissingExtraError, ModelFolderError, UnknownNameError, UsageError

TASK = """\
task: toy_pairs
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: ""
doc_to_target: 0
target_delimiter: ""
doc_to_choice: "{{{{[sentence_good, sentence_bad]}}}}"
metric_list: [{{metric: acc}}]
"""


def ask(*args: object) -> list[Any]:
    return [SimpleNamespace(args=args)]


@pytest.fixture
def adapter(toy_model: Path) -> harness.Adapter:
    return harness.Adapter(str(toy_model), batch_size="2")


def test_the_three_requests(adapter: harness.Adapter, toy_model: Path) -> None:
    model: Any = textrnn.load(toy_model)
    ((log_prob, greedy),) = adapter.loglikelihood(ask("the cat", " sat."))
    whole, context = model.score(["the cat sat.", "the cat"])
    assert log_prob == pytest.approx((context.bits - whole.bits) * math.log(2), rel=1e-3)
    assert isinstance(greedy, bool)
    (rolled,) = adapter.loglikelihood_rolling(ask("the cat"))
    assert rolled == pytest.approx(-context.bits * math.log(2))
    (text,) = adapter.generate_until(ask("the", {"until": ["."], "max_gen_toks": 9}))
    assert text == model.generate("the", temperature=0, max_new_tokens=9, stop=["."]).text
    drawn = {"until": [], "do_sample": True, "temperature": 0.7, "top_k": 3, "max_gen_toks": 9}
    assert adapter.generate_until(ask("the", drawn)) == adapter.generate_until(ask("the", drawn))
    with pytest.raises(UsageError, match="no generation option 'top_q'"):
        adapter.generate_until(ask("the", {"top_q": 1}))


@pytest.mark.parametrize("size", ["many", 0, "0", -1, "1.5"])
def test_a_batch_size_is_a_number(size: Any, toy_model: Path) -> None:
    with pytest.raises(UsageError, match=r"batch_size is .*: use a number from 1 on, or auto"):
        harness.Adapter(str(toy_model), batch_size=size)


def test_what_is_no_language_model(translator: Path) -> None:
    with pytest.raises(ModelFolderError, match="translation"):
        harness.Adapter(str(translator))
    with pytest.raises(UnknownNameError, match="storys-en"):
        harness.Adapter("storys-en")


def test_without_the_harness_the_message_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(
        MissingExtraError, match=r"lm-evaluation-harness needs lm_eval: pip install"
    ):
        harness.register()


def test_without_the_harness_its_command_line_says_so_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(SystemExit, match="1"):
        harness.main()
    assert capsys.readouterr().err == (
        "textrnn: error: lm-evaluation-harness needs lm_eval: pip install 'textrnn[lm-eval]'\n"
    )


class StandIn:
    """What the adapter takes from the harness."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.models: dict[str, type] = {}
        self.ran = 0

        class LM:
            def __init__(self) -> None:
                self.ready = True

        def register_model(name: str) -> Any:
            return lambda cls: self.models.setdefault(name, cls)

        def run() -> None:
            self.ran += 1

        parts: dict[str, dict[str, Any]] = {
            "lm_eval": {},
            "lm_eval.api": {},
            "lm_eval.api.model": {"LM": LM},
            "lm_eval.api.registry": {"register_model": register_model},
            "lm_eval.__main__": {"cli_evaluate": run},
        }
        for name, members in parts.items():
            module = ModuleType(name)
            vars(module).update(members)
            monkeypatch.setitem(sys.modules, name, module)


def test_it_registers_and_hands_over(toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standin = StandIn(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["harness", "run", "--model", "textrnn"])
    runpy.run_path(str(Path(harness.__file__)), run_name="__main__")
    assert (list(standin.models), standin.ran) == (["textrnn"], 1)
    assert sys.argv[-2:] == ["--device", "auto"]
    for words in (["harness", "ls"], ["harness", "--model=textrnn", "--device=cpu"]):
        monkeypatch.setattr(sys, "argv", list(words))
        harness.main()
        assert sys.argv == words
    standin.models.clear()
    registered = harness.register()
    assert standin.models == {"textrnn": registered}
    made = registered(model=str(toy_model))
    assert (made.ready, made.rows) == (True, harness.ROWS)


def test_a_local_task(toy_model: Path, tmp_path: Path) -> None:
    """The harness's accuracy on minimal pairs is ours."""
    lm_eval = pytest.importorskip("lm_eval", reason="lm_eval is not installed")
    from lm_eval.tasks import TaskManager

    pairs = [("the cat sat.", "cat the sat."), ("sat the", "the cat"), ("a dog ran.", "dog ran a.")]
    file, task = tmp_path / "pairs.jsonl", tmp_path / "toy_pairs.yaml"
    keys = ("sentence_good", "sentence_bad")
    file.write_text("".join(json.dumps(dict(zip(keys, p, strict=True))) + "\n" for p in pairs))
    task.write_text(TASK.format(file=file))
    harness.register()
    found = lm_eval.simple_evaluate(
        model="textrnn",
        model_args={"model": str(toy_model)},
        tasks=["toy_pairs"],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        bootstrap_iters=0,
    )
    model: Any = textrnn.load(toy_model)
    right = [model.score(good).bits < model.score(bad).bits for good, bad in pairs]
    assert found["results"]["toy_pairs"]["acc,none"] == pytest.approx(sum(right) / len(pairs))
