"""How much memory a network takes for a pixel: told by its graph, before any picture is enlarged."""

from __future__ import annotations

from math import prod
from pathlib import Path

import openvino

SIDE = 64
"""Side of the picture that is counted with."""

IN_PLACE = {"Add", "Clamp", "Multiply", "PRelu", "Relu", "Sigmoid", "Tanh"}
"""What can overwrite a value that is not needed any more."""


def measure_pixel_bytes(model: Path) -> int:
    """Count the memory that an input pixel takes in a model.onnx, in fp32.

    It is the most that the values which are still needed take at any step, and once more the largest of them, which may
    be laid out anew. OpenVINO was seen to take nearly all of it for an RRDBNet, and seven tenths for an SRResNet.
    """
    graph = openvino.Core().read_model(model)
    channels = graph.inputs[0].get_partial_shape()[1].get_length()
    graph.reshape([1, channels, SIDE, SIDE])
    held: dict[str, int] = {}
    uses: dict[str, int] = {}
    most = largest = 0
    for node in graph.get_ordered_ops():
        sources = [source for source in map(_source_of, node.inputs()) if source in held]
        if node.get_type_name() != "Parameter" and not sources:
            continue  # Weights, and what is computed of them alone.
        for source in sources:
            uses[source] -= 1
        free = [source for source in dict.fromkeys(sources) if uses[source] == 0]
        size = _num_bytes(node)
        reused = node.get_type_name() in IN_PLACE and sum(held[source] for source in free) >= size
        most = max(most, sum(held.values()) + (0 if reused else size))
        largest = max(largest, size)
        for source in free:
            del held[source]
        num_uses = sum(len(output.get_target_inputs()) for output in node.outputs())
        if num_uses and node.get_type_name() != "ShapeOf":
            held[node.get_friendly_name()], uses[node.get_friendly_name()] = size, num_uses
    return -(-(most + largest) // SIDE**2)


def _source_of(taken: openvino.Input) -> str:
    name: str = taken.get_source_output().get_node().get_friendly_name()
    return name


def _num_bytes(node: openvino.Node) -> int:
    return sum(prod(output.get_shape()) * output.get_element_type().size for output in node.outputs())
