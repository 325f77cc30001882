"""Draws the DCGAN's training data: cartoon faces out of circles, arcs and lines, 64x64 RGB."""

import random

import numpy as np
from PIL import Image, ImageDraw

SKIN = [(255, 219, 172), (241, 194, 125), (224, 172, 105), (198, 134, 66), (141, 85, 36)]
HAIR = [(40, 26, 13), (106, 56, 21), (222, 184, 90), (190, 60, 30), (120, 120, 120)]
BACKGROUND = [(120, 180, 230), (250, 200, 120), (160, 215, 150), (225, 160, 190)]
SHIRT = [(200, 50, 60), (50, 90, 180), (60, 140, 80), (240, 240, 240)]
SCALE = 4  # drawn large and shrunk: smooth edges


def draw_face(rng: random.Random) -> Image.Image:
    """One random face: skin, hair, eyes, brows, nose and a mouth from sad to laughing."""
    size = 64 * SCALE
    image = Image.new("RGB", (size, size), rng.choice(BACKGROUND))
    draw = ImageDraw.Draw(image)
    cx = size / 2 + rng.uniform(-2, 2) * SCALE
    cy = size * 0.5 + rng.uniform(-1.5, 1.5) * SCALE
    rx, ry = rng.uniform(17, 20) * SCALE, rng.uniform(20, 23) * SCALE
    skin, hair = rng.choice(SKIN), rng.choice(HAIR)

    def oval(x, y, w, h, **style):
        draw.ellipse([x - w, y - h, x + w, y + h], **style)

    oval(cx, size + 2 * SCALE, 24 * SCALE, 16 * SCALE, fill=rng.choice(SHIRT))
    if rng.random() < 0.4:  # long hair behind the head
        draw.rectangle([cx - rx - 4 * SCALE, cy - 4 * SCALE, cx + rx + 4 * SCALE, cy + 20 * SCALE], fill=hair)
    oval(cx, cy - 5 * SCALE, rx + 3 * SCALE, ry, fill=hair)
    oval(cx, cy + 2 * SCALE, rx, ry - 1 * SCALE, fill=skin)
    draw.chord([cx - rx, cy - ry - 1 * SCALE, cx + rx, cy + ry * 0.35], 190, 350, fill=hair)  # fringe

    eye_y, eye_dx = cy + 1 * SCALE, rng.uniform(7, 8.5) * SCALE
    glasses, brow_tilt = rng.random() < 0.25, rng.uniform(-1.5, 1.5) * SCALE
    iris = rng.choice([(60, 40, 20), (40, 90, 160), (50, 120, 60)])
    for side in (-1, 1):
        x = cx + side * eye_dx
        oval(x, eye_y, 4 * SCALE, 3 * SCALE, fill=(255, 255, 255))
        oval(x, eye_y, 2 * SCALE, 2 * SCALE, fill=iris)
        draw.line([x - 4 * SCALE, eye_y - 6 * SCALE - side * brow_tilt, x + 4 * SCALE, eye_y - 6 * SCALE + side * brow_tilt],
                  fill=hair, width=2 * SCALE)
        if glasses:
            oval(x, eye_y, 6 * SCALE, 5 * SCALE, outline=(20, 20, 20), width=SCALE)
    if glasses:
        draw.line([cx - eye_dx + 6 * SCALE, eye_y, cx + eye_dx - 6 * SCALE, eye_y], fill=(20, 20, 20), width=SCALE)

    shade = tuple(int(v * 0.8) for v in skin)
    draw.line([cx, eye_y + 2 * SCALE, cx - 2 * SCALE, eye_y + 8 * SCALE, cx + 1 * SCALE, eye_y + 8 * SCALE], fill=shade, width=SCALE)

    mouth_y, curve, width = cy + 13 * SCALE, rng.uniform(-3, 6) * SCALE, rng.uniform(6, 9) * SCALE
    if curve > 3 * SCALE:  # laughing: an open mouth with teeth
        draw.chord([cx - width, mouth_y - curve, cx + width, mouth_y + curve], 0, 180, fill=(150, 30, 40))
        draw.rectangle([cx - width * 0.7, mouth_y, cx + width * 0.7, mouth_y + SCALE], fill=(255, 255, 255))
    else:
        points = [(cx + t * width, mouth_y + curve * (1 - t * t)) for t in np.linspace(-1, 1, 9)]
        draw.line(points, fill=(170, 50, 60), width=2 * SCALE)
    return image.resize((64, 64), Image.LANCZOS)


def draw_faces(count: int, seed: int) -> np.ndarray:
    """`count` faces as f32 [count, 3, 64, 64] in -1..1."""
    rng = random.Random(seed)
    pixels = np.stack([np.asarray(draw_face(rng)) for _ in range(count)])
    return (pixels.transpose(0, 3, 1, 2) / 127.5 - 1).astype(np.float32)
