"""The factors of products in 8 bits: activations in whole numbers, and matrices beside them.

A factor is values (B, K) around 128 with a scale a row, or one for all rows, and a matrix (K, N)
around 0 with a scale a column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper

from textrnn.export.making import Making
from textrnn.export.quantizing import ZERO

__all__ = ["Factor", "Matrices", "Product", "Rounding", "Table", "zero_of"]

_GREATEST = np.float32(127.0)


class Factor(NamedTuple):
    """Names: of values (B, K), their scales (B, 1), a matrix (K, N) and its scales (N,).

    The scales of the values are None where each is ``1 / 127``.
    """

    values: str
    row_scales: str | None
    matrix: str
    column_scales: str


class Table(NamedTuple):
    """Rows that are looked up: numbers (V, 1, width) around 128, ids (B,), scales (V, 1, 1)."""

    numbers: str
    ids: str
    scales: str
    width: int


class Product:
    """A product by MatMulNBits: values (B, K) by a matrix (N, blocks, width)."""

    def __init__(self, node: onnx.NodeProto) -> None:
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        self.values, self.numbers, self.scales = node.input[:3]
        self.bias = list(node.input[5:6])
        self.out = node.output[0]
        self.width, self.columns = attributes["block_size"], attributes["K"]
        self.blocks = -(-self.columns // self.width)


class Matrices:
    """Matrices as they are multiplied by, made of the stored ones, each once."""

    def __init__(self, making: Making) -> None:
        self._making = making
        self._made: set[str] = set()

    def block(self, product: Product, block: int) -> tuple[str, str]:
        """The matrix (width, N) of a block, and its scales."""
        make, index = self._making, self._making.number(block)
        name, scales = f"{product.numbers}.{block}", f"{product.scales}.{block}"
        if name not in self._made:
            self._made.add(name)
            make.node("Gather", [self._turned(product.numbers), index], name, axis=0)
            make.node("Gather", [product.scales, index], scales, axis=1)
        return name, scales

    def columns(self, product: Product, begin: int, end: int) -> tuple[str, str]:
        """The matrix (K', N) of some columns of a stored one that is one block."""
        block, scales = self.block(product, 0)
        if (begin, end) == (0, product.width):
            return block, scales
        name = f"{block}.{begin}.{end}"
        if name not in self._made:
            self._made.add(name)
            ends = [self._making.constant(f"list.{n}", [n]) for n in (begin, end, 0)]
            self._making.node("Slice", [block, *ends], name)
        return name, scales

    def row_scales(self, table: Table) -> str:
        """The scales of a table's rows (V, 1)."""
        name = f"{table.scales}.rows"
        if name not in self._made:
            self._made.add(name)
            shape = self._making.constant("rows.1", [-1, 1])
            self._making.node("Reshape", [table.scales, shape], name)
        return name

    def _turned(self, numbers: str) -> str:
        """Of stored numbers (N, blocks, width) around 128, the blocks (width, N) around 0."""
        make, name = self._making, f"{numbers}.blocks"
        if name not in self._made:
            self._made.add(name)
            # The bits of n - 128 as int8 are those of n as uint8 with the first one turned over.
            zero = zero_of(make)
            turned = make.node("BitwiseXor", [numbers, zero], f"{numbers}.turned")
            signed = make.node("Cast", [turned], f"{numbers}.signed", to=TensorProto.INT8)
            make.node("Transpose", [signed], name, perm=[1, 2, 0])
        return name


def zero_of(making: Making) -> str:
    """The number that stands for 0."""
    return making.constant("zero", ZERO, np.uint8)


class Rounding:
    """Activations in whole numbers."""

    def __init__(self, making: Making) -> None:
        self._making = making
        self._bounded: dict[str, str] = {}

    def one(self) -> str:
        """The scale of whole numbers that have a scale a row."""
        return self._making.constant("one", np.float32(1.0))

    def unit(self) -> str:
        """The scale of values between -1 and 1."""
        return self._making.constant("unit", 1 / _GREATEST)

    def bounded(self, values: str) -> str:
        """Values between -1 and 1, whose scale is 1 / 127; the same ones are rounded once."""
        if values not in self._bounded:
            self._bounded[values] = self._quantized(values, self.unit(), f"{values}.whole")
        return self._bounded[values]

    def table(self, table: Table, scales: str, out: str) -> tuple[str, str]:
        """Rows of a table as they are stored, and theirs of its scales (V, 1)."""
        make = self._making
        rows = make.node("Gather", [table.numbers, table.ids], f"{out}.rows")
        shape = make.constant(f"rows.{table.width}", [-1, table.width])
        whole = make.node("Reshape", [rows, shape], f"{out}.whole")
        return whole, make.node("Gather", [scales, table.ids], f"{out}.scales")

    def rows(self, values: str, out: str) -> tuple[str, str]:
        """Values (..., K) by a scale for each row of the last axis (..., 1).

        As MatMulNBits rounds the blocks of a row, to the bit.
        """
        make = self._making
        sizes = make.node("Abs", [values], f"{out}.sizes")
        axis = make.constant("axis", [-1])
        found = make.node("ReduceMax", [sizes, axis], f"{out}.greatest", keepdims=1)
        # Where all values are zero, any scale will do.
        found = make.node(
            "Max", [found, make.constant("least", np.float32(1e-30))], f"{out}.divided"
        )
        greatest = make.constant("greatest", _GREATEST)
        scales = make.node("Div", [found, greatest], f"{out}.scales")
        factors = make.node("Div", [greatest, found], f"{out}.factors")
        stretched = make.node("Mul", [values, factors], f"{out}.stretched")
        return self._quantized(stretched, self.one(), f"{out}.whole"), scales

    def blocks(self, product: Product) -> tuple[str, str]:
        """A product's values in blocks (B, blocks, width), filled up, and scales (B, blocks, 1).

        Of one block (B, width) and (B, 1).
        """
        make, out, values = self._making, product.out, product.values
        if lacking := product.blocks * product.width - product.columns:
            ends = make.constant(f"pads.{lacking}", [0, 0, 0, lacking])
            values = make.node("Pad", [values, ends], f"{out}.padded")
        if product.blocks > 1:
            sizes = [-1, product.blocks, product.width]
            shape = make.constant(f"blocks.{product.blocks}.{product.width}", sizes)
            values = make.node("Reshape", [values, shape], f"{out}.values")
        return self.rows(values, out)

    def _quantized(self, values: str, scale: str, out: str) -> str:
        return self._making.node("QuantizeLinear", [values, scale, zero_of(self._making)], out)
