"""Trains the demo DCGAN on drawn faces and writes models/dcgan-faces.onnx.

    /usr/bin/python3 models/train_dcgan.py [--steps 6000] [--preview preview.png]

Needs Debian's python3-torch, python3-pil and python3-numpy. About 40 minutes on two cores; the seed is
fixed, so a run on the same machine gives the same file.
The generator follows Radford et al. 2015 (arXiv:1511.06434): transposed convolutions, BatchNorm, ReLU, tanh.
"""

import argparse
import copy
import pathlib
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

from faces import draw_faces

LATENT = 64


def generator() -> nn.Module:
    """z [N, 64, 1, 1] -> image [N, 3, 64, 64] in -1..1."""
    def up(cin, cout, stride, pad):
        return [nn.ConvTranspose2d(cin, cout, 4, stride, pad, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]
    return nn.Sequential(*up(LATENT, 160, 1, 0), *up(160, 96, 2, 1), *up(96, 64, 2, 1), *up(64, 32, 2, 1),
                         nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh())


def discriminator() -> nn.Module:
    """image [N, 3, 64, 64] -> score [N]."""
    def norm(layer):
        return nn.utils.spectral_norm(layer)
    return nn.Sequential(norm(nn.Conv2d(3, 32, 4, 2, 1)), nn.LeakyReLU(0.1), norm(nn.Conv2d(32, 64, 4, 2, 1)), nn.LeakyReLU(0.1),
                         norm(nn.Conv2d(64, 96, 4, 2, 1)), nn.LeakyReLU(0.1), norm(nn.Conv2d(96, 128, 4, 2, 1)), nn.LeakyReLU(0.1),
                         nn.Flatten(), norm(nn.Linear(128 * 16, 1)), nn.Flatten(0))


def sheet(images: torch.Tensor, path: str) -> None:
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    rows = [np.concatenate(pixels[i:i + 8], axis=1) for i in range(0, 64, 8)]
    Image.fromarray(np.concatenate(rows)).save(path)


def train(steps: int, preview: str | None, minutes: float) -> nn.Module:
    torch.manual_seed(1)
    faces = torch.from_numpy(draw_faces(8000, seed=1))
    g, d = generator(), discriminator()
    for module in g.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.03)
    average = copy.deepcopy(g)  # exponential average of the weights: steadier pictures
    g_opt = torch.optim.Adam(g.parameters(), 3e-4, betas=(0.0, 0.9))
    d_opt = torch.optim.Adam(d.parameters(), 4e-4, betas=(0.0, 0.9))
    fixed, start = torch.randn(64, LATENT, 1, 1), time.time()
    for step in range(steps):
        real = faces[torch.randint(len(faces), (48,))]
        fake = g(torch.randn(48, LATENT, 1, 1))
        d_loss = torch.relu(1 - d(real)).mean() + torch.relu(1 + d(fake.detach())).mean()  # hinge
        d_opt.zero_grad(); d_loss.backward(); d_opt.step()
        g_loss = -d(fake).mean()
        g_opt.zero_grad(); g_loss.backward(); g_opt.step()
        with torch.no_grad():
            for a, b in zip(average.state_dict().values(), g.state_dict().values()):
                if a.dtype.is_floating_point:
                    a.lerp_(b, 0.005 if step > 400 else 0.05)
                else:
                    a.copy_(b)
        if step % 200 == 0 or step == steps - 1:
            print(f"step {step} d {d_loss.item():.3f} g {g_loss.item():.3f} {time.time() - start:.0f} s", flush=True)
            if preview:
                with torch.no_grad():
                    sheet(average.eval()(fixed), preview)
            torch.save(average.state_dict(), "/tmp/dcgan-faces.pt")
        if time.time() - start > minutes * 60:
            break
    return average.eval()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--preview")
    args = parser.parse_args()
    model = train(args.steps, args.preview, args.minutes)
    out = pathlib.Path(__file__).parent / "dcgan-faces.onnx"
    torch.onnx.export(model, torch.randn(1, LATENT, 1, 1), str(out), opset_version=13, input_names=["z"], output_names=["image"],
                      dynamic_axes={"z": {0: "N"}, "image": {0: "N"}}, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    print("wrote", out, out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
