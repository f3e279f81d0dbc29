"""Reads a whole question, word by word, and says what is wrong with the first word it does not understand."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final, TypeVar

from finops.charges import Metric
from finops.language.calendar_words import Now
from finops.language.compare_words import Compared, read_compared
from finops.language.filter_words import Condition, read_filter
from finops.language.money_words import read_currency, read_metric
from finops.language.period_words import Spoken, last_seven_days, not_begun, read_period
from finops.language.split_words import read_layout
from finops.language.tokens import Cursor
from finops.language.unknown_words import unknown
from finops.language.words import (
    CURRENCY_NAMES,
    NOISE,
    NOISE_PHRASES,
    PERIOD_KEYS,
    VERSUS,
)
from finops.periods import Grain, Period

T = TypeVar("T")
MOST_DIMENSIONS: Final = 3
_SOME_DAY: Final = Spoken(Period(date(2000, 1, 1), date(2000, 1, 2)))


@dataclass
class Question:
    """What has been understood so far; each setting once, with the words that said so."""

    conditions: list[Condition] = field(default_factory=list)
    by: list[str] = field(default_factory=list)
    period: Spoken | None = None
    compared: Compared | None = None
    grain: Grain | None = None
    metric: Metric | None = None
    top: int | None = None
    currency: str | None = None
    count: str | None = None


def read_question(text: str, today: date, values: Mapping[str, Collection[str]]) -> Question:
    """Read all of `text`. Raises Misread about the first thing that cannot be meant."""
    reader = _Reader(Cursor(text), today, values)
    reader.read()
    return reader.question


class _Reader:
    """Tries each way a part of a question can begin, in the order of `steps`."""

    def __init__(self, cursor: Cursor, today: date, values: Mapping[str, Collection[str]]) -> None:
        self.cursor, self.today, self.values = cursor, today, values
        self.question = Question()
        self.said: dict[str, tuple[object, str]] = {}
        self.versus_at: int | None = None
        self.filter_end: int | None = None

    def read(self) -> None:
        steps: tuple[Callable[[], object], ...] = (
            lambda: self.cursor.take_sign(","),
            lambda: self.cursor.says(NOISE_PHRASES),
            self._versus,
            self._layout,
            self._metric,
            self._currency,
            self._period,
            self._filter,
            self._noise,
        )
        while self.cursor.peek():
            if not any(self.cursor.attempt(partial(_taken, step)) for step in steps):
                raise unknown(self.cursor, self.values, self._last_filter())
        self._settle()

    def _once(self, name: str, value: T, first: int, *instead: str) -> T:
        words = self.cursor.since(first)
        known, before = self.said.setdefault(name, (value, words))
        if known != value:
            raise self.cursor.wrong(f"'{before}' and '{words}' each set the {name}; keep one of them.", "", *instead, first=first)
        return value

    def _filter(self) -> bool:
        found = read_filter(self.cursor)
        self.question.conditions += [found] if found else []
        self.filter_end = self.cursor.at if found else self.filter_end
        return found is not None

    def _last_filter(self) -> Condition | None:
        """Return the filter that ends right here: the word that follows may belong to its value."""
        return self.question.conditions[-1] if self.filter_end == self.cursor.at else None

    def _period(self) -> bool:
        first = self.cursor.at
        keyed = self.cursor.take_word(PERIOD_KEYS) and self.cursor.take_sign("=")
        spoken = read_period(self.cursor, Now(self.today))
        if spoken is None:
            if keyed:
                raise self.cursor.wrong(f"'{self.cursor.since(first)}' needs a period, as in last 7d.", "last 7d", first=first)
            return False
        if spoken.period.start > self.today:
            raise not_begun(self.cursor, first)
        self._once("period", spoken.period, first, f"vs {self.cursor.since(first)}")
        self.question.period = spoken
        return True

    def _versus(self) -> bool:
        """Take the words after `vs` now, and work out what they mean when the period asked for is known."""
        first = self.cursor.at
        if not self.cursor.says(VERSUS):
            return False
        self.cursor.take_sign("=")
        at = self.cursor.at
        self._compared(_SOME_DAY, at)
        self._once("comparison", [token.word or token.text for token in self.cursor.tokens[at : self.cursor.at]], first)
        self.versus_at = at
        return True

    def _compared(self, asked: Spoken, first: int) -> Compared:
        try:
            return read_compared(self.cursor, self.today, asked)
        except (OverflowError, ValueError):  # what `date` raises beyond the years 1 to 9999
            raise self.cursor.wrong("The period to compare with reaches beyond the calendar.", "none", first=first) from None

    def _settle(self) -> None:
        if self.versus_at is None:
            return
        asked = self.question.period or last_seven_days(self.today)
        self.cursor.at = self.versus_at
        compared = self._compared(asked, self.versus_at)
        if compared.period == asked.period:
            raise self.cursor.wrong(
                f"'{self.cursor.since(self.versus_at)}' is the period itself; compare it with another.", "previous", first=self.versus_at
            )
        if compared.period and compared.period.start > self.today:
            raise not_begun(self.cursor, self.versus_at, "previous")
        self.question.compared = compared

    def _layout(self) -> bool:
        first = self.cursor.at
        layout = read_layout(self.cursor)
        if layout is None:
            return False
        self.question.by += [name for name in dict.fromkeys(layout.by) if name not in self.question.by]
        if len(self.question.by) > MOST_DIMENSIONS:
            fewer = f"by {','.join(self.question.by[:MOST_DIMENSIONS])}"
            raise self.cursor.wrong(f"A question is split by at most {MOST_DIMENSIONS} dimensions; leave one out.", fewer, first=first)
        for grain in layout.grains:
            self.question.grain = self._once("step", grain, first)
        if layout.top:
            self.question.top = self._once("number of rows", layout.top, first)
        if layout.count:
            self.question.count = self._once("count", layout.count, first)
        return True

    def _metric(self) -> bool:
        first = self.cursor.at
        if metric := read_metric(self.cursor):
            self.question.metric = self._once("kind of cost", metric, first)
        return metric is not None

    def _currency(self) -> bool:
        first = self.cursor.at
        if currency := read_currency(self.cursor):
            self.question.currency = self._once("currency", currency, first)
        return currency is not None

    def _noise(self) -> bool:
        token = self.cursor.peek()
        if token is None or token.kind != "word":
            return False
        meaningless = token.word in NOISE or (token.word != ".." and token.word not in CURRENCY_NAMES and not re.search(r"\w", token.word))
        return meaningless and bool(self.cursor.take())


def _taken(step: Callable[[], object]) -> bool | None:
    """Turn "not understood" into None, which makes a cursor step back."""
    return True if step() else None
