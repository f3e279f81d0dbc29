"""What people said of earlier alarms, per scope: what is expected is not told again, and what was of no use must be stronger next time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

import numpy as np

from finops.errors import UserError
from finops.insight.anomalies_events import Anomaly
from finops.insight.panel import Floats, Key

Verdict = Literal["expected", "not useful"]
Pattern = Literal["once", "weekday", "day of month", "until"]
STRICTER: Final = 1.25  # each alarm of no use asks for so much more next time
STRICTEST: Final = 3.0
FORGOTTEN: Final = 90.0  # days after which half of an opinion is left
MORE: Final = 1.5  # what is expected covers an excess up to so many times the one it was said of


@dataclass(frozen=True)
class Feedback:
    """One person's word on one alarm: `began` and `excess` are the alarm's, `scope` is what the word covers and all within it."""

    scope: Key
    verdict: Verdict
    told_on: date
    began: date
    excess: float
    pattern: Pattern = "once"
    until: date | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.verdict == "expected" and not self.reason.strip():
            raise UserError("an expected anomaly needs a reason others can read; say what was planned")
        if (self.pattern == "until") != (self.until is not None):
            raise UserError("'until' needs the day it ends, and only 'until' does; use for example until 2026-12-31")


def strictness(keys: Sequence[Key], said: Iterable[Feedback], today: date) -> Floats:
    """Return by how much the thresholds of each series rise; opinions fade, and no number of them makes a series deaf."""
    strict = np.ones(len(keys))
    for word in said:
        if word.verdict == "not useful" and word.told_on <= today:
            weight = 0.5 ** ((today - word.told_on).days / FORGOTTEN)
            strict *= np.where([set(word.scope) <= set(key) for key in keys], STRICTER**weight, 1.0)
    return np.minimum(strict, STRICTEST)


def unexpected(anomalies: Iterable[Anomaly], said: Sequence[Feedback]) -> tuple[Anomaly, ...]:
    """Return the anomalies nobody has said to expect."""
    return tuple(anomaly for anomaly in anomalies if expected_by(anomaly, said) is None)


def expected_by(anomaly: Anomaly, said: Iterable[Feedback]) -> Feedback | None:
    """Return the word that covers an anomaly: same direction, not much larger, and on a day its pattern names."""
    return next((word for word in said if word.verdict == "expected" and _covers(word, anomaly)), None)


def _covers(word: Feedback, anomaly: Anomaly) -> bool:
    inside = set(word.scope) <= set(anomaly.key) and word.excess * anomaly.excess > 0
    return inside and abs(anomaly.excess) <= MORE * abs(word.excess) and _on_its_day(word, anomaly)


def _on_its_day(word: Feedback, anomaly: Anomaly) -> bool:
    began, said = _day(anomaly.start), _day(word.began)
    if word.until is not None:
        return said <= began < word.until
    if word.pattern == "weekday":
        return began >= said and began.weekday() == said.weekday()
    if word.pattern == "day of month":
        return began >= said and began.day == said.day
    return began == said


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
