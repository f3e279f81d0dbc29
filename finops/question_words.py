"""Reads a whole question, word by word, and says what is wrong with the first word it does not understand."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final, TypeVar

from finops.calendar_words import Now
from finops.charges import Metric
from finops.compare_words import Compared, read_compared
from finops.errors import close_to
from finops.filter_words import Condition, dimension_named, dimensions_near, read_dimension, read_filter
from finops.period_words import Spoken, last_seven_days, not_begun, read_period
from finops.periods import Grain, Period
from finops.tokens import Cursor, Misread, shown
from finops.unknown_words import VOCABULARY, unknown
from finops.words import (
    AND,
    BY,
    CURRENCIES,
    CURRENCY_NAMES,
    GRAIN_KEYS,
    GRAIN_NOUNS,
    GRAIN_WORDS,
    HOUR_WORDS,
    IN,
    METRIC_KEYS,
    METRIC_PHRASES,
    METRIC_WORDS,
    NOISE,
    NOISE_PHRASES,
    PERIOD_KEYS,
    TOP,
    VERSUS,
)

T = TypeVar("T")
MOST_DIMENSIONS: Final = 3
MOST_ROWS: Final = 100
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

    def read(self) -> None:
        steps: tuple[Callable[[], object], ...] = (
            lambda: self.cursor.take_sign(","),
            lambda: self.cursor.says(NOISE_PHRASES),
            self._versus,
            self._split,
            self._top,
            self._metric,
            self._grain,
            self._currency,
            self._period,
            self._filter,
            self._noise,
        )
        while self.cursor.peek():
            if not any(self.cursor.attempt(partial(_taken, step)) for step in steps):
                raise unknown(self.cursor, self.values)
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
        return found is not None

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

    def _split(self) -> bool:
        first = self.cursor.at
        if not self.cursor.take_word(BY):
            return False
        self.cursor.take_sign("=")
        if not self._item(first):
            raise self._no_item(first)
        while self._another(first):
            pass
        return True

    def _another(self, first: int) -> bool:
        """Take `, env`, `and env` or `, and by env`, unless what follows begins something else."""
        before = self.cursor.at
        comma = self.cursor.take_sign(",")
        joined = self.cursor.take_word(AND) or comma
        glued = (token := self.cursor.peek()) is not None and token.glued and comma
        if joined and (self.cursor.take_word(BY) or True) and self._item(first):
            return True
        if glued:
            raise self._no_item(self.cursor.at)
        self.cursor.at = before
        return False

    def _item(self, first: int) -> bool:
        while self.cursor.word() in NOISE - AND and dimension_named(self.cursor.word()) is None and self.cursor.word():
            self.cursor.take()  # `by the model`
        if (grain := GRAIN_NOUNS.get(self.cursor.word()) or GRAIN_WORDS.get(self.cursor.word())) and not self.cursor.is_sign(
            "=", "!=", ahead=1
        ):
            self.cursor.take()
            self.question.grain = self._once("step", grain, first)
            return True
        name = read_dimension(self.cursor)
        if name and name not in self.question.by:
            self.question.by.append(name)
        if len(self.question.by) > MOST_DIMENSIONS:
            fewer = f"by {','.join(self.question.by[:MOST_DIMENSIONS])}"
            raise self.cursor.wrong(f"A question is split by at most {MOST_DIMENSIONS} dimensions; leave one out.", fewer, first=first)
        return name is not None

    def _no_item(self, first: int) -> Misread:
        token = self.cursor.peek()
        if token is None or token.kind == "sign":
            return self.cursor.wrong(
                f"'{self.cursor.since(first)}' needs a dimension or day, week, month.",
                "by model",
                "by team",
                first=first,
                suggestion="last 7d by model",
            )
        word = self.cursor.take().word
        if word in HOUR_WORDS:
            return self.cursor.wrong("Bills are daily, so a day is the finest step.", "day", suggestion="yesterday by model")
        near = dimensions_near(word) + close_to(word, GRAIN_NOUNS, most=1)
        hint = f"Did you mean '{near[0]}'?" if near else "Try model, team, service or day."
        return self.cursor.wrong(f"'{shown(token.text)}' is nothing to split by. {hint}", *near, suggestion="last 7d by model")

    def _top(self) -> bool:
        """Read `top 5`, `top=5`, `top5`, and `top 5 models`, which also splits."""
        first = self.cursor.at
        fused = re.fullmatch(r"top([0-9]+)", self.cursor.word())
        if not fused and self.cursor.word() not in TOP:
            return False
        self.cursor.take()
        self.cursor.take_sign("=")
        number = fused[1] if fused else self._digits()
        if number is not None and not 1 <= int(number) <= MOST_ROWS:
            raise self.cursor.wrong(f"'{self.cursor.since(first)}' is out of range; top takes 1 to {MOST_ROWS}.", "top 10", first=first)
        if number is not None:
            self.question.top = self._once("number of rows", int(number), first)
        if not self.cursor.attempt(partial(_taken, partial(self._dimension_item, first))) and number is None:
            raise self.cursor.wrong("'top' needs a number from 1 to 100.", "top 10", first=first, suggestion="last 7d by model top 5")
        return True

    def _dimension_item(self, first: int) -> bool:
        known = len(self.said)
        return self.cursor.word() not in GRAIN_NOUNS and self._item(first) and len(self.said) == known

    def _digits(self) -> str | None:
        return self.cursor.take().word if re.fullmatch(r"[0-9]{1,9}", self.cursor.word()) else None

    def _metric(self) -> bool:
        first = self.cursor.at
        metric = self.cursor.phrase(METRIC_PHRASES)
        if metric is None and self.cursor.take_word(METRIC_KEYS):
            strict = self.cursor.take_sign("=")
            metric = self.cursor.phrase(METRIC_WORDS)
            if metric is None and strict:
                raise self._no_metric()
        if metric is None or self.cursor.is_sign("=", "!="):
            return False
        self.question.metric = self._once("kind of cost", metric, first)
        return True

    def _no_metric(self) -> Misread:
        word = shown(self.cursor.take().word) if self.cursor.peek() else ""
        near = dict.fromkeys(METRIC_WORDS[hit] for hit in close_to(word, METRIC_WORDS)) or ("effective", "billed", "list")
        return self.cursor.wrong(
            f"'{word}' is not a kind of cost: effective, billed, list or contracted.", *near, suggestion="last 7d cost=billed"
        )

    def _grain(self) -> bool:
        first = self.cursor.at
        keyed = self.cursor.take_word(GRAIN_KEYS)
        strict = keyed and self.cursor.take_sign("=")
        grain = self.cursor.phrase(GRAIN_WORDS) or (self.cursor.phrase(GRAIN_NOUNS) if keyed else None)
        if grain is None and strict:
            raise self.cursor.wrong(
                f"'{self.cursor.since(first)}' needs day, week or month.", "daily", first=first, suggestion="last 7d daily"
            )
        if grain:
            self.question.grain = self._once("step", grain, first)
        return grain is not None

    def _currency(self) -> bool:
        """Read `in EUR`; a lower-case code only where it is no everyday word (`in all`)."""
        first = self.cursor.at
        if not self.cursor.take_word(IN):
            return False
        strict = self.cursor.take_sign("=")
        token = self.cursor.peek()
        if token is None or token.kind == "sign":
            return False
        code = token.text.strip("?!.;:").upper()
        if code in CURRENCIES and (strict or token.text.isupper() or token.word not in NOISE | VOCABULARY):
            self.cursor.take()
            self.question.currency = self._once("currency", code, first)
            return True
        if strict or token.word in CURRENCY_NAMES or re.fullmatch("[A-Z]{3}", token.text):
            raise self._no_currency(first)
        return False

    def _no_currency(self, first: int) -> Misread:
        token = self.cursor.take()
        name = CURRENCY_NAMES.get(token.word)
        near = (name,) if name else close_to(token.text, CURRENCIES)
        hint = f"Did you mean {near[0]}?" if near else "Three letters such as EUR are needed."
        fixes = [f"in {code}" for code in near]
        return self.cursor.wrong(f"'{shown(token.text)}' is not a currency code. {hint}", *fixes, first=first, suggestion="last 7d in EUR")

    def _noise(self) -> bool:
        token = self.cursor.peek()
        if token is None or token.kind != "word":
            return False
        meaningless = token.word in NOISE or (token.word != ".." and token.word not in CURRENCY_NAMES and not re.search(r"\w", token.word))
        return meaningless and bool(self.cursor.take())


def _taken(step: Callable[[], object]) -> bool | None:
    """Turn "not understood" into None, which makes a cursor step back."""
    return True if step() else None
