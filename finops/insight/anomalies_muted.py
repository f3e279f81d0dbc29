"""What was called of no use is not told again in that scope while it is no larger; opinions are forgotten in the end."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_feedback import FORGOTTEN, STRICTER, Feedback

LARGER: Final = STRICTER  # what is as large, or a little larger


def muted_by(anomaly: Anomaly, said: Iterable[Feedback], today: date) -> Feedback | None:
    """Return the word that an alarm like this one is of no use: in its scope, of the same direction, and about as large."""
    return next((word for word in said if word.verdict == "not useful" and _like(word, anomaly) and _remembered(word, today)), None)


def _like(word: Feedback, anomaly: Anomaly) -> bool:
    same = set(word.scope) <= set(anomaly.key) and word.excess * anomaly.excess > 0
    return same and abs(anomaly.excess) <= LARGER * abs(word.excess)


def _remembered(word: Feedback, today: date) -> bool:
    return 0 <= (today - word.told_on).days <= FORGOTTEN
