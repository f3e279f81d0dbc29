"""The life of an alert as one table: from which state, by which event, to which state."""

from collections.abc import Mapping
from typing import Final, Literal

AlertState = Literal["open", "acknowledged", "snoozed", "corrected", "resolved"]
AlertEvent = Literal["acknowledge", "snooze", "wake", "correct", "resolve"]
LIVE: Final[frozenset[AlertState]] = frozenset({"open", "acknowledged", "snoozed"})

NEXT: Final[Mapping[tuple[AlertState, AlertEvent], AlertState]] = {
    ("open", "acknowledge"): "acknowledged",
    ("snoozed", "acknowledge"): "acknowledged",
    ("open", "snooze"): "snoozed",
    ("acknowledged", "snooze"): "snoozed",
    ("snoozed", "wake"): "open",
    ("open", "correct"): "corrected",
    ("acknowledged", "correct"): "corrected",
    ("snoozed", "correct"): "corrected",
    ("open", "resolve"): "resolved",
    ("acknowledged", "resolve"): "resolved",
    ("snoozed", "resolve"): "resolved",
}
