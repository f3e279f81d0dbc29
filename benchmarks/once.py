"""One task in a fresh process, for cold times and peak memory: `python -m benchmarks.once TASK …`; prints the peak in bytes."""

import sys
from pathlib import Path

from benchmarks.measuring import peak_memory


def main(task: str, who: str, *rest: str) -> None:
    """Do one task of a benchmark."""
    if task == "question":
        from benchmarks.questions import ask_once

        ask_once(who, Path(rest[0]), int(rest[1]))
    print(peak_memory())


if __name__ == "__main__":
    main(*sys.argv[1:])
