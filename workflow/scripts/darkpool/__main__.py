"""`python -m darkpool`."""

import signal
import sys

from .cli.main import main

if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends us quietly
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may lack the en dash
    sys.exit(main())
