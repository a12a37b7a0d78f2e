"""Description of the machine and the libraries that were measured."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from minutia import __version__

LIBRARIES = ("openvino", "torch", "onnxruntime")


def describe_machine() -> dict[str, str | int | None]:
    """Name the processor, its cores, the system and the versions of what computes; None for what is not installed."""
    return {
        "processor": processor(),
        "num_cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "minutia": __version__,
        **{name: version(name) for name in LIBRARIES},
    }


def processor() -> str:
    """Name the processor as its maker does, or where the system does not tell, as Python does."""
    if sys.platform == "darwin":
        words = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Tell which version of a package is installed, without loading it; None for none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
