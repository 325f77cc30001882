"""Trains the demo VAE on letters in many fonts and writes its decoder, models/vae-letters.onnx.

    /usr/bin/python3 models/train_vae.py [--steps 5000] [--preview preview.png]

Needs Debian's python3-torch, python3-pil, python3-numpy and fonts: fonts-dejavu-extra, fonts-liberation,
fonts-freefont-ttf, fonts-lato, fonts-open-sans, fonts-roboto-unhinted, fonts-urw-base35. About 5 minutes on two
cores. A conditional VAE (Kingma & Welling 2013, arXiv:1312.6114): the label says which letter, z says which font.
"""

import argparse
import pathlib
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from glyphs import LETTERS, draw_letters

LATENT = 8


class Decoder(nn.Module):
    """z [N, 8], label [N, 26] one-hot -> picture [N, 1, 32, 32] in 0..1."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(LATENT + len(LETTERS), 4 * 4 * 96)
        self.up = nn.Sequential(nn.ConvTranspose2d(96, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.LeakyReLU(0.1),
                                nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.LeakyReLU(0.1),
                                nn.ConvTranspose2d(32, 1, 4, 2, 1))

    def logits(self, z, label):
        h = F.leaky_relu(self.project(torch.cat([z, label], 1)), 0.1)
        return self.up(h.view(-1, 96, 4, 4))

    def forward(self, z, label):
        return torch.sigmoid(self.logits(z, label))


class Encoder(nn.Module):
    """picture [N, 1, 32, 32], label -> mean and log-variance of z, [N, 8] each."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
                                  nn.Conv2d(64, 96, 4, 2, 1), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(96 * 16 + len(LETTERS), 2 * LATENT)

    def forward(self, x, label):
        return self.head(torch.cat([self.down(x), label], 1)).chunk(2, 1)


def sheet(decoder: Decoder, path: str) -> None:
    label = torch.eye(26)[torch.arange(64) % 26]
    with torch.no_grad():
        pixels = (decoder.eval()(torch.randn(64, LATENT), label) * 255).byte().numpy()[:, 0]
    decoder.train()
    Image.fromarray(np.concatenate([np.concatenate(pixels[i:i + 8], 1) for i in range(0, 64, 8)])).save(path)


def train(steps: int, preview: str | None, minutes: float) -> Decoder:
    torch.manual_seed(1)
    pictures, labels = (torch.from_numpy(a) for a in draw_letters())
    print(len(pictures), "letters", flush=True)
    encoder, decoder, start = Encoder(), Decoder(), time.time()
    opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for step in range(steps):
        pick = torch.randint(len(pictures), (64,))
        x, label = pictures[pick], torch.eye(26)[labels[pick]]
        mean, logvar = encoder(x, label)
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        fit = F.binary_cross_entropy_with_logits(decoder.logits(z, label), x, reduction="sum") / len(x)
        kl = -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum() / len(x)
        opt.zero_grad(); (fit + kl).backward(); opt.step(); schedule.step()
        if step % 500 == 0 or step == steps - 1:
            print(f"step {step} fit {fit.item():.1f} kl {kl.item():.2f} {time.time() - start:.0f} s", flush=True)
            if preview:
                sheet(decoder, preview)
        if time.time() - start > minutes * 60:
            break
    return decoder.eval()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--preview")
    args = parser.parse_args()
    decoder = train(args.steps, args.preview, args.minutes)
    out = pathlib.Path(__file__).parent / "vae-letters.onnx"
    torch.onnx.export(decoder, (torch.randn(1, LATENT), torch.eye(26)[:1]), str(out), opset_version=13, input_names=["z", "label"],
                      output_names=["picture"], dynamic_axes={n: {0: "N"} for n in ("z", "label", "picture")},
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    print("wrote", out, out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
