from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(os.name == "nt", reason="memory is measured as POSIX does")
@pytest.mark.parametrize("seed", [0, 1])
def test_damaged_files_are_read_or_refused_in_one_sentence(seed: int) -> None:
    """In a process of its own: whatever happens in a decoder is seen, and the memory is that of reading alone."""
    script = Path(__file__).with_name("fuzz.py")
    run = subprocess.run(
        [sys.executable, script, "--count", "2600", "--seed", str(seed)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "'read'" in run.stdout
    assert "'refused'" in run.stdout
