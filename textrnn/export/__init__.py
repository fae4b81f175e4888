"""Export: a task's network becomes ONNX graphs that run without PyTorch.

    tracing       a function of the network, for example its step -> an ONNX model
    flattening    its products as products of rows
    quantizing    its matrices -> 8 bits
    unrolling     a step -> a model that reads many tokens at once
    ordering      which nodes of it lead to a value, which must run in one loop
    batching      the 8-bit products of a model that takes many rows at once
    bounds        which values lie between -1 and 1, for those
    rounding      what is multiplied, in whole numbers, for those
    making        nodes and constants that are added
    parity        the models beside the network, before anyone keeps them
    graphs        all of it: the models as files that share one file of weights

Which graphs a network has, its task says (:meth:`textrnn.tasks.Task.graphs`); their weights lie in
weights.data, each matrix once.
"""

from __future__ import annotations

from textrnn.export.graphs import PRECISIONS, Export, export_network
from textrnn.export.parity import Parity

__all__ = ["PRECISIONS", "Export", "Parity", "export_network"]
