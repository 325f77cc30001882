"""PyTorch as a worker: runs an ONNX file node by node, eagerly, on NCHW tensors.

Answers the line protocol of bench/contenders/contender.ts.
"""

import sys
import time
from urllib.parse import quote, unquote

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

INPUT_SEED = 3
SAMPLES = 64


def hash_values(count, seed):
    """The numbers of bench/models/hash.ts."""
    with np.errstate(over="ignore"):
        bits = np.arange(count, dtype=np.uint32) + np.uint32((seed * 0x9E3779B9) & 0xFFFFFFFF)
        bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D)
        bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(0x846CA68B)
        bits ^= bits >> np.uint32(16)
    return (bits >> np.uint32(8)).astype(np.float32) / np.float32(2**24) - np.float32(0.5)


def symmetric(pads):
    """Pads of both sides of each axis as PyTorch's one number."""
    if pads[:2] != pads[2:]:
        raise ValueError(f"pads {pads} differ between the sides")
    return pads[:2]


def conv(attrs, x, weight, bias=None):
    return F.conv2d(
        x,
        weight,
        bias,
        stride=attrs.get("strides", [1, 1]),
        padding=symmetric(attrs.get("pads", [0] * 4)),
        dilation=attrs.get("dilations", [1, 1]),
        groups=attrs.get("group", 1),
    )


def conv_transpose(attrs, x, weight, bias=None):
    return F.conv_transpose2d(
        x,
        weight,
        bias,
        stride=attrs.get("strides", [1, 1]),
        padding=symmetric(attrs.get("pads", [0] * 4)),
        output_padding=attrs.get("output_padding", [0, 0]),
        groups=attrs.get("group", 1),
        dilation=attrs.get("dilations", [1, 1]),
    )


def pad(attrs, x, pads):
    top, left, bottom, right = (int(pads[axis]) for axis in (2, 3, 6, 7))
    return F.pad(x, (left, right, top, bottom), mode=attrs["mode"].decode())


OPERATORS = {
    "Add": lambda attrs, x, y: x + y,
    "BatchNormalization": lambda attrs, x, scale, bias, mean, variance: F.batch_norm(
        x, mean, variance, scale, bias, eps=attrs["epsilon"]
    ),
    "Concat": lambda attrs, *parts: torch.cat(parts, attrs["axis"]),
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "InstanceNormalization": lambda attrs, x, scale, bias: F.instance_norm(
        x, weight=scale, bias=bias, eps=attrs["epsilon"]
    ),
    "MaxPool": lambda attrs, x: F.max_pool2d(x, attrs["kernel_shape"], attrs["strides"]),
    "Pad": pad,
    "Relu": lambda attrs, x: torch.relu(x),
    "Tanh": lambda attrs, x: torch.tanh(x),
}


class Network:
    """The nodes of a file in order, each with the values that nobody reads after it."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        self.input = graph.input[0].name
        self.output = graph.output[0].name
        self.constants = {
            tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
            for tensor in graph.initializer
        }
        last_use = {name: index for index, node in enumerate(graph.node) for name in node.input}
        self.nodes = []
        for index, node in enumerate(graph.node):
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            dead = [name for name in set(node.input) if last_use[name] == index]
            dead = [name for name in dead if name not in self.constants]
            self.nodes.append((OPERATORS[node.op_type], attrs, list(node.input), node.output[0], dead))

    def run(self, x):
        values = {self.input: x}
        for operator, attrs, inputs, output, dead in self.nodes:
            operands = [values[name] if name in values else self.constants[name] for name in inputs]
            values[output] = operator(attrs, *operands)
            del operands
            for name in dead:
                del values[name]
        return values[self.output]


class Worker:
    def load(self, words):
        fields = {key: unquote(value) for key, value in (word.split("=", 1) for word in words)}
        shape = [int(size) for size in fields["shape"].split(",")]
        torch.set_num_threads(int(fields["threads"]))
        self.network = Network(fields["model"])
        self.x = torch.from_numpy(hash_values(int(np.prod(shape)), INPUT_SEED).reshape(shape))
        return f"ok version={quote(torch.__version__)}"

    def run(self, words):
        times = []
        for _ in range(int(words[0])):
            started = time.perf_counter()
            with torch.inference_mode():
                self.y = self.network.run(self.x)
            times.append((time.perf_counter() - started) * 1e3)
        return "ms " + " ".join(f"{ms:.6f}" for ms in times)

    def output(self, _):
        values = self.y.contiguous().flatten().numpy()
        last = len(values) - 1
        samples = [values[index * last // (SAMPLES - 1)] for index in range(SAMPLES)]
        total = np.abs(values.astype(np.float64)).sum()
        return f"output {len(values)} {total:.9g} " + " ".join(f"{value:.9g}" for value in samples)


def main():
    worker = Worker()
    commands = {"load": worker.load, "run": worker.run, "output": worker.output}
    for line in sys.stdin:
        command, *words = line.split()
        try:
            reply = commands[command](words)
        except Exception as error:  # whatever it is, the other end wants to know
            reply = "error " + str(error).replace("\n", " ")
        print(reply, flush=True)


main()
