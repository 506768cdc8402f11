"""A coverage-guided fuzzer on one promise: `python tests/fuzz/run.py regsho_files 60 corpus` runs it for 60 seconds.

The folder `corpus` keeps the documents that reached new code, and a later run begins with them.
Needs atheris (requirements-soak.txt, Linux). A document that breaks a promise is written to the working folder as
`crash-…`, and the exit status is not 0.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[2] / "workflow/scripts"), str(Path(__file__).parents[1])]

with atheris.instrument_imports(include=["darkpool", "json", "yaml", "jsonschema"]):
    from fuzz import promises


def main(name: str, seconds: int, corpus: Path) -> None:
    promise = promises.PROMISES[name]
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(promises.SEEDS[name]):
            (corpus / f"seed-{number}").write_bytes(seed)
        dictionary = Path(folder, "words")
        listed = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in promises.words(name))
        dictionary.write_text("".join(f'"{word}"\n' for word in listed))
        options = [
            f"-max_total_time={seconds}",
            f"-dict={dictionary}",
            "-max_len=8192",
            "-timeout=20",
            "-rss_limit_mb=4096",
        ]
        atheris.Setup([sys.argv[0], *options, str(corpus)], promise)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
