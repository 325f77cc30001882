"""Trains the demo DCGAN on drawn faces and writes models/dcgan-faces.onnx.

    /usr/bin/python3 models/train_dcgan.py [--steps 3000] [--preview preview.png]

Needs Debian's python3-torch, python3-pil and python3-numpy. About 15 minutes on two cores; the seed is
fixed, so a run on the same machine gives the same file.
The generator follows Radford et al. 2015 (arXiv:1511.06434): transposed convolutions, BatchNorm, ReLU, tanh. It
is trained as in VAE/GAN (Larsen et al. 2015, arXiv:1512.09300): an encoder teaches it to reach every face,
which keeps it from collapsing onto a few, and a discriminator teaches it sharp edges. Only the generator is kept.
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

LATENT = 32


def generator() -> nn.Module:
    """z [N, 32, 1, 1] -> image [N, 3, 64, 64] in -1..1."""
    def up(cin, cout, stride, pad):
        return [nn.ConvTranspose2d(cin, cout, 4, stride, pad, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]
    return nn.Sequential(*up(LATENT, 160, 1, 0), *up(160, 96, 2, 1), *up(96, 64, 2, 1), *up(64, 32, 2, 1),
                         nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh())


def downscale(outputs: int, norm) -> nn.Module:
    """image [N, 3, 64, 64] -> [N, outputs]; `norm` wraps each layer that has weights."""
    layers, cin = [], 3
    for cout in (24, 48, 80, 128):
        layers += [norm(nn.Conv2d(cin, cout, 4, 2, 1)), nn.LeakyReLU(0.1)]
        cin = cout
    return nn.Sequential(*layers, nn.Flatten(), norm(nn.Linear(128 * 16, outputs)))


def sheet(images: torch.Tensor, path: str) -> None:
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    rows = [np.concatenate(pixels[i:i + 8], axis=1) for i in range(0, 64, 8)]
    Image.fromarray(np.concatenate(rows)).save(path)


def settle(average: nn.Module) -> nn.Module:
    """Measures the BatchNorm statistics anew for the averaged weights."""
    for module in average.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # plain average over the batches below
    average.train()
    with torch.no_grad():
        for _ in range(30):
            average(torch.randn(64, LATENT, 1, 1))
    return average.eval()


def train(steps: int, preview: str | None, minutes: float) -> nn.Module:
    torch.manual_seed(1)
    faces = torch.from_numpy(draw_faces(8000, seed=1))
    g, d = generator(), downscale(1, nn.utils.spectral_norm)
    e = downscale(2 * LATENT, lambda layer: layer)
    average = copy.deepcopy(g)  # exponential average of the weights: steadier pictures
    g_opt = torch.optim.Adam([*g.parameters(), *e.parameters()], 1e-3, betas=(0.5, 0.99))
    d_opt = torch.optim.Adam(d.parameters(), 3e-4, betas=(0.0, 0.9))
    fixed, start = torch.randn(64, LATENT, 1, 1), time.time()
    for step in range(steps):
        if step == steps * 6 // 10:
            g_opt.param_groups[0]["lr"] = 4e-4
        x = faces[torch.randint(len(faces), (32,))]
        mean, logvar = e(x).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        # One batch of codes and prior samples, so that BatchNorm sees both.
        images = g(torch.cat([z, torch.randn(32, LATENT)])[:, :, None, None])
        fit = ((images[:32] - x) ** 2).sum() / 32 / (2 * 0.6 ** 2) / 1000
        kl = -0.5 * (1 + logvar - mean ** 2 - logvar.exp()).sum() / 32 / 1000
        loss = fit + kl
        if step > 600:  # the discriminator joins when there are faces to judge
            fake = images[16:]
            d_loss = torch.relu(1 - d(x)).mean() + torch.relu(1 + d(fake.detach())).mean()  # hinge
            d_opt.zero_grad(); d_loss.backward(); d_opt.step()
            loss = loss - 0.03 * d(fake).mean()
        g_opt.zero_grad(); loss.backward(); g_opt.step()
        with torch.no_grad():
            for a, b in zip(average.parameters(), g.parameters()):
                a.lerp_(b, 0.005 if step > 600 else 0.05)
        if step % 200 == 0 or step == steps - 1:
            print(f"step {step} fit {fit.item():.3f} kl {kl.item():.3f} {time.time() - start:.0f} s", flush=True)
            if preview:
                with torch.no_grad():
                    sheet(settle(copy.deepcopy(average))(fixed), preview)
        if time.time() - start > minutes * 60:
            break
    return settle(average)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3000)
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
