"""One task in a fresh process, for cold times and peak memory: `python -m benchmarks.once TASK …` prints its peak in bytes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.measuring import peak_memory


def ask_ledger(folder: str, number: str) -> None:
    from benchmarks.asked import NOW, QUESTIONS
    from benchmarks.made_ledger import open_ledger

    query = QUESTIONS[int(number)].query
    open_ledger(Path(folder)).answer(query, NOW, parts=bool(query.by))


def ask_by_hand(folder: str, number: str) -> None:
    from benchmarks import by_hand
    from benchmarks.asked import QUESTIONS, TODAY, files_of, wanted

    question = QUESTIONS[int(number)]
    files = files_of(Path(folder) / "ledger", question.span)
    by_hand.ask(by_hand.connect(), files, wanted(question, TODAY), parts=bool(question.query.by))


def ask_pandas(folder: str, number: str) -> None:
    from benchmarks import by_pandas
    from benchmarks.asked import QUESTIONS, TODAY, files_of, wanted

    question = QUESTIONS[int(number)]
    by_pandas.ask(files_of(Path(folder) / "ledger", question.span), wanted(question, TODAY))


def load_ours(bill: str, folder: str) -> None:
    from benchmarks.loaders import ours

    ours(Path(bill), Path(folder))


def load_bare(bill: str, folder: str) -> None:
    from benchmarks.loaders import bare

    bare(Path(bill), Path(folder))


def load_pandas(bill: str, folder: str) -> None:
    from benchmarks.loaders import by_pandas

    by_pandas(Path(bill), Path(folder))


TASKS: Final[dict[str, Callable[[str, str], None]]] = {
    "ask-ledger": ask_ledger,
    "ask-by-hand": ask_by_hand,
    "ask-pandas": ask_pandas,
    "load-ours": load_ours,
    "load-bare": load_bare,
    "load-pandas": load_pandas,
}


if __name__ == "__main__":
    TASKS[sys.argv[1]](sys.argv[2], sys.argv[3])
    print(peak_memory())
