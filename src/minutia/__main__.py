"""`python -m minutia`, and the command `minutia`."""

from __future__ import annotations

import sys

from minutia.cli import app
from minutia.cli.console import accept_any_name, remark
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
    except OSError as error:  # A full disk, at whatever it was.
        remark(f"Error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.", "red")
        sys.exit(1)


if __name__ == "__main__":
    main()
