"""Graphs say what the network says, whatever the cell; and those that do not are refused."""

from __future__ import annotations

import copy
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor

import textrnn
from textrnn import recipe
from textrnn.config import EncoderSettings, LanguageModelHeadSettings
from textrnn.engines import open_engine
from textrnn.errors import EngineError, ModelFolderError, UnknownNameError
from textrnn.export import PRECISIONS, export_network, graphs, parity
from textrnn.export.quantizing import quantize_blocks, quantize_weights
from textrnn.export.tracing import trace
from textrnn.generation import pad_right
from textrnn.model_folder import (
    FolderContents,
    ModelFolder,
    encode_weights,
    open_model_folder,
    write_model_folder,
)
from textrnn.nn.cells import FAMILY, CellState, GatedCell
from textrnn.recipe.exporting import make_graphs
from textrnn.tasks import Argument, Function, Task, state_tensors
from textrnn.tasks.language_modeling import LanguageModeling, LanguageModelNetwork
from textrnn.tokenizers.byte import ByteTokenizer

V = ByteTokenizer().vocab_size


class Leaky(GatedCell):
    """A user's cell: its state is begun with ones, one part passes through, one counts rows."""

    gates = 1
    state_parts = 3

    def initial_state(self, batch: int) -> CellState:
        return tuple(part + 1.0 for part in super().initial_state(batch))

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        ones = from_input.new_ones(from_input.shape[0], self.hidden_size)
        hidden = 0.5 * state[0] + torch.tanh(from_input + from_hidden + 0.1 * state[1]) * ones
        return hidden + state[2], (hidden, from_input, state[2] * 0.9)


CELLS = (*FAMILY.names(), "leaky")


@pytest.fixture(autouse=True)
def _leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FAMILY, "_added", {})  # no other test is to see it
    FAMILY.add("leaky", Leaky)


def make_network(cell: str = "lstm", **settings: Any) -> LanguageModelNetwork:
    encoder: dict[str, Any] = {"embedding_size": 24, "hidden_size": 24, "layers": 2, **settings}
    torch.manual_seed(3)
    network = LanguageModelNetwork(
        EncoderSettings(cell=cell, **encoder), LanguageModelHeadSettings(), V
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


def write(path: Path, network: LanguageModelNetwork, precision: str | None) -> ModelFolder:
    sections = {
        "encoder": network.encoder.settings.model_dump(mode="json"),
        "head": network.head_settings.model_dump(mode="json"),
    }
    tensors = {name: value.numpy() for name, value in state_tensors(network).items()}
    extra: dict[str, Any] = {"training/notes.txt": b"kept"}
    if precision:
        task = "language_modeling"
        extra |= make_graphs(task, network, tensors, storage="float16", precision=precision).files
    config = {"task": "language_modeling", "network": sections, "storage": "float16"}
    return write_model_folder(
        path, FolderContents(config, tensors, ByteTokenizer(), "# A card\n", extra)
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelFolder]:
    """A folder of each precision, and one without graphs; not to be changed."""
    place, network = tmp_path_factory.mktemp("models"), make_network(hidden_size=48)
    for value in network.parameters():
        value.data = value.data.half().float()
    return {str(p): write(place / str(p), network, p) for p in (*PRECISIONS, None)}


@pytest.fixture
def copied(folders: dict[str, ModelFolder], tmp_path: Path) -> Path:
    """A folder in 8 bits that may be spoilt."""
    shutil.copytree(folders["int8"].path, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("settings", [{}, {"residual": True, "layer_norm": True, "layers": 3}])
def test_graphs_of_every_cell_are_the_network(cell: str, settings: dict[str, Any]) -> None:
    network = make_network(cell, **settings)
    for precision in PRECISIONS:
        made = export_network(
            LanguageModeling, network, parameters_sha256="0" * 64, precision=precision
        )
        assert made.precision == precision
        assert made.parity.logits < (1e-4 if precision == "float32" else 1.0)
        assert made.parity.divergence < (1e-9 if precision == "float32" else 0.02)


def test_a_users_cell_runs_as_it_does_in_torch(tmp_path: Path) -> None:
    network = make_network("leaky", hidden_size=20)
    for value in network.parameters():
        value.data = value.data.half().float()
    folder = write(tmp_path / "leaky", network, "float32")
    ids, lengths = pad_right([[2, *range(10, 40)], [2, 5], [2, 9, 9]])
    engines = [open_engine(folder, engine=name) for name in ("onnx", "torch")]
    starts = [engine.start(ids, lengths) for engine in engines]
    np.testing.assert_allclose(starts[0][0], starts[1][0], atol=1e-4)
    scores = [engine.score(ids, lengths)[0] for engine in engines]
    np.testing.assert_allclose(*scores, atol=1e-4)
    steps = [
        engine.step(np.array([7, 8, 9]), state)[0]
        for engine, (_, state) in zip(engines, starts, strict=True)
    ]
    np.testing.assert_allclose(*steps, atol=1e-4)


def test_each_matrix_is_stored_once_and_in_8_bits(folders: dict[str, ModelFolder]) -> None:
    sizes = {}
    for precision in PRECISIONS:
        folder = folders[precision].path / "onnx"
        stored = sum((folder / f"{name}.onnx").stat().st_size for name in ("step", "read", "head"))
        assert (folder / "steps.onnx").exists() == (precision == "int8")
        sizes[precision] = (folder / "weights.data").stat().st_size
        assert stored < 60_000
    parameters = sum(np.prod(shape) for shape in folders["int8"].tensor_shapes().values())
    assert sizes["float32"] < 4.1 * parameters
    assert sizes["int8"] < 0.4 * sizes["float32"]
    step = onnx.load(folders["int8"].path / "onnx" / "step.onnx")
    kinds = {node.op_type for node in step.graph.node}
    assert kinds.isdisjoint({"MatMul", "Gemm", "Gather"})


def test_numbers_of_blocks_are_near_the_matrix() -> None:
    matrix = np.random.default_rng(0).standard_normal((5, 300)).astype(np.float32)
    matrix[2] = 0
    numbers, scales = quantize_blocks(matrix, 256)
    assert (numbers.shape, scales.shape) == ((5, 2, 256), (5, 2))
    back = ((numbers.astype(np.float32) - 128) * scales[..., None]).reshape(5, -1)
    assert not back[:, 300:].any()
    assert not back[2].any()
    assert np.abs(back[:, :300] - matrix).max() <= scales.max() / 2 + 1e-6


def test_products_are_quantized_whichever_way_they_are_written() -> None:
    draw = np.random.default_rng(1).standard_normal
    arrays = {
        "square": draw((32, 32)).astype(np.float32),
        "tall": draw((48, 32)).astype(np.float32),
        "bias": draw((32,)).astype(np.float32),
        "one": np.array([0.5], np.float32),
        "narrow": draw((32, 2)).astype(np.float32),
    }
    node = onnx.helper.make_node
    nodes = [
        node("MatMul", ["x", "square"], ["a"]),
        node("Gemm", ["a", "square", "one"], ["b"]),
        node("Gemm", ["b", "square", "bias"], ["c"], alpha=0.5),
        node("Gemm", ["c", "tall"], ["d"], transB=1),
        node("MatMul", ["c", "narrow"], ["e"]),
    ]
    value = onnx.helper.make_tensor_value_info
    inputs = [value("x", onnx.TensorProto.FLOAT, ["batch", 32])]
    outputs = [value(name, onnx.TensorProto.FLOAT, None) for name in "abcde"]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = onnx.helper.make_graph(nodes, "products", inputs, outputs, tensors)
    opset = [onnx.helper.make_opsetid("", 20)]
    exact = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    small = quantize_weights(exact)
    kinds = [node.op_type for node in small.graph.node]
    assert kinds == ["MatMulNBits", "MatMulNBits", "Add", "Gemm", "MatMulNBits", "MatMul"]
    x = draw((3, 32)).astype(np.float32)
    results = [
        onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
        for model in (exact, small)
    ]
    for left, right in zip(*results, strict=True):
        assert np.abs(left - right).max() < 0.03 * np.abs(left).max()


class Halves(torch.nn.Module):
    """Products with parts of one parameter."""

    def __init__(self) -> None:
        super().__init__()
        # PyTorch's exporter folds small ones itself.
        self.weight = torch.nn.Parameter(torch.randn(256, 384) / 16)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (torch.tanh(x @ self.weight[:, :256]) @ self.weight[:, 256:],)


def test_products_with_parts_of_a_parameter_are_quantized() -> None:
    torch.manual_seed(2)
    module, example = Halves(), torch.randn(5, 256)
    inputs = {"x": Argument(example, ("batch", None))}
    exact = trace(Function(module, inputs, ("y",)))
    small = quantize_weights(exact)
    assert [node.op_type for node in small.graph.node] == ["MatMulNBits", "Tanh", "MatMulNBits"]
    (wanted,) = module(example)
    session = onnxruntime.InferenceSession(exact.SerializeToString())
    torch.testing.assert_close(torch.tensor(session.run(None, {"x": example.numpy()})[0]), wanted)


def test_the_network_is_left_as_it_is() -> None:
    network = make_network().train()
    before = copy.deepcopy(network.state_dict())
    export_network(LanguageModeling, network, parameters_sha256="0" * 64)
    assert network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("size", [*range(2, 9), 16, 33, 64])
def test_greedy_texts_do_not_depend_on_the_batch(
    folders: dict[str, ModelFolder], size: int
) -> None:
    model = textrnn.load(folders["int8"].path, engine="onnx")
    prompts = [chr(97 + row % 26) * (row % 5) + "x" for row in range(size)]
    options: Any = {"temperature": 0, "max_new_tokens": 24}
    together = model.generate(prompts, **options)
    for prompt, result in zip(prompts, together, strict=True):
        assert model.generate(prompt, **options).token_ids == result.token_ids


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_session_goes_on_bit_for_bit(
    folders: dict[str, ModelFolder], precision: str, tmp_path: Path
) -> None:
    model = textrnn.load(folders[precision].path, engine="onnx")
    session = model.session("Once upon a time")
    session.generate(max_new_tokens=9, seed=4)
    session.save(tmp_path / "state")
    loaded = model.session(state=tmp_path / "state")
    left, right = (s.generate(max_new_tokens=30) for s in (session, loaded))
    assert (left.token_ids, left.logprobs) == (right.token_ids, right.logprobs)


def test_generating_by_onnx_loads_no_torch(folders: dict[str, ModelFolder]) -> None:
    code = (
        "import sys\nfrom textrnn.cli.main import app\n"
        "try:\n    app(['generate', '-m', sys.argv[1], '-p', 'Once', '--max-new-tokens', '3'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "assert 'onnxruntime' in sys.modules\n"
        "print({'torch', 'datasets', 'onnx'} & set(sys.modules), file=sys.stderr)"
    )
    words = [sys.executable, "-c", code, str(folders["int8"].path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"


class Untraceable(torch.nn.Module):
    def forward(self, inputs: Any) -> tuple[Tensor, ...]:
        raise RuntimeError("no graph\nfor this")


class Stateless(Task):
    """A task without graphs."""

    criterion: ClassVar[str] = "loss"


def test_what_cannot_be_exported_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_network()
    with pytest.raises(UnknownNameError, match=r"no precision 'int4' \(known: float32, int8\)"):
        export_network(LanguageModeling, network, parameters_sha256="0" * 64, precision="int4")
    with pytest.raises(EngineError, match="Stateless has no graphs to export"):
        export_network(Stateless, network, parameters_sha256="0" * 64)
    monkeypatch.setattr("textrnn.export.tracing.Listed", lambda module: Untraceable())
    with pytest.raises(EngineError, match="the network cannot be exported to ONNX: "):
        export_network(LanguageModeling, network, parameters_sha256="0" * 64)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_graphs_that_say_something_else_are_not_written(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(*arguments: Any) -> Any:
        model = trace(*arguments)
        for tensor in model.graph.initializer:
            if len(tensor.dims) == 2:
                array = numpy_helper.to_array(tensor)
                tensor.CopyFrom(numpy_helper.from_array(array * np.float32(1.5), tensor.name))
        return model

    trace = graphs.trace
    monkeypatch.setattr(graphs, "trace", spoilt)
    monkeypatch.setattr(parity, "DIVERGED", 0.01)
    make = {"parameters_sha256": "0" * 64, "precision": precision}
    with pytest.raises(EngineError, match=r"do not say what the network says.*nothing has been wr"):
        export_network(LanguageModeling, make_network(), **make)


def test_a_full_disk_leaves_the_folder_as_it_was(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(EngineError, match=r"temporary folder \(No space left on device\)"):
            recipe.export(copied)
    with monkeypatch.context() as patch:
        patch.setattr("textrnn.model_folder.writing._add", full)
        with pytest.raises(ModelFolderError, match=r"No space left.*what was there before is sti"):
            recipe.export(copied)
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("precision", PRECISIONS)
def test_export_keeps_everything_but_the_graphs(
    folders: dict[str, ModelFolder], precision: str, tmp_path: Path
) -> None:
    before = folders["None"]
    report = recipe.export(before.path, precision=precision, output=tmp_path / "new")
    after = textrnn.load(tmp_path / "new", engine="onnx").folder
    assert after.parameters_sha256 == before.parameters_sha256
    assert after.card() == before.card()
    assert after.network == before.network
    made = set(after.files) - set(before.files)
    names = {"step.onnx", "read.onnx", "head.onnx", "weights.data"}
    names |= {"steps.onnx"} if precision == "int8" else set()
    assert made == {f"onnx/{name}" for name in names}
    assert report.path == tmp_path / "new"
    assert report.precision == precision
    assert report.bytes == sum(after.config["files"][name]["bytes"] for name in made)


def test_a_folder_without_graphs_runs_in_torch_with_a_hint(
    folders: dict[str, ModelFolder], caplog: pytest.LogCaptureFixture
) -> None:
    folder = folders["None"]
    with caplog.at_level(logging.INFO, "textrnn"):
        assert open_engine(folder).name == "torch"
    hint = f"has no onnx/step.onnx: make its graphs by: textrnn export {folder.path}"
    assert f"torch runs this model, not onnx: the folder {hint}" in caplog.text
    with pytest.raises(EngineError, match=f"cannot run here .*{hint}"):
        open_engine(folder, engine="onnx")


def test_stale_graphs_are_refused(folders: dict[str, ModelFolder], copied: Path) -> None:
    network = make_network("lstm", hidden_size=48)
    network.head.bias.data += 1.0
    other = write(copied.parent / "other", network, None)
    shutil.copy(other.path / "model.safetensors", copied)
    config = json.loads((copied / "config.json").read_text())
    config["files"]["model.safetensors"] = other.config["files"]["model.safetensors"]
    config["parameters_sha256"] = other.parameters_sha256
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="graphs were made from other parameters: make its graph"):
        textrnn.load(copied, engine="onnx")
    assert textrnn.load(copied).engine.name == "torch"
    recipe.export(copied)
    assert textrnn.load(copied).engine.name == "onnx"


@pytest.mark.parametrize("name", ["step.onnx", "weights.data"])
def test_a_graph_that_is_cut_short_is_refused(copied: Path, name: str) -> None:
    path = copied / "onnx" / name
    path.write_bytes(path.read_bytes()[:-100])
    remedy = f"make it again by: textrnn export {copied}"
    with pytest.raises(ModelFolderError, match=f"{name}: has .* bytes, not the .*; {remedy}"):
        textrnn.load(copied)
    recipe.export(copied)
    assert textrnn.load(copied).engine.name == "onnx"
    path.unlink()
    with pytest.raises(ModelFolderError, match=f"{name}: is missing, .*; {remedy}"):
        textrnn.load(copied)
    recipe.export(copied)
    assert textrnn.load(copied).engine.name == "onnx"


def test_another_model_is_not_replaced(
    folders: dict[str, ModelFolder], copied: Path, tmp_path: Path
) -> None:
    recipe.export(folders["None"].path, output=copied)  # of the same parameters
    network = make_network("lstm", hidden_size=48)
    network.head.bias.data += 1.0
    other = write(tmp_path / "other", network, None)
    with pytest.raises(ModelFolderError, match="copy: another model is there: choose another name"):
        recipe.export(other.path, output=copied)
    assert open_model_folder(copied).parameters_sha256 == folders["None"].parameters_sha256


@pytest.mark.parametrize("name", ["step.onnx", "weights.data"])
def test_a_graph_that_is_damaged_is_refused(copied: Path, name: str) -> None:
    path = copied / "onnx" / name
    data = bytearray(path.read_bytes())
    data[60] ^= 255
    path.write_bytes(data)
    with pytest.raises(ModelFolderError, match=f"{name}: is damaged: its sha256"):
        textrnn.load(copied)


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    from textrnn.engines.onnx import OnnxEngine

    (tmp_path / "step.onnx").write_bytes(b"no graph")
    with pytest.raises(EngineError, match=r"step\.onnx cannot be run: "):
        OnnxEngine(tmp_path, "0" * 64)


def test_graphs_of_other_parameters_are_refused_one_by_one(folders: dict[str, ModelFolder]) -> None:
    from textrnn.engines.onnx import OnnxEngine

    with pytest.raises(EngineError, match=r"step\.onnx was made from other parameters: run text"):
        OnnxEngine(folders["int8"].path / "onnx", "0" * 64)


def test_without_onnxruntime_torch_runs_it(
    folders: dict[str, ModelFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert open_engine(folders["int8"]).name == "torch"
    wanted = "it needs onnxruntime: pip install onnxruntime"
    with pytest.raises(EngineError, match=f"onnx: {wanted}"):
        open_engine(folders["int8"], engine="onnx")
    with pytest.raises(EngineError, match="checking graphs needs onnxruntime, which fails: "):
        recipe.export(folders["int8"].path)


@pytest.mark.parametrize("kind", ["ImportError", "OSError"])
def test_where_onnxruntime_does_not_load_torch_runs_it(
    folders: dict[str, ModelFolder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "onnxruntime.py").write_text(f"raise {kind}('no libgomp.so.1')")
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.syspath_prepend(tmp_path)
    assert open_engine(folders["int8"]).name == "torch"
    with pytest.raises(EngineError, match=r"installed but does not load: no libgomp\.so\.1"):
        open_engine(folders["int8"], engine="onnx")


def test_a_gpu_is_not_for_onnx(folders: dict[str, ModelFolder]) -> None:
    with pytest.raises(EngineError, match="onnx: ONNX Runtime runs on the processor here"):
        open_engine(folders["int8"], engine="onnx", device="cuda")


def test_parameters_are_those_of_the_folder(folders: dict[str, ModelFolder]) -> None:
    folder = folders["float32"]
    storage = folder.config["storage"]
    assert (
        encode_weights(folder.tensors(), storage) == folder.file("model.safetensors").read_bytes()
    )
