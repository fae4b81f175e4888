"""Products in 8 bits for graphs that take many rows at once.

MatMulNBits reads the weights as they are stored, which is best for a single row; with more it is
bound by its arithmetic. MatMulInteger is twice as fast there, but knows one scale a row and one a
column. So a product is taken block by block: the activations of a row's block are rounded to whole
numbers of 8 bits by a scale of their own, as MatMulNBits does inside. The same whole numbers are
multiplied, so the results are the same but for the last bit of a float.

Where no other graph of the network uses MatMulNBits, nothing has to be the same, and a product is
cheaper still: its matrix is one block; what lies between -1 and 1 (:mod:`~textrnn.export.bounds`)
has the scale 1 / 127, which need not be looked for; and a row of a table in 8 bits is multiplied as
it stands there.

The matrices for it are made of the stored ones when a graph is loaded (ONNX Runtime folds nodes
whose inputs are constant); nothing is stored twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import onnx

from textrnn.export.bounds import bounded_values
from textrnn.export.making import Making
from textrnn.export.quantizing import MICROSOFT
from textrnn.export.rounding import Factor, Matrices, Product, Rounding, Table, zero_of

__all__ = ["take_many_rows"]


def take_many_rows(
    model: onnx.ModelProto, bounded: Collection[str] | None = None
) -> onnx.ModelProto:
    """A copy of a model in which products in 8 bits are quick for many rows.

    A model in float32 stays as it is.

    Args:
        model: from :func:`~textrnn.export.quantizing.quantize_weights`.
        bounded: values that are known to lie between -1 and 1; products need not be those of
            MatMulNBits. None: they are the same, and those in a loop's body stay as they are.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    products = _Products(result.graph, bounded)
    nodes = products.rewritten(result.graph.node)
    del result.graph.node[:]
    result.graph.node.extend([*products.matrices.nodes, *nodes])
    return result


class _Products:
    """The rewriting of one graph, and of the bodies of its loops.

    Attributes:
        matrices: the nodes that make the matrices; they read what is stored only.
    """

    def __init__(self, graph: onnx.GraphProto, bounded: Collection[str] | None) -> None:
        self._making = Making(graph.initializer, "batching")
        self.matrices = self._making.aside()
        self._stored = Matrices(self.matrices)
        self._rounding = Rounding(self._making)
        self._widths = {tensor.name: list(tensor.dims)[1:] for tensor in graph.initializer}
        self._alike = bounded is None
        self._bounded = set() if bounded is None else bounded_values(graph, bounded)
        self._looked_up: dict[str, Table] = {}  # by blocks
        self._tables: dict[str, Table] = {}  # the same as rows
        self._joined: dict[str, list[str]] = {}

    def rewritten(self, nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
        """What takes the nodes' place."""
        return [new for node in list(nodes) for new in self._rewritten(node)]

    def _rewritten(self, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
        if node.op_type == "MatMulNBits":
            product = Product(node)
            by_blocks = self._alike or product.blocks > 1
            factors = self._blocks(product) if by_blocks else self._parts(product)
            self._sum(product, list(factors))
            return self._making.taken()
        if not self._alike:
            self._note(node)
        return [node]

    def _note(self, node: onnx.NodeProto) -> None:
        """Look at what products may come of, and into the bodies of loops."""
        inputs, out = list(node.input), node.output[0]
        if node.op_type == "Scan":
            (body,) = (entry.g for entry in node.attribute if entry.name == "body")
            inside = self.rewritten(body.node)
            del body.node[:]
            body.node.extend(inside)
        elif node.op_type == "Concat" and node.attribute[0].i in (1, -1):
            self._joined[out] = inputs
        elif node.op_type == "GatherBlockQuantized":
            blocks, width = self._widths[inputs[0]]
            if blocks == 1:
                numbers, ids, scales = inputs
                self._looked_up[out] = Table(numbers, ids, scales, width)
        elif node.op_type == "Reshape" and inputs[0] in self._looked_up:
            self._tables[out] = self._looked_up[inputs[0]]

    def _blocks(self, product: Product) -> Iterator[Factor]:
        """The factors of a product as MatMulNBits takes it."""
        values, scales = self._rounding.blocks(product)
        for block in range(product.blocks):
            chosen = values, scales
            if product.blocks > 1:
                index, out = self._making.number(block), f"{product.out}.block.{block}"
                chosen = (
                    self._making.node("Gather", [values, index], f"{out}.whole", axis=1),
                    self._making.node("Gather", [scales, index], f"{out}.scales", axis=1),
                )
            yield Factor(*chosen, *self._stored.block(product, block))

    def _parts(self, product: Product) -> Iterator[Factor]:
        """The factors of a product whose matrix is one block; those with one scale come first."""
        parts = self._apart(product)
        for values, begin, end in sorted(parts, key=lambda part: part[0] not in self._bounded):
            matrix = self._stored.columns(product, begin, end)
            if values in self._bounded:
                yield Factor(self._rounding.bounded(values), None, *matrix)
            elif values in self._tables:
                table, out = self._tables[values], f"{product.out}.{begin}"
                found = self._rounding.table(table, self._stored.row_scales(table), out)
                yield Factor(*found, *matrix)
            else:
                yield Factor(*self._rounding.rows(values, f"{product.out}.{begin}"), *matrix)

    def _apart(self, product: Product) -> list[tuple[str, int, int]]:
        """A product's values with their columns: apart where rows of a table are among them.

        That is, where they are put beside one other value.
        """
        joined = self._joined.get(product.values, [])
        tables = [name for name in joined if name in self._tables]
        if product.values in self._bounded or len(joined) != 2 or len(tables) != 1:
            return [(product.values, 0, product.columns)]
        width = self._tables[tables[0]].width
        middle = width if joined[0] == tables[0] else product.columns - width
        return [(joined[0], 0, middle), (joined[1], middle, product.columns)]

    def _sum(self, product: Product, factors: list[Factor]) -> None:
        """The sum of the products of all factors, and the bias."""
        make, out, rest = self._making, product.out, product.bias
        for place, factor in enumerate(factors):
            last = place == len(factors) - 1
            scale = self._rounding.one() if factor.row_scales else self._rounding.unit()
            inputs = [factor.values, factor.matrix, scale, factor.column_scales, zero_of(make)]
            if rest == product.bias and rest and not factor.row_scales:
                inputs, rest = [*inputs, "", *rest], []
            term = out if last and not rest else f"{out}.term.{place}"
            whole = f"{term}.product" if factor.row_scales else term
            make.node("MatMulIntegerToFloat", inputs, whole, domain=MICROSOFT)
            if factor.row_scales:
                make.node("Mul", [whole, factor.row_scales], term)
            if rest:
                term = make.node("Add", [term, *rest], out if last else f"{out}.sum.{place}")
            rest = [term]
