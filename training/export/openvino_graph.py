"""The network as OpenVINO graphs whose weights lie in the model file itself.

A graph in OpenVINO's intermediate representation is XML in which every constant is an offset and a size in a file of
weights. A safetensors file holds its tensors raw, one after the other. So the offsets can point at the tensors under
the network's own names, and one file serves every engine.
"""

import json
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openvino as ov
import torch
from openvino import opset15 as ops
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor, nn

from fingerpose_ros.perception.pose.model_file import GRAPH_PREFIX, data_start
from fingerpose_ros.perception.pose.network import FingerPoseNet
from fingerpose_ros.perception.pose.network.fingerposenet import Trunk
from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors

SMALL = 8
"""Constants of fewer elements are not looked for among the weights: they are axes, sizes and the like."""


class _Shallow(nn.Module):
    """What of the trunk stays in float32."""

    def __init__(self, trunk: Trunk):
        super().__init__()
        self.backbone = trunk.backbone

    def forward(self, image: Tensor) -> Tensor:
        return self.backbone.shallow(image)


class _Deep(nn.Module):
    """The rest of the trunk, less what only training needs."""

    def __init__(self, trunk: Trunk):
        super().__init__()
        self.trunk = trunk

    def forward(self, stride4: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.trunk.deep(stride4)
        return out.maps, out.features, out.logits


@torch.no_grad()
def add_graphs(path: Path, network: FingerPoseNet, size: int) -> None:
    """Put the graphs of `network` for one image of `size` pixels into the model file at `path`.

    Args:
        path: a safetensors file with the weights of `network`, and no graphs.
        network: with exactly these weights, in float32.
        size: from here on fixed, as the places of the maps' cells become constants.
    """
    tensors, metadata = load_tensors(path)
    image = torch.zeros(1, 1, size, size)
    stride4 = network.trunk.backbone.shallow(image)
    trunk = network.trunk.deep(stride4)
    to_readout = {"image": image, "maps": trunk.maps, "features": trunk.features}
    graphs = {
        "shallow": _convert(_Shallow(network.trunk), {"image": image}, ("stride4",)),
        "deep": _convert(_Deep(network.trunk), {"stride4": stride4}, ("maps", "features", "logits")),
        "readout": _convert(network.readout, to_readout, ("uvd", "sigma")),
    }
    values = {name: tensor.numpy() for name, tensor in tensors.items()}
    by_value = {v.astype(np.float32).tobytes(): v for v in values.values() if v.dtype.kind == "f" and v.size >= SMALL}
    extra = _Constants()
    serialised = {}
    for name, graph in graphs.items():
        _take_weights(graph, by_value)
        serialised[name] = _serialise(graph)
        extra.collect(*serialised[name], known={v.tobytes() for v in by_value.values()})

    # The offsets are known when the constants are in the file, and stay when the graphs join: those come last.
    tensors[GRAPH_PREFIX + "constants"] = torch.from_numpy(extra.array())
    save_tensors(path, tensors, metadata)
    places = _places(path)
    offsets = {values[name].tobytes(): places[name] for name in values if values[name].size >= SMALL}
    offsets |= extra.offsets(places[GRAPH_PREFIX + "constants"])
    for name, (xml, weights) in serialised.items():
        text = _point(xml, weights, offsets)
        tensors[GRAPH_PREFIX + name] = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
    save_tensors(path, tensors, metadata)
    moved = [name for name, place in _places(path).items() if places.get(name, place) != place]
    if moved:
        raise RuntimeError(f"safetensors orders its tensors otherwise than before: {', '.join(moved[:3])} moved")


def _convert(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...]) -> ov.Model:
    """A module as a graph for inputs of these very shapes, with its weights as they are.

    `openvino.convert_model` would do more: it folds normalisation into the convolutions, and the weights are others.
    The plugin does that just as well when it compiles.
    """
    example = tuple(inputs.values())
    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(torch.jit.trace(module, example), example_input=example)  # must outlive convert
    graph = frontend.convert(frontend.load(decoder))
    graph.reshape({i: list(tensor.shape) for i, tensor in enumerate(example)})
    for port, name in zip((*graph.inputs, *graph.outputs), (*inputs, *outputs), strict=True):
        port.get_tensor().set_names({name})
    return graph


def _take_weights(graph: ov.Model, by_value: dict[bytes, np.ndarray]) -> None:
    """Replace constants that are weights by the weights as they are stored, in 16 bits or 32."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_element_type() != ov.Type.f32:
            continue
        stored = by_value.get(node.data.tobytes())
        if stored is None or stored.dtype == np.float32:
            continue
        constant = ops.constant(stored.reshape(node.data.shape), name=node.get_friendly_name())
        node.output(0).replace(ops.convert(constant, "f32").output(0))


def _serialise(graph: ov.Model) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        xml, weights = Path(folder, "graph.xml"), Path(folder, "graph.bin")
        ov.serialize(graph, xml, weights)
        return xml.read_text(), weights.read_bytes()


def _constants(tree: ElementTree.Element, weights: bytes) -> list[tuple[ElementTree.Element, bytes]]:
    """The constants of a graph: where their offset stands, and their value."""
    found = []
    for data in tree.iterfind("./layers/layer[@type='Const']/data"):
        start, size = int(data.get("offset")), int(data.get("size"))
        found.append((data, weights[start : start + size]))
    return found


class _Constants:
    """What the graphs need besides the weights, in one array."""

    def __init__(self):
        self._starts: dict[bytes, int] = {}
        self._end = 0

    def collect(self, xml: str, weights: bytes, known: set[bytes]) -> None:
        for _, value in _constants(ElementTree.fromstring(xml), weights):
            if value not in known and value not in self._starts:
                self._starts[value] = self._end
                self._end += -(-len(value) // 8) * 8  # each aligned for any type

    def array(self) -> np.ndarray:
        """As int64, so that safetensors aligns it too."""
        data = bytearray(self._end)
        for value, start in self._starts.items():
            data[start : start + len(value)] = value
        return np.frombuffer(data, np.int64)

    def offsets(self, place: int) -> dict[bytes, int]:
        return {value: place + start for value, start in self._starts.items()}


def _point(xml: str, weights: bytes, offsets: dict[bytes, int]) -> str:
    """The XML with its constants' offsets turned to where the same values are in the model file."""
    tree = ElementTree.fromstring(xml)
    for data, value in _constants(tree, weights):
        data.set("offset", str(offsets[value]))
    return ElementTree.tostring(tree, encoding="unicode")


def _places(path: Path) -> dict[str, int]:
    """Tensor -> where it begins, counted from the start of all tensors."""
    with path.open("rb") as file:
        header = json.loads(file.read(data_start(path))[8:])
    return {name: entry["data_offsets"][0] for name, entry in header.items() if name != "__metadata__"}
