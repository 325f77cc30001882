"""Draws the VAE's training data: capital letters in every font found on the machine, 32x32 grey."""

import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SYMBOL_FONTS = ("d050000l", "standardsymbols", "symbol", "dingbats", "math", "mono.pfb")


def draw_letter(letter: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """One letter, white on black, its ink centred in 32x32."""
    left, top, right, bottom = font.getbbox(letter)
    image = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(image).text((32 - (left + right) / 2, 32 - (top + bottom) / 2), letter, fill=255, font=font)
    return np.asarray(image.resize((32, 32), Image.LANCZOS))


def draw_letters() -> tuple[np.ndarray, np.ndarray]:
    """Every letter in every font: f32 [count, 1, 32, 32] in 0..1 and its index [count]."""
    pictures, labels = [], []
    paths = sorted(p for e in ("ttf", "otf") for p in pathlib.Path("/usr/share/fonts").rglob(f"*.{e}"))
    for path in paths:
        if any(word in path.name.lower() for word in SYMBOL_FONTS):
            continue
        font = ImageFont.truetype(str(path), 46)
        drawn = [draw_letter(letter, font) for letter in LETTERS]
        if any(d.max() == 0 for d in drawn) or np.array_equal(drawn[0], drawn[1]):
            continue  # a font without letters
        pictures += drawn
        labels += range(len(LETTERS))
    return np.stack(pictures).astype(np.float32)[:, None] / 255, np.array(labels)
