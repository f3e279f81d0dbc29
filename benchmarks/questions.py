"""Typical questions on a large ledger: the ledger's answer against SQL written by hand, and against pandas."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import by_hand, by_pandas
from benchmarks.asked import NOW, QUESTIONS, Question, files_of, wanted
from benchmarks.by_hand import CHARTED, Facts
from benchmarks.made_ledger import ledger_folder, made_ledger
from benchmarks.measuring import Timing, commands_in_turn, in_turn
from benchmarks.tables import Goal, heading, ms, table, times
from finops.answers import Answer
from finops.ledger.ledger import Ledger

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OURS, OURS_PLAIN, HAND, HAND_PLAIN, PANDAS = "ledger", "ledger, no chart", "by hand", "by hand, no chart", "pandas"
HEAD: Final = ("question", "who", "median ms", "p95 ms", "best ms", "CPU ms", "ours / this", "by CPU")
COLD: Final = {OURS: "ask-ledger", HAND: "ask-by-hand", PANDAS: "ask-pandas"}  # tasks of benchmarks.once
MOST: Final = 1.5
P95: Final = 150
PANDAS_LEAST: Final = 8.0


def run(data: Path, rows: int, rounds: int) -> list[Goal]:
    """Measure warm and cold, print both, and return the goals."""
    ledger = made_ledger(data, rows)
    heading(f"Questions on {rows:,} charges, warm: {rounds} rounds in turn, one process")
    con = by_hand.connect()
    goals, lines = [], []
    for question in QUESTIONS:
        timings = in_turn(_contestants(ledger, con, question), rounds)
        lines += [_line(question, name, timings) for name in timings]
        goals += _goals(question, timings)
    table(HEAD, lines)
    ledger.close()
    con.close()
    _cold(ledger_folder(data, rows), max(1, rounds // 6))
    return goals


def _cold(folder: Path, rounds: int) -> None:
    heading(f"The same, cold: a fresh process imports, opens and asks once; {rounds} rounds in turn, files in the disk cache")
    lines = []
    for number, question in enumerate(QUESTIONS):
        commands = {who: [sys.executable, "-m", "benchmarks.once", task, str(folder), str(number)] for who, task in COLD.items()}
        timings = commands_in_turn(commands, rounds)
        lines += [_line(question, name, timings) for name in timings]
    table(HEAD, lines)


def _contestants(ledger: Ledger, con: "DuckDBPyConnection", question: Question) -> dict[str, Callable[[], object]]:
    """Everybody who answers; their figures are compared before anybody is timed."""
    query, splits = question.query, bool(question.query.by)
    asked = wanted(question, min(source.complete_until for source in ledger.sources(NOW)))
    files = files_of(ledger.root, question.span)
    agree(ledger.answer(query, NOW, parts=splits), by_hand.ask(con, files, asked, parts=splits), by_pandas.ask(files, asked))
    runs: dict[str, Callable[[], object]] = {
        OURS: partial(ledger.answer, query, NOW, parts=splits),
        HAND: partial(by_hand.ask, con, files, asked, parts=splits),
    }
    if splits:
        runs[OURS_PLAIN] = partial(ledger.answer, query, NOW)
        runs[HAND_PLAIN] = partial(by_hand.ask, con, files, asked, parts=False)
    return runs | {PANDAS: partial(by_pandas.ask, files, asked)}


def agree(answer: Answer, facts: Facts, frame: Mapping[str, Any]) -> None:
    """Raise AssertionError unless everybody found the same figures: to the last digit, pandas to a millionth."""
    sums = answer.sums[0]
    assert (sums.total, sums.previous) == (facts.total, facts.previous)
    assert {point.start: point.cost for point in sums.series if point.cost} == facts.series
    assert tuple((row.key[0], row.cost, row.previous) for row in sums.rows) == facts.rows
    assert sorted((str(row.key[0]), row.change) for row in sums.movers) == sorted(facts.movers)
    if facts.parts:
        assert _charted(answer) == facts.parts
    if facts.counts:
        assert {str(row.key[0]): row.count for row in sums.rows} == {key: facts.counts[key] for key, _, _ in facts.rows}
    assert abs(frame["total"] - float(facts.total)) <= 1e-6 * float(facts.total)
    assert abs(frame["previous"] - float(facts.previous)) <= 1e-6 * float(facts.previous)


def _charted(answer: Answer) -> dict[tuple[object, str], object]:
    """Return what the chart stacks: day, group and cost of the largest groups."""
    keys = [str(row.key[0]) for row in answer.sums[0].rows[:CHARTED]]
    points = answer.sums[0].series
    return {(point.start, key): cost for point in points for key, cost in zip(keys, point.parts, strict=False) if cost}


def _line(question: Question, name: str, timings: Mapping[str, Timing]) -> tuple[str, ...]:
    timing = timings[name]
    ours = timings[OURS_PLAIN if name == HAND_PLAIN else OURS]
    ratios = ("", "") if name in (OURS, OURS_PLAIN) else (times(ours.over(timing)), times(ours.cpu_over(timing)))
    return (question.name, name, ms(timing.median), ms(timing.at(0.95)), ms(timing.best), ms(timing.cpu), *ratios)


def _goals(question: Question, timings: Mapping[str, Timing]) -> list[Goal]:
    ours = timings[OURS]
    return [
        Goal(f"{question.name}: ledger / SQL by hand", ours.over(timings[HAND]), MOST, "×"),
        Goal(f"{question.name}: p95", ours.at(0.95) * 1000, P95, " ms"),
        Goal(f"{question.name}: pandas / ledger", timings[PANDAS].over(ours), PANDAS_LEAST, "×", at_least=True),
    ]
