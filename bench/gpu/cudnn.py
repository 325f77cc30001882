"""The layers of native/bench/layers.txt in PyTorch with cuDNN, as JSON lines: python3 cudnn.py LAYERS

Each layer in NCHW and channels-last, f32 without and with TF32, and f16; cudnn.benchmark is on, times are those of CUDA graph
replays. Bias is part of the convolution; the ReLU that our layers have besides is left out, which favours cuDNN.
"""

import json
import sys

import torch

from replay import replay_ms


def read_layers(path):
    names = "id transposed batch inputs outputs height width kernel stride pad output_padding dilation groups"
    with open(path) as file:
        for line in file:
            words = line.split()
            yield dict(zip(names.split(), [words[0], *map(int, words[1:])]))


def convolution(layer, dtype, memory_format):
    """A function of no arguments that runs the layer."""
    options = {"device": "cuda", "dtype": dtype}
    x = torch.randn(layer["batch"], layer["inputs"], layer["height"], layer["width"], **options)
    per_group = layer["outputs"] // layer["groups"] if layer["transposed"] else layer["inputs"] // layer["groups"]
    rows = layer["inputs"] if layer["transposed"] else layer["outputs"]
    weight = torch.randn(rows, per_group, layer["kernel"], layer["kernel"], **options)
    bias = torch.randn(layer["outputs"], **options)
    x = x.to(memory_format=memory_format)
    weight = weight.to(memory_format=memory_format)
    common = {"stride": layer["stride"], "padding": layer["pad"], "dilation": layer["dilation"], "groups": layer["groups"]}
    if layer["transposed"]:
        return lambda: torch.nn.functional.conv_transpose2d(
            x, weight, bias, output_padding=layer["output_padding"], **common)
    return lambda: torch.nn.functional.conv2d(x, weight, bias, **common)


def main():
    torch.backends.cudnn.benchmark = True
    kinds = [("f32", torch.float32, False), ("tf32", torch.float32, True), ("f16", torch.float16, True)]
    formats = [("nchw", torch.contiguous_format), ("nhwc", torch.channels_last)]
    for layer in read_layers(sys.argv[1]):
        for kind, dtype, tf32 in kinds:
            torch.backends.cudnn.allow_tf32 = tf32
            torch.backends.cuda.matmul.allow_tf32 = tf32
            for name, memory_format in formats:
                try:
                    ms = replay_ms(convolution(layer, dtype, memory_format))
                    result = {"ms": ms}
                except RuntimeError as error:
                    result = {"ms": None, "reason": str(error).split("\n")[0]}
                line = {"device": torch.cuda.get_device_name(), "layer": layer["id"], "method": f"cudnn {kind} {name}"}
                line["cudnn"] = torch.backends.cudnn.version()
                print(json.dumps({**line, **result}), flush=True)


main()
