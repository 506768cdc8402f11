"""What a step says: on the terminal while it runs, and in its log file for the morning after.

An expected fault ends the step with one line on stderr and exit status 1; a traceback is for faults of the program.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TextIO

from . import credentials

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a vendor's words could steer a terminal with."""


class _Tee:
    def __init__(self, terminal: TextIO, log: FileIO) -> None:
        self._terminal = terminal
        self._log = log

    def write(self, text: str) -> int:
        # The last net: what a vendor or a library repeats of a key is in no message of ours.
        text = CONTROLS.sub("?", credentials.hidden(text))
        self._terminal.write(text)
        self._terminal.flush()
        self.write_to_log(text)
        return len(text)

    def write_to_log(self, text: str) -> None:
        with suppress(OSError):  # a full disk must not keep its own message from the terminal
            self._log.write(CONTROLS.sub("?", credentials.hidden(text)).encode())

    def flush(self) -> None:
        self._terminal.flush()

    def isatty(self) -> bool:
        return False


@contextmanager
def logged(path: str | Path) -> Iterator[None]:
    """Copy stderr into the log at `path`; an expected fault (ValueError, OSError, RuntimeError) ends in one line."""
    terminal = sys.stderr
    with FileIO(path, "w") as log:
        sys.stderr = tee = _Tee(terminal, log)
        try:
            yield
        except (ValueError, OSError, RuntimeError) as error:
            print(f"error: {error}", file=sys.stderr)
            if not str(error) or type(error) in (ValueError, RuntimeError):
                tee.write_to_log(traceback.format_exc())
            sys.exit(1)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        finally:
            sys.stderr = terminal
