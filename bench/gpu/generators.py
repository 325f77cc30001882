"""Whole generators in PyTorch with cuDNN and CUDA graphs at batch 1, f32 without TF32, as JSON lines: python3 generators.py

Names and layers are those of scripts/gpu-generators.ts; BatchNorm is folded into the convolutions, as our compiler does it.
"""

import json

import torch
from torch import nn

from replay import replay_ms


def generator(channels, kernel):
    """A code [1, 100, 1, 1] to 4x4, then twice as wide with every layer."""
    padding, output_padding = (2, 1) if kernel == 5 else (1, 0)
    layers = [nn.ConvTranspose2d(100, channels[0], 4), nn.ReLU(inplace=True)]
    for before, after in zip(channels, [*channels[1:], 3]):
        layers.append(nn.ConvTranspose2d(before, after, kernel, 2, padding, output_padding))
        layers.append(nn.Tanh() if after == 3 else nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def main():
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    nets = {
        "dcgan_k4": generator([1024, 512, 256, 128], 4),
        "dcgan_k5": generator([1024, 512, 256, 128], 5),
        "ebgan_256": generator([2048, 1024, 512, 256, 128, 64], 4),
    }
    for name, net in nets.items():
        for layout, memory_format in (("nchw", torch.contiguous_format), ("nhwc", torch.channels_last)):
            with torch.no_grad():
                placed = net.cuda().to(memory_format=memory_format)
                code = torch.randn(1, 100, 1, 1, device="cuda")
                ms = replay_ms(lambda: placed(code))
            print(json.dumps({"net": name, "method": f"pytorch {layout}", "ms": ms}), flush=True)


main()
