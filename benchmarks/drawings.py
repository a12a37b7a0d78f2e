"""Tiles of letters and drawings to train with: python benchmarks/drawings.py PHOTOGRAPHS OUT NUMBER.

Photographs have few sharp edges, and screens, slides, maps and comics little else. Every second tile of 400x400 is a
page of words in the fonts that fontconfig knows, on a plain, shaded or photographed ground; the others are parts of
drawings of Open Clip Art (Debian's openclipart-svg, public domain), drawn by rsvg-convert. The same files and fonts
make the same tiles.
"""

from __future__ import annotations

import io
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 400
DRAWINGS = Path("/usr/share/openclipart/svg")
TEXT = Path(__file__).parent.parent / "README.md"

EDGE = 40
"""Of 255, in an edge filter's answer: what counts as an edge."""
LEAST_EDGES = 0.05
"""Share of a tile's pixels; emptier tiles are not taken."""

Ink = tuple[int, int, int]


class Maker:
    """A source of tiles, the same for the same seed."""

    def __init__(self, photographs: Path, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._photographs = sorted(photographs.iterdir())
        self._drawings = sorted(DRAWINGS.rglob("*.svg"))
        found = subprocess.run(["fc-list", ":lang=en", "file"], capture_output=True, text=True, check=True).stdout
        files = {line.split(":")[0] for line in found.splitlines()}
        self._fonts = sorted(file for file in files if file.endswith((".ttf", ".otf")))
        words = TEXT.read_text(encoding="utf-8").replace("|", " ").replace("#", "").split()
        self._words = [word for word in words if word.isascii()]

    def drawing(self) -> Image.Image:
        """Take a part of a drawing that is not empty."""
        while True:
            path, width = self._random.choice(self._drawings), self._random.choice([400, 600, 800, 1200])
            picture = _rendered(path, width)
            if picture is None or picture.height > 3000 or min(picture.size) < SIDE:
                continue
            paper = self._ink() if self._random.random() < 0.5 else (255, 255, 255)
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, (*paper, 255)), picture).convert("RGB")
            for _ in range(12):
                left = self._random.randint(0, picture.width - SIDE)
                top = self._random.randint(0, picture.height - SIDE)
                tile = picture.crop((left, top, left + SIDE, top + SIDE))
                edges = tile.convert("L").filter(ImageFilter.FIND_EDGES).crop((2, 2, SIDE - 2, SIDE - 2))
                if (np.asarray(edges) > EDGE).mean() > LEAST_EDGES:
                    return tile

    def letters(self) -> Image.Image:
        """Write a page at twice its size, with lines and shapes, now and then askew, and make it small."""
        rng, page = self._random, self._ground()
        draw, side = ImageDraw.Draw(page), page.width
        is_bright = sum(page.resize((1, 1)).getpixel((0, 0))) / 3 > 128
        ink = self._ink(0, 90) if is_bright else self._ink(170, 255)
        y = rng.randint(-20, 20)
        while y < side:
            file, size = rng.choice(self._fonts), 2 * rng.choice([9, 10, 11, 12, 13, 14, 16, 18, 22, 28, 40, 64])
            try:
                font = ImageFont.truetype(file, size)
                font.getbbox("Ag")
            except OSError:  # Of bitmaps, or of none.
                continue
            if rng.random() < 0.2:
                ink = self._ink(0, 110) if is_bright else self._ink(150, 255)
            for _ in range(rng.randint(1, 5)):
                line = " ".join(rng.choices(self._words, k=14))
                draw.text((rng.randint(-30, 30), y), line, fill=ink, font=font)
                y += int(size * 1.25)
                if y > side:
                    break
            self._decorate(draw, side)
        if rng.random() < 0.35:
            page = page.rotate(rng.uniform(-20, 20), Image.Resampling.BICUBIC).crop((100, 100, side - 100, side - 100))
        kernels = [Image.Resampling.LANCZOS, Image.Resampling.BOX, Image.Resampling.BICUBIC]
        return page.resize((SIDE, SIDE), rng.choice(kernels))

    def _decorate(self, draw: ImageDraw.ImageDraw, side: int) -> None:
        """Draw lines, or a shape, or nothing."""
        rng = self._random
        chance = rng.random()
        if chance < 0.25:
            for _ in range(rng.randint(1, 4)):
                ends = [rng.randint(0, side) for _ in range(4)]
                draw.line(ends, fill=self._ink(), width=rng.randint(1, 8))
        elif chance < 0.4:
            left, top = rng.randint(0, side), rng.randint(0, side)
            box = [left, top, left + rng.randint(20, 300), top + rng.randint(20, 300)]
            shape = getattr(draw, rng.choice(["rectangle", "ellipse", "rounded_rectangle"]))
            shape(box, outline=self._ink(), width=rng.randint(1, 8), fill=self._ink() if rng.random() < 0.4 else None)

    def _ground(self) -> Image.Image:
        """Make what is written on, at twice the size of a tile."""
        rng, size = self._random, (2 * SIDE, 2 * SIDE)
        chance = rng.random()
        if chance < 0.25:
            return Image.open(rng.choice(self._photographs)).convert("RGB").resize(size)
        first, second = self._ink(), self._ink()
        if chance < 0.55:
            plain = [(255, 255, 255), (255, 255, 255), (0, 0, 0), (245, 240, 225), self._ink()]
            first = second = rng.choice(plain)
        shade = Image.linear_gradient("L").resize(size).rotate(rng.choice([0, 90, 180, 270]))
        return Image.composite(Image.new("RGB", size, first), Image.new("RGB", size, second), shade)

    def _ink(self, low: int = 0, high: int = 255) -> Ink:
        red, green, blue = (self._random.randint(low, high) for _ in range(3))
        return red, green, blue


def _rendered(path: Path, width: int) -> Image.Image | None:
    """Draw an SVG; None where that cannot be done."""
    command = ["rsvg-convert", "-w", str(width), "--keep-aspect-ratio", str(path)]
    try:
        drawn = subprocess.run(command, capture_output=True, timeout=20, check=True).stdout
        return Image.open(io.BytesIO(drawn)).convert("RGBA")
    except (subprocess.SubprocessError, OSError, Image.DecompressionBombError):
        return None


def main() -> None:
    """Make tiles of both kinds by turns."""
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    photographs, out, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    maker = Maker(photographs)
    out.mkdir(parents=True)
    for index in range(number):
        tile = maker.drawing() if index % 2 else maker.letters()
        tile.save(out / f"drawings-{index:04}.png")


if __name__ == "__main__":
    main()
