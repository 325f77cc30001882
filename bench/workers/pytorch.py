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


def window(attrs, x, kernel):
    """Strides, dilations and pads [top, left, bottom, right] of a plain convolution or a pool."""
    strides = attrs.get("strides", [1, 1])
    dilations = attrs.get("dilations", [1, 1])
    pads = attrs.get("pads", [0] * 4)
    if attrs.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        sizes = zip(x.shape[2:], kernel, strides, dilations)
        totals = [max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size) for size, k, s, d in sizes]
        pads = [total // 2 for total in totals] + [total - total // 2 for total in totals]
    return strides, dilations, pads


def conv(attrs, x, weight, bias=None):
    strides, dilations, pads = window(attrs, x, weight.shape[2:])
    if pads[:2] != pads[2:]:
        x, pads = F.pad(x, (pads[1], pads[3], pads[0], pads[2])), [0, 0]
    return F.conv2d(x, weight, bias, strides, pads[:2], dilations, attrs.get("group", 1))


def conv_transpose(attrs, x, weight, bias=None):
    strides = attrs.get("strides", [1, 1])
    dilations = attrs.get("dilations", [1, 1])
    pads = attrs.get("pads", [0] * 4)
    extra = attrs.get("output_padding", [0, 0])
    sizes = attrs.get("output_shape")
    if attrs.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        sizes = [size * stride for size, stride in zip(x.shape[2:], strides)]
    if sizes is not None:
        spans = zip(x.shape[2:], weight.shape[2:], strides, dilations, sizes)
        surplus = [(size - 1) * s + (k - 1) * d + 1 - out for size, k, s, d, out in spans]
        cropped = [max(0, count) for count in surplus]
        pads = [count // 2 for count in cropped] + [count - count // 2 for count in cropped]
        extra = [max(0, -count) for count in surplus]
    if pads[:2] != pads[2:]:
        raise ValueError(f"pads {pads} differ between the sides")
    return F.conv_transpose2d(x, weight, bias, strides, pads[:2], extra, attrs.get("group", 1), dilations)


def pool(function):
    def run(attrs, x):
        strides, _, pads = window(attrs, x, attrs["kernel_shape"])
        if any(pads):
            raise ValueError("padded pools are not needed yet")
        return function(x, attrs["kernel_shape"], strides)

    return run


def pad(attrs, x, pads=None):
    top, left, bottom, right = (int((attrs["pads"] if pads is None else pads)[axis]) for axis in (2, 3, 6, 7))
    return F.pad(x, (left, right, top, bottom), mode=attrs["mode"].decode())


def gemm(attrs, x, weight, bias):
    return torch.addmm(bias, x, weight.T if attrs.get("transB", 0) else weight)


def cut(attrs, x):
    for axis, start, end in zip(attrs["axes"], attrs["starts"], attrs["ends"]):
        x = x.narrow(axis, start, (end + x.shape[axis] if end < 0 else end) - start)
    return x


def resize(attrs, x, *scales):
    """By whole numbers; "asymmetric" where the attributes say nothing, as Upsample is."""
    sizes = [int(size * float(scale)) for size, scale in zip(x.shape[2:], scales[-1][2:])]
    if attrs["mode"] == b"nearest":
        return F.interpolate(x, sizes)
    if attrs.get("coordinate_transformation_mode") == b"align_corners":
        return F.interpolate(x, sizes, mode="bilinear", align_corners=True)
    # The last of the source stands under the first of its copies; the others repeat it.
    steps = [size // old for size, old in zip(sizes, x.shape[2:])]
    inner = [(old - 1) * step + 1 for old, step in zip(x.shape[2:], steps)]
    x = F.interpolate(x, inner, mode="bilinear", align_corners=True)
    return F.pad(x, (0, steps[1] - 1, 0, steps[0] - 1), mode="replicate")


def reshape(attrs, x, shape):
    sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(shape.tolist())]
    return x.reshape(sizes)


def slopes(slope, x):
    """A slope for each channel as PyTorch wants them."""
    return slope.flatten() if slope.numel() in (1, x.shape[1]) else slope


def depth_to_space(attrs, x):
    n, c, h, w = x.shape
    size = attrs["blocksize"]
    x = x.reshape(n, size, size, c // size**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(n, c // size**2, h * size, w * size)


OPERATORS = {
    "Add": lambda attrs, x, y: x + y,
    "AveragePool": pool(F.avg_pool2d),
    "BatchNormalization": lambda attrs, x, scale, bias, mean, variance: F.batch_norm(
        x, mean, variance, scale, bias, eps=attrs["epsilon"]
    ),
    "Clip": lambda attrs, x: torch.clamp(x, attrs["min"], attrs["max"]),
    "Concat": lambda attrs, *parts: torch.cat(parts, attrs["axis"]),
    "Constant": lambda attrs: torch.from_numpy(numpy_helper.to_array(attrs["value"]).copy()),
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DepthToSpace": depth_to_space,
    "Expand": lambda attrs, x, shape: x * torch.ones(shape.tolist(), dtype=x.dtype),
    "Flatten": lambda attrs, x: x.flatten(attrs["axis"]),
    "Gather": lambda attrs, x, index: x[index],
    "Gemm": gemm,
    "GlobalAveragePool": lambda attrs, x: x.mean((2, 3), keepdim=True),
    "InstanceNormalization": lambda attrs, x, scale, bias: F.instance_norm(
        x, weight=scale, bias=bias, eps=attrs["epsilon"]
    ),
    "LeakyRelu": lambda attrs, x: F.leaky_relu(x, attrs["alpha"]),
    "Max": lambda attrs, x, y: torch.maximum(x, y),
    "MaxPool": pool(F.max_pool2d),
    "Min": lambda attrs, x, y: torch.minimum(x, y),
    "Mul": lambda attrs, x, y: x * y,
    "PRelu": lambda attrs, x, slope: F.prelu(x, slopes(slope, x)),
    "Pad": pad,
    "Relu": lambda attrs, x: torch.relu(x),
    "Reshape": reshape,
    "Resize": resize,
    "Shape": lambda attrs, x: torch.tensor(x.shape),
    "Sigmoid": lambda attrs, x: torch.sigmoid(x),
    "Slice": cut,
    "Softmax": lambda attrs, x: torch.softmax(x, attrs["axis"]),
    "Sub": lambda attrs, x, y: x - y,
    "Tanh": lambda attrs, x: torch.tanh(x),
    "Transpose": lambda attrs, x: x.permute(attrs["perm"]),
    "Upsample": resize,
}


class Network:
    """The nodes of a file in order, each with the values that nobody reads after it."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        constants = {tensor.name for tensor in graph.initializer}
        self.inputs = [value.name for value in graph.input if value.name not in constants]
        self.outputs = [value.name for value in graph.output]
        self.constants = {
            tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
            for tensor in graph.initializer
        }
        last_use = {name: index for index, node in enumerate(graph.node) for name in node.input}
        self.nodes = []
        for index, node in enumerate(graph.node):
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            dead = [name for name in set(node.input) if name and last_use[name] == index]
            dead = [name for name in dead if name not in constants and name not in self.outputs]
            self.nodes.append((OPERATORS[node.op_type], attrs, list(node.input), node.output[0], dead))

    def run(self, feeds):
        values = dict(feeds)
        for operator, attrs, inputs, output, dead in self.nodes:
            operands = [values[name] if name in values else self.constants[name] for name in inputs if name]
            values[output] = operator(attrs, *operands)
            del operands
            for name in dead:
                del values[name]
        return values[self.outputs[0]]


def inputs(fields):
    """Those of files, or one by hash."""
    if "inputs" in fields:
        return [torch.from_numpy(load_tensor(file)) for file in fields["inputs"].split(",")]
    shape = [int(size) for size in fields["shape"].split(",")]
    return [torch.from_numpy(hash_values(int(np.prod(shape)), INPUT_SEED).reshape(shape))]


def load_tensor(file):
    tensor = onnx.TensorProto()
    with open(file, "rb") as stream:
        tensor.ParseFromString(stream.read())
    return numpy_helper.to_array(tensor).copy()


class Worker:
    def load(self, words):
        fields = {key: unquote(value) for key, value in (word.split("=", 1) for word in words)}
        torch.set_num_threads(int(fields["threads"]))
        self.network = Network(fields["model"])
        self.feeds = dict(zip(self.network.inputs, inputs(fields)))
        return f"ok version={quote(torch.__version__)}"

    def run(self, words):
        times = []
        for _ in range(int(words[0])):
            started = time.perf_counter()
            with torch.inference_mode():
                self.y = self.network.run(self.feeds)
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
