"""Export: a task's network becomes ONNX graphs that run without PyTorch.

    tracing       the network -> an ONNX model of one step
    quantizing    its matrices -> 8 bits
    unrolling     the step -> a model that reads many tokens at once
    parity        the models beside the network, before anyone keeps them
    graphs        all of it: the models as files that share one file of weights

step.onnx reads a token a row, read.onnx many, head.onnx scores hidden states; their weights lie in
weights.data, each matrix once.
"""

from __future__ import annotations

from textrnn.export.graphs import PRECISIONS, Export, export_network
from textrnn.export.parity import Parity

__all__ = ["PRECISIONS", "Export", "Parity", "export_network"]
