import platform
import subprocess
import sys

import pytest

from minutia.memory import free_memory, is_shortage, parse_bytes


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("512M", 2**29), ("1.5G", 3 * 2**29), ("2GiB", 2**31), ("64 kb", 2**16), ("1000", 1000), ("1T", 2**40)],
)
def test_amounts_of_memory(text: str, wanted: int) -> None:
    assert parse_bytes(text) == wanted


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "1X", "G"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="512M or 2G"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("shapes do not match"), False),
    ],
)
def test_what_means_that_memory_did_not_suffice(error: Exception, wanted: bool) -> None:
    assert is_shortage(error) == wanted


def test_some_memory_is_free() -> None:
    assert 2**20 < free_memory() < 2**50


def test_freed_memory_is_kept_where_the_c_library_can() -> None:
    """Seen from outside: of 200 MB that were taken and freed, the process still has them, or gave them back."""
    code = (
        "import psutil, numpy, minutia.memory\n"
        "{}\n"
        "before = psutil.Process().memory_info().rss\n"
        "numpy.ones(200_000_000, numpy.uint8)\n"
        "print(psutil.Process().memory_info().rss - before)\n"
    )
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", code.format(call)], capture_output=True, check=True).stdout)
        for call in ("minutia.memory.keep_freed_memory()", "")
    )
    assert given_back < 50_000_000
    assert (kept > 150_000_000) == (platform.libc_ver()[0] == "glibc")
