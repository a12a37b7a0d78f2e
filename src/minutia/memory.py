"""How much memory there is, how it is spelt, and how it is kept."""

from __future__ import annotations

import ctypes
import re
from contextlib import suppress
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

SHORTAGES = ("out of memory", "DefaultCPUAllocator", "ALLOC_FAILED")
"""What CUDA and MPS, torch on a CPU, and cuDNN and cuBLAS say."""

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of mallopt(3): memory that is given back at the end of the heap, and blocks that are no part of it."""

PIXEL_BYTES = 1500
"""What a pixel takes in a network of 64 features whose work is at the input's size, in fp32: assumed of models that do
not say."""


def free_memory() -> int:
    """Tell how many bytes are free on this machine, or left to the container that this runs in."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((CGROUP / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return free  # No limit: "max" is no number, and not all systems have such files.
    return min(free, limit - used + int(stat["inactive_file"]))


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for what is asked for next; of glibc, elsewhere nothing changes.

    It gives every large array back to the system, which clears fresh pages for the next one: for the feature maps of
    whole pictures that takes longer than some of the layers. What was once needed then stays with the process.
    """
    with suppress(OSError, AttributeError, TypeError):  # No such library, or none that knows the function.
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)


def is_shortage(error: Exception) -> bool:
    """Tell whether an error means that memory did not suffice: by its class, or by its words where it has none."""
    is_told = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # torch's, not imported here
    return is_told or any(words in str(error) for words in SHORTAGES)


def parse_bytes(text: str) -> int:
    """Read an amount of memory: "512M", "1.5G", "2GiB", or bytes; K, M, G and T are powers of 1024.

    Raises:
        ValueError: it is not one.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None or float(found[1]) <= 0:
        raise ValueError(f"{text!r} is not a memory size; write 512M or 2G.")
    return int(float(found[1]) * UNITS[found[2].upper()])


def spell_bytes(num_bytes: int) -> str:
    """Spell an amount of memory: 1.5 GB, or 12 MB where it is less than a tenth of one; GB and MB are 2^30 and 2^20."""
    if num_bytes < UNITS["M"]:
        return f"{num_bytes} bytes"
    if num_bytes < UNITS["G"] / 10:
        return f"{num_bytes / UNITS['M']:.0f} MB"
    return f"{num_bytes / UNITS['G']:.1f} GB"
