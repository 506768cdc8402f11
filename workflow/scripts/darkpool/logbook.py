"""What a step says: on the terminal while it runs, and in its log file for the morning after.

An expected fault ends the step with one line on stderr and exit status 1; only a fault of the program shows a traceback.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class _Tee:
    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()

    def isatty(self) -> bool:
        return False


@contextmanager
def logged(path: str | Path) -> Iterator[None]:
    """Copy stderr into the log at `path`; end with one line for an expected fault (ValueError, OSError, RuntimeError)."""
    terminal = sys.stderr
    with open(path, "w", encoding="utf-8") as log:
        sys.stderr = _Tee(terminal, log)  # type: ignore[assignment]
        try:
            yield
        except (ValueError, OSError, RuntimeError) as error:
            print(f"error: {error}", file=sys.stderr)
            if not str(error) or type(error) in (ValueError, RuntimeError):
                traceback.print_exc(file=log)
            sys.exit(1)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        finally:
            sys.stderr = terminal
