"""The networks as OpenVINO graphs that use the weights in the model file itself.

An OpenVINO graph is an XML file (intermediate representation). It refers to each constant by its offset and size in a
separate weights file. A safetensors file holds raw tensors one after the other. So the offsets can point at the
network's tensors there, and one file serves every engine.
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

from fingerpose_ros.perception.detection.model_file import CLASSIFIER_BATCH, PROPOSAL_BATCH
from fingerpose_ros.perception.detection.prediction import CONTEXT_SIZE, DETAIL_SIZE, PROPOSAL_SIZE
from fingerpose_ros.perception.pose.model_file import GRAPH_PREFIX, data_start
from fingerpose_ros.perception.pose.network import FingerPoseNet
from fingerpose_ros.perception.pose.network.fingerposenet import Trunk
from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors

MIN_WEIGHT_ELEMENTS = 8
"""Smaller constants are not matched with weights: they are axes, sizes and the like."""


class _Shallow(nn.Module):
    """The part of the trunk that stays in float32."""

    def __init__(self, trunk: Trunk):
        super().__init__()
        self.backbone = trunk.backbone

    def forward(self, image: Tensor) -> Tensor:
        return self.backbone.shallow(image)


class _Deep(nn.Module):
    """The rest of the trunk, without the outputs that only training needs."""

    def __init__(self, trunk: Trunk):
        super().__init__()
        self.trunk = trunk

    def forward(self, stride4: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.trunk.deep(stride4)
        return out.maps, out.features, out.logits


@torch.no_grad()
def pose_graphs(network: FingerPoseNet, size: int) -> dict[str, ov.Model]:
    """The graphs `shallow`, `deep` and `readout` of a pose network in float32 for one image of `size` pixels.

    The size becomes fixed, because the positions of the maps' cells become constants.
    """
    image = torch.zeros(1, 1, size, size)
    stride4 = network.trunk.backbone.shallow(image)
    trunk = network.trunk.deep(stride4)
    to_readout = {"image": image, "maps": trunk.maps, "features": trunk.features}
    return {
        "shallow": _convert(_Shallow(network.trunk), {"image": image}, ("stride4",)),
        "deep": _convert(_Deep(network.trunk), {"stride4": stride4}, ("maps", "features", "logits")),
        "readout": _convert(network.readout, to_readout, ("uvd", "sigma")),
    }


@torch.no_grad()
def detection_graphs(networks: nn.ModuleDict) -> dict[str, ov.Model]:
    """The graphs `proposal` and `classifier` of a detector in float32, each for a fixed batch of crops."""
    crops = torch.zeros(PROPOSAL_BATCH, 1, PROPOSAL_SIZE, PROPOSAL_SIZE)
    context = torch.zeros(CLASSIFIER_BATCH, 1, CONTEXT_SIZE, CONTEXT_SIZE)
    detail = torch.zeros(CLASSIFIER_BATCH, 1, DETAIL_SIZE, DETAIL_SIZE)
    return {
        "proposal": _convert(networks["proposal"], {"crops": crops}, ("logits", "offsets")),
        "classifier": _convert(
            networks["classifier"], {"context": context, "detail": detail}, ("logits", "offsets", "directions")
        ),
    }


def add_graphs(path: Path, graphs: dict[str, ov.Model]) -> None:
    """Add graphs to a model file.

    Args:
        path: a safetensors file with the weights that the graphs have, and without graphs.
        graphs: by name.
    """
    tensors, metadata = load_tensors(path)
    values = {name: tensor.numpy() for name, tensor in tensors.items()}
    by_value = {
        v.astype(np.float32).tobytes(): v
        for v in values.values()
        if v.dtype.kind == "f" and v.size >= MIN_WEIGHT_ELEMENTS
    }
    extra = _Constants()
    serialised = {}
    for name, graph in graphs.items():
        _use_stored_weights(graph, by_value)
        serialised[name] = _serialise(graph)
        extra.collect(*serialised[name], known={v.tobytes() for v in by_value.values()})

    # The offsets are known once the constants are in the file. They stay when the graphs are added, which come last.
    tensors[GRAPH_PREFIX + "constants"] = torch.from_numpy(extra.array())
    save_tensors(path, tensors, metadata)
    starts = _tensor_offsets(path)
    offsets = {values[name].tobytes(): starts[name] for name in values if values[name].size >= MIN_WEIGHT_ELEMENTS}
    offsets |= extra.offsets(starts[GRAPH_PREFIX + "constants"])
    for name, (xml, weights) in serialised.items():
        text = _with_offsets(xml, weights, offsets)
        tensors[GRAPH_PREFIX + name] = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
    save_tensors(path, tensors, metadata)
    moved = [name for name, start in _tensor_offsets(path).items() if starts.get(name, start) != start]
    if moved:
        raise RuntimeError(f"safetensors changed the order of its tensors: {', '.join(moved[:3])} moved")


def _convert(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...]) -> ov.Model:
    """Convert a module to a graph for inputs of exactly these shapes, with unchanged weights.

    `openvino.convert_model` would fold normalisation into the convolutions, which changes the weights. The plugin does
    the same when it compiles the graph.
    """
    example = tuple(inputs.values())
    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(torch.jit.trace(module, example), example_input=example)  # must outlive convert
    graph = frontend.convert(frontend.load(decoder))
    graph.reshape({i: list(tensor.shape) for i, tensor in enumerate(example)})
    for port, name in zip((*graph.inputs, *graph.outputs), (*inputs, *outputs), strict=True):
        port.get_tensor().set_names({name})
    return graph


def _use_stored_weights(graph: ov.Model, by_value: dict[bytes, np.ndarray]) -> None:
    """Replace constants that are weights by the stored weights, in 16 or 32 bits."""
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
    """The constants of a graph: the XML element with the offset, and the value."""
    constants = []
    for data in tree.iterfind("./layers/layer[@type='Const']/data"):
        start, size = int(data.get("offset")), int(data.get("size"))
        constants.append((data, weights[start : start + size]))
    return constants


class _Constants:
    """The constants of the graphs that are not weights, in one array."""

    def __init__(self):
        self._starts: dict[bytes, int] = {}
        self._end = 0

    def collect(self, xml: str, weights: bytes, known: set[bytes]) -> None:
        for _, value in _constants(ElementTree.fromstring(xml), weights):
            if value not in known and value not in self._starts:
                self._starts[value] = self._end
                self._end += -(-len(value) // 8) * 8  # aligned for every type

    def array(self) -> np.ndarray:
        """As int64, so that safetensors aligns it too."""
        data = bytearray(self._end)
        for value, start in self._starts.items():
            data[start : start + len(value)] = value
        return np.frombuffer(data, np.int64)

    def offsets(self, base: int) -> dict[bytes, int]:
        return {value: base + start for value, start in self._starts.items()}


def _with_offsets(xml: str, weights: bytes, offsets: dict[bytes, int]) -> str:
    """The XML with the constants' offsets replaced by those of the same values in the model file."""
    tree = ElementTree.fromstring(xml)
    for data, value in _constants(tree, weights):
        data.set("offset", str(offsets[value]))
    return ElementTree.tostring(tree, encoding="unicode")


def _tensor_offsets(path: Path) -> dict[str, int]:
    """Tensor -> its offset in bytes from the start of the first tensor."""
    with path.open("rb") as file:
        header = json.loads(file.read(data_start(path))[8:])
    return {name: entry["data_offsets"][0] for name, entry in header.items() if name != "__metadata__"}
