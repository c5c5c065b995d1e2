"""Write `index/encoder.onnx`: the encoder's computation as an ONNX graph of 23 kB, without its weights.

The graph is BERT (Devlin et al. 2019, arXiv:1810.04805) as all-MiniLM-L6-v2 configures it, mean pooling over the
tokens that are not padding, and L2 normalisation. Each weight is an "external" tensor: a name, and the offset at
which its bytes stand in the package's own `model.safetensors`. So onnxruntime reads the very weights that
sentence-transformers reads, nothing is converted or copied, and there is nothing that could differ.

    python scripts/build_encoder_graph.py index/encoder.onnx
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, save_model

from index.models import ENCODER_FILES

HIDDEN, LAYERS, HEADS, EPSILON = 384, 6, 12, 1e-12


class Graph:
    """Collect the nodes and tensors of a graph whose weights lie in a safetensors file."""

    def __init__(self, weights: Path) -> None:
        with weights.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            self.header = json.loads(file.read(length))
        self.first_byte = 8 + length
        self.location = weights.name
        self.tensors: dict[str, TensorProto] = {}
        self.nodes: list[NodeProto] = []

    def weight(self, name: str) -> str:
        """Refer to a tensor of the safetensors file."""
        start, end = self.header[name]["data_offsets"]
        tensor = TensorProto(
            name=name,
            data_type=TensorProto.FLOAT,
            dims=self.header[name]["shape"],
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": self.location, "offset": str(self.first_byte + start), "length": str(end - start)}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=value)
        self.tensors[name] = tensor
        return name

    def constant(self, name: str, value: object) -> str:
        """Add a small tensor that stands in the graph itself."""
        self.tensors[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def norm(self, value: str, prefix: str, output: str) -> str:
        """Add a layer normalisation."""
        inputs = [value, self.weight(prefix + ".weight"), self.weight(prefix + ".bias")]
        return self.add("LayerNormalization", inputs, output, axis=-1, epsilon=EPSILON)

    def dense(self, value: str, prefix: str, output: str) -> str:
        """Add a linear layer; safetensors holds its matrix as (outputs, inputs), so it is transposed."""
        inputs = [value, self.weight(prefix + ".weight"), self.weight(prefix + ".bias")]
        return self.add("Gemm", inputs, output, transB=1)


def embed(graph: Graph) -> str:
    """Sum word, position and type embeddings; return the tokens as rows: (batch * length, HIDDEN)."""
    graph.constant("zero", np.array([0], np.int64))
    graph.constant("rows", np.array([-1, HIDDEN], np.int64))
    graph.add("Shape", ["input_ids"], "length", start=1, end=2)
    graph.add("Gather", [graph.weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
    positions = graph.weight("embeddings.position_embeddings.weight")
    graph.add("Slice", [positions, "zero", "length", "zero"], "positions")
    graph.constant("first", np.int64(0))
    graph.add("Gather", [graph.weight("embeddings.token_type_embeddings.weight"), "first"], "type")
    graph.add("Add", ["words", "positions"], "placed")
    graph.add("Add", ["placed", "type"], "embedded")
    graph.add("Reshape", ["embedded", "rows"], "embedded_rows")
    return graph.norm("embedded_rows", "embeddings.LayerNorm", "tokens")


def mask(graph: Graph) -> None:
    """Make the bias that keeps attention off the padding, and the shapes that attention needs."""
    graph.constant("one", np.float32(1))
    graph.constant("lowest", np.float32(-1e9))
    graph.constant("over_heads", np.array([1, 2], np.int64))
    graph.add("Cast", ["attention_mask"], "kept", to=TensorProto.FLOAT)
    graph.add("Sub", ["one", "kept"], "padding")
    graph.add("Mul", ["padding", "lowest"], "padding_bias")
    graph.add("Unsqueeze", ["padding_bias", "over_heads"], "bias")
    graph.add("Shape", ["input_ids"], "shape")
    graph.constant("heads", np.array([HEADS, HIDDEN // HEADS], np.int64))
    graph.constant("hidden", np.array([HIDDEN], np.int64))
    graph.add("Concat", ["shape", "heads"], "split", axis=0)
    graph.add("Concat", ["shape", "hidden"], "joined", axis=0)
    graph.constant("scale", np.float32((HIDDEN // HEADS) ** -0.5))


def layer(graph: Graph, number: int, tokens: str) -> str:
    """Add one transformer layer."""
    prefix, here = f"encoder.layer.{number}.", f"{number}."
    # The key is laid out transposed, so that queries times keys is one product.
    for name, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        graph.dense(tokens, f"{prefix}attention.self.{name}", here + name)
        graph.add("Reshape", [here + name, "split"], f"{here}{name}_split")
        graph.add("Transpose", [f"{here}{name}_split"], f"{here}{name}_heads", perm=order)
    graph.add("MatMul", [here + "query_heads", here + "key_heads"], here + "products")
    graph.add("Mul", [here + "products", "scale"], here + "scaled")
    graph.add("Add", [here + "scaled", "bias"], here + "masked")
    graph.add("Softmax", [here + "masked"], here + "attention", axis=-1)
    graph.add("MatMul", [here + "attention", here + "value_heads"], here + "mixed")
    graph.add("Transpose", [here + "mixed"], here + "mixed_back", perm=[0, 2, 1, 3])
    graph.add("Reshape", [here + "mixed_back", "rows"], here + "mixed_rows")
    graph.dense(here + "mixed_rows", prefix + "attention.output.dense", here + "attended")
    graph.add("Add", [here + "attended", tokens], here + "attended_sum")
    attended = graph.norm(here + "attended_sum", prefix + "attention.output.LayerNorm", here + "attended_norm")
    graph.dense(attended, prefix + "intermediate.dense", here + "wide")
    graph.add("Gelu", [here + "wide"], here + "gelu")
    graph.dense(here + "gelu", prefix + "output.dense", here + "narrow")
    graph.add("Add", [here + "narrow", attended], here + "sum")
    return graph.norm(here + "sum", prefix + "output.LayerNorm", here + "tokens")


def pool(graph: Graph, tokens: str) -> None:
    """Average the tokens that are not padding, and scale to length 1."""
    graph.constant("over_hidden", np.array([2], np.int64))
    graph.constant("over_tokens", np.array([1], np.int64))
    graph.add("Reshape", [tokens, "joined"], "token_grid")
    graph.add("Unsqueeze", ["kept", "over_hidden"], "kept_grid")
    graph.add("Mul", ["token_grid", "kept_grid"], "kept_tokens")
    graph.add("ReduceSum", ["kept_tokens", "over_tokens"], "total", keepdims=0)
    graph.add("ReduceSum", ["kept_grid", "over_tokens"], "count", keepdims=0)
    graph.add("Div", ["total", "count"], "mean")
    graph.add("ReduceL2", ["mean", "over_tokens"], "norm")
    graph.add("Div", ["mean", "norm"], "embedding")


def build(weights: Path) -> ModelProto:
    """Return the whole graph: input_ids and attention_mask (batch, length) -> embedding (batch, 384)."""
    graph = Graph(weights)
    tokens = embed(graph)
    mask(graph)
    for number in range(LAYERS):
        tokens = layer(graph, number, tokens)
    pool(graph, tokens)
    names = ("input_ids", "attention_mask")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in names]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", HIDDEN])]
    body = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, outputs, list(graph.tensors.values()))
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


if __name__ == "__main__":
    save_model(build(ENCODER_FILES.folder() / "model.safetensors"), sys.argv[1])
