"""What Minutia does, on one photograph: shrink it four times, enlarge it again, set the results side by side.

The photograph is of the astronaut Eileen Collins, by NASA, public domain; scikit-image carries it.
"""

from __future__ import annotations

import time
from pathlib import Path

from skimage import data

from minutia import Upscaler
from minutia.image.io import write
from minutia.image.resize import downscale, upscale_bicubic
from minutia.image.sheet import Panel, draw_sheet
from minutia.metrics.fidelity import CONVENTION, score_y
from minutia.types import Picture

SCALE = 4
FOLDER = Path("demo")
SHEET_SIDE = 512


def main() -> None:
    """Write demo/input.png, demo/upscaled.png and demo/sheet.png, and tell where they are."""
    original = data.astronaut()
    small = downscale(original, SCALE)
    began = time.perf_counter()
    upscaler = Upscaler("minutia-x4")  # Which is for clean pictures, as this one is.
    large = upscaler.upscale(small)
    seconds = time.perf_counter() - began

    def scored(name: str, pixels) -> Panel:  # noqa: ANN001 (an example stays short)
        score = score_y(pixels, original, SCALE)
        return Panel(pixels, [name, f"PSNR {score.psnr:.2f} dB, SSIM {score.ssim:.4f}"])

    height, width = small.shape[:2]
    sheet = draw_sheet(
        [
            [
                Panel(small, ["input", f"{width} x {height}"]),
                scored("bicubic", upscale_bicubic(small, SCALE)),
                scored("Minutia", large),
                Panel(original, ["original", f"{width * SCALE} x {height * SCALE}"]),
            ]
        ]
    )
    FOLDER.mkdir(exist_ok=True)
    write(Picture(small), FOLDER / "input.png", overwrite=True)
    write(Picture(large), FOLDER / "upscaled.png", overwrite=True)
    sheet.save(FOLDER / "sheet.png")
    print(f"{width}x{height} -> {width * SCALE}x{height * SCALE} in {seconds:.2f} s ({upscaler.description})")
    print(f"Figures: {CONVENTION}.")
    for name in ("input", "upscaled", "sheet"):
        print(f"{name + ':':10}{(FOLDER / name).resolve()}.png")


if __name__ == "__main__":
    main()
