"""The command line of the program, run by the Python that runs a benchmark."""

import sys

COMMAND = [sys.executable, "-c", "from autoStructN2V.cli import main; raise SystemExit(main())"]
"""What the words of a command are appended to."""
