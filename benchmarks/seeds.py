"""Train one recipe with several seeds: python benchmarks/seeds.py RECIPE PICTURES RUNS [--seeds 10] [-- OPTIONS...]

Each run goes into a new folder of RUNS. OPTIONS are those of `minutia train`. Printed is where each run ends, as
Markdown: an adversarial phase that collapses loses PSNR, shifts colours, or ends with a discriminator that can no
longer be fooled, far from 0 on both sides. `collapses` counts how often the watch sent a run back.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from minutia.train.rows import read_rows

HEAD = """| seed | content, dB | adversarial | bicubic | colour drift, 1/255 | logits, real and fake | collapses |
|---|---|---|---|---|---|---|"""

LAST = 3
"""Rows of the log over whose steps logits are averaged."""


def main() -> None:
    """Train, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("options", nargs="*")
    told = parser.parse_args()
    folders = [told.runs / str(seed) for seed in range(told.seeds)]
    if taken := [str(folder) for folder in folders if folder.exists()]:
        raise SystemExit(f"{', '.join(taken)} exist; name another folder for the runs.")
    print(HEAD)
    for seed, folder in enumerate(folders):
        command = [sys.executable, "-m", "minutia", "train", told.recipe, "--hr", str(told.pictures), *told.options]
        command += ["--set", f"seed={seed}", "--set", f"run={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"Seed {seed} ended with {done.returncode}: {done.stderr.strip()}")
        words = " ".join(done.stderr.split())
        print(_line(seed, folder, words.count("the run goes back")), flush=True)


def _line(seed: int, folder: Path, collapses: int) -> str:
    rows = read_rows(folder / "log.jsonl")
    content, adversarial = (
        next(row for row in reversed(rows) if row["phase"] == phase and "psnr" in row)
        for phase in ("content", "adversarial")
    )
    steps = [row for row in rows if "logit_real" in row][-LAST:]
    real, fake = (sum(float(row[name]) for row in steps) / len(steps) for name in ("logit_real", "logit_fake"))
    figures = " | ".join(f"{float(row['psnr']):.2f}" for row in (content, adversarial))
    return (
        f"| {seed} | {figures} | {float(adversarial['bicubic_psnr']):.2f} | {float(adversarial['colour_drift']):+.2f} "
        f"| {real:+.2f}, {fake:+.2f} | {collapses} |"
    )


if __name__ == "__main__":
    main()
