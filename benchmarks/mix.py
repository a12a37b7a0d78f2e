"""Add up what trainings have changed: python benchmarks/mix.py OUT BASE SHARE TO FROM [SHARE TO FROM ...].

OUT becomes BASE + SHARE * (TO - FROM) + ...; all are weights files, or models, of one network. With the content and the
adversarial weights of one run as FROM and TO it is network interpolation (Wang et al. 2018, ESRGAN, section 3.4); with
those of another run, task arithmetic (Ilharco et al. 2023, "Editing models with task arithmetic"). What OUT says of its
training is what the first TO says, and what was mixed, BASE included, by the names of the files. The bundled models for
photographs were made of their runs in this way, as their cards say.
"""

from __future__ import annotations

import sys
from pathlib import Path

from minutia.nets.weights import load_weights, save_weights


def main() -> None:
    """Mix, and write."""
    out, base, *terms = sys.argv[1:]
    if not terms or len(terms) % 3:
        raise SystemExit(__doc__)
    start = load_weights(Path(base))
    state = start.build().state_dict()
    told = load_weights(Path(terms[1])).training
    steps = list(zip(terms[::3], terms[1::3], terms[2::3], strict=True))
    for share, to, since in steps:
        ends = [load_weights(Path(path)) for path in (to, since)]
        if any((end.spec, end.normalisation) != (start.spec, start.normalisation) for end in ends):
            raise SystemExit(f"{to} and {since} are not of the network of {base}, or see values otherwise.")
        new, old = (end.build().state_dict() for end in ends)
        for name in (name for name in state if state[name].is_floating_point()):  # The rest counts batches.
            state[name] += float(share) * (new[name] - old[name])
    words = " + ".join(
        [
            start.training.get("mixed", Path(base).stem),
            *(f"{share} ({Path(to).stem} - {Path(since).stem})" for share, to, since in steps),
        ]
    )
    save_weights(Path(out), start.spec, state, {**told, "mixed": words}, start.normalisation)


if __name__ == "__main__":
    main()
