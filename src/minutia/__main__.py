"""`python -m minutia`, and the command `minutia`."""

from __future__ import annotations

import atexit
import sys
import warnings
from contextlib import suppress

from minutia.cli import app
from minutia.cli.console import accept_any_name, leave, remark
from minutia.errors import MinutiaError


def main() -> None:
    """Run the command line: what is wrong is said in one sentence, and the exit status is not 0."""
    accept_any_name()
    # OpenVINO's converter, with its telemetry, takes as long to import as the rest of it; nothing here converts.
    sys.modules["openvino.tools.ovc"] = None  # type: ignore[assignment]
    try:
        app()
    except MinutiaError as error:
        remark(f"Error: {error}", "red")
        sys.exit(1)
    except ImportError as error:  # Of a library that is installed, and broken.
        remark(f"Error: {error}; reinstall what is named, or Minutia.", "red")
        sys.exit(1)
    except OSError as error:  # A full disk, at whatever it was.
        remark(f"Error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.", "red")
        sys.exit(1)


def command() -> None:
    """Run the command line as a process of its own, which is not taken apart piece by piece when it is done.

    That took 0.07 s for modules and memory that the system takes back at once.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # They are for programmers; what users should know is logged.
    status = [1]
    atexit.register(_end, status)  # What is registered first runs last.
    try:
        main()
    except SystemExit as end:
        status[0] = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    status[0] = 0


def _end(status: list[int]) -> None:
    with suppress(OSError, ValueError):  # Python tells of them, in its own way of ending.
        leave(status[0])


if __name__ == "__main__":
    command()
