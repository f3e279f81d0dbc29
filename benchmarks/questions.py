"""Typical questions on a large ledger: the ledger's answer against SQL written by hand, and against pandas."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import by_hand, by_pandas
from benchmarks.by_hand import Facts, Wanted
from benchmarks.made_ledger import NOW, TODAY, files_of, ledger_folder, made_ledger, open_ledger
from benchmarks.measuring import Timing, commands_in_turn, in_turn
from benchmarks.tables import Goal, heading, judge, ms, table, times
from finops.answers import Answer
from finops.ledger.ledger import Ledger
from finops.periods import Period
from finops.query import CostQuery, parse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OURS, OURS_PLAIN, HAND, HAND_PLAIN, PANDAS = "ledger", "ledger, no chart", "by hand", "by hand, no chart", "pandas"
COLUMNS: Final = {"team": "x_Team", "model": "x_Model", "resource": "ResourceId", "service": "ServiceName", "user": "x_User"}
ANSWERERS: Final = (OURS, HAND, PANDAS)
HEAD: Final = ("question", "who", "median ms", "p95 ms", "best ms", "CPU ms", "ours / peer", "by CPU")
MOST: Final = 1.5
P95: Final = 0.150
PANDAS_LEAST: Final = 8.0


@dataclass(frozen=True)
class Question:
    """A question as people type it; `count` names what is to be counted apart, where the language can."""

    name: str
    text: str
    team: str | None = None
    count: str | None = None

    @property
    def query(self) -> CostQuery:
        query = parse(self.text, TODAY)
        return replace(query, **{"count": self.count}) if self.count else query  # type: ignore[arg-type]


QUESTIONS: Final = (
    Question("one team, last 7 days", "team=team-07 last 7d", team="team-07"),
    Question("by model, 30 days", "last 30d by=model"),
    Question("by team, month to date", "mtd by=team daily"),
    Question("top 10 resources, 30 days", "last 30d by=resource top 10"),
    Question("distinct users by team, 30 days", "last 30d by=team", count="user"),
    Question("by service, month over month", "last month by=service"),
)


def askable() -> dict[int, Question]:
    """Return the questions the language can ask, by their place in the table."""
    counts = any(field.name == "count" for field in fields(CostQuery))
    return {number: question for number, question in enumerate(QUESTIONS) if counts or not question.count}


def run(data: Path, rows: int, rounds: int) -> list[Goal]:
    """Measure warm and cold, print both, and return the goals."""
    ledger = made_ledger(data, rows)
    heading(f"Questions on {rows:,} charges, warm: {rounds} rounds in turn, one process")
    con = by_hand.connect()
    goals, lines = [], []
    for question in askable().values():
        timings = in_turn(_contestants(ledger, con, question), rounds)
        lines += [_line(question, name, timings) for name in timings]
        goals += _goals(question, timings)
    table(HEAD, lines)
    ledger.close()
    con.close()
    _cold(ledger_folder(data, rows), max(3, rounds // 8))
    for question in QUESTIONS:
        if question not in askable().values():
            print(f"skipped: '{question.name}', for the language cannot count distinct values yet")
    return goals


def _cold(folder: Path, rounds: int) -> None:
    heading(f"The same, cold: a fresh process imports, opens and asks once; {rounds} rounds in turn, files in the disk cache")
    lines = []
    for number, question in askable().items():
        commands = {who: [sys.executable, "-m", "benchmarks.once", "question", who, str(folder), str(number)] for who in ANSWERERS}
        timings = commands_in_turn(commands, rounds)
        lines += [_line(question, name, timings) for name in timings]
    table(HEAD, lines)


def ask_once(who: str, folder: Path, number: int) -> None:
    """Open what `who` needs and answer one question."""
    question = QUESTIONS[number]
    with_chart = bool(question.query.by)
    ledger = open_ledger(folder)
    if who == OURS:
        ledger.answer(question.query, NOW, parts=with_chart)
        return
    asked, files = wanted(question, days_complete=question.query.period.days), files_of(ledger.root, _span(question.query))
    if who == HAND:
        by_hand.ask(by_hand.connect(), files, asked, parts=with_chart)
    else:
        by_pandas.ask(files, asked, question.team)


def _contestants(ledger: Ledger, con: "DuckDBPyConnection", question: Question) -> dict[str, Callable[[], object]]:
    """Everybody who answers; those with figures are checked against each other first."""
    query = question.query
    asked, by = wanted(question, _complete(query, ledger)), bool(query.by)
    files = files_of(ledger.root, _span(query))
    runs: dict[str, Callable[[], object]] = {
        OURS: partial(ledger.answer, query, NOW, parts=by),
        HAND: partial(by_hand.ask, con, files, asked, parts=by),
    }
    if by:
        runs[OURS_PLAIN] = partial(ledger.answer, query, NOW)
        runs[HAND_PLAIN] = partial(by_hand.ask, con, files, asked, parts=False)
    agree(ledger.answer(query, NOW, parts=by), by_hand.ask(con, files, asked, parts=by), by_pandas.ask(files, asked, question.team))
    return runs | {PANDAS: partial(by_pandas.ask, files, asked, question.team)}


def wanted(question: Question, days_complete: int) -> Wanted:
    """Say a question in columns, for the peers."""
    query = question.query
    assert query.compare is not None
    return Wanted(
        period=query.period,
        before=query.compare,
        complete=days_complete,
        by=COLUMNS[query.by[0]] if query.by else None,
        where=f"x_Team = '{question.team}'" if question.team else "true",
        top=query.top,
        count=COLUMNS[question.count] if question.count else None,
    )


def _complete(query: CostQuery, ledger: Ledger) -> int:
    """How many first days of both periods the ledger takes as complete."""
    assert query.compare is not None
    until = min(source.complete_until for source in ledger.sources(NOW))
    days = min((until - query.period.start).days, query.period.days, query.compare.days)
    return days if days > 0 else query.period.days


def agree(answer: Answer, facts: Facts, frame: Mapping[str, Any]) -> None:
    """Raise AssertionError unless everybody found the same figures: to the last digit, pandas to a millionth."""
    sums = answer.sums[0]
    assert (sums.total, sums.previous) == (facts.total, facts.previous)
    assert {point.start: point.cost for point in sums.series if point.cost} == facts.series
    assert tuple((row.key[0], row.cost, row.previous) for row in sums.rows) == facts.rows
    assert sorted((str(row.key[0]), row.change) for row in sums.movers) == sorted(facts.movers)
    if facts.parts:
        charted = [row.key[0] for row in sums.rows[: by_hand.CHARTED]]
        split = {(point.start, str(key)): cost for point in sums.series for key, cost in zip(charted, point.parts, strict=False)}
        assert {key: cost for key, cost in split.items() if cost} == facts.parts
    assert abs(frame["total"] - float(facts.total)) <= 1e-6 * float(facts.total)
    assert abs(frame["previous"] - float(facts.previous)) <= 1e-6 * float(facts.previous)


def _span(query: CostQuery) -> Period:
    assert query.compare is not None
    return Period(min(query.period.start, query.compare.start), max(query.period.end, query.compare.end))


def _line(question: Question, name: str, timings: Mapping[str, Timing]) -> tuple[str, ...]:
    timing = timings[name]
    ours = timings[OURS_PLAIN if name == HAND_PLAIN else OURS]
    ratios = ("", "") if name in (OURS, OURS_PLAIN) else (times(ours.over(timing)), times(ours.cpu_over(timing)))
    return (question.name, name, ms(timing.median), ms(timing.at(0.95)), ms(timing.best), ms(timing.cpu), *ratios)


def _goals(question: Question, timings: Mapping[str, Timing]) -> list[Goal]:
    ours = timings[OURS]
    return [
        Goal(f"{question.name}: ledger / SQL by hand", ours.over(timings[HAND]), MOST, "×"),
        Goal(f"{question.name}: p95", ours.at(0.95) * 1000, P95 * 1000, " ms"),
        Goal(f"{question.name}: pandas / ledger", timings[PANDAS].over(ours), PANDAS_LEAST, "×", at_least=True),
    ]
