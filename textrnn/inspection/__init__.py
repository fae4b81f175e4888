"""What goes on inside a network: functions that return arrays, and the pictures of them.

gradients   how much of the gradient is left, step by step back in time
gates       how far each gate stands open, token by token
drawing     both as PNG
"""

from __future__ import annotations

from textrnn.inspection.drawing import draw_gates, draw_gradients
from textrnn.inspection.gates import GateValues, gate_values
from textrnn.inspection.gradients import GradientNorms, cell_gradients, model_gradients

__all__ = [
    "GateValues",
    "GradientNorms",
    "cell_gradients",
    "draw_gates",
    "draw_gradients",
    "gate_values",
    "model_gradients",
]
