"""What a chart of something else than an answer shows, before anyone draws it: a course over time, or a change taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

Values = Sequence[float | None]  # a step without a value has no data


@dataclass(frozen=True)
class Mark:
    """Steps from `first` to `last` (by their number, both included) that are told apart, and by what words."""

    first: int
    last: int
    label: str


@dataclass(frozen=True)
class Course:
    """What something cost step by step, what was or is to be expected, and how far off that may be; all in `currency`.

    `partial` are the steps whose figures may still grow. `inner` and `outer` are the bands around `expected`, as pairs of its lower
    and its upper ends. `level` is a line across, such as what a budget allows each day, and its words.
    """

    title: str
    subtitle: str
    footer: str
    currency: str
    steps: Sequence[date | datetime]
    actual: Values
    expected: Values = ()
    inner: tuple[Values, Values] | None = None
    outer: tuple[Values, Values] | None = None
    partial: frozenset[int] = frozenset()
    marks: tuple[Mark, ...] = ()
    level: tuple[float, str] | None = None
    names: tuple[str, str] = ("actual", "expected")
    alt_text: str = ""


@dataclass(frozen=True)
class Bridge:
    """How `before` became `after`: each part by its name and its amount, in `currency`; the parts add up to the change."""

    title: str
    subtitle: str
    footer: str
    currency: str
    before: tuple[str, float]
    after: tuple[str, float]
    parts: tuple[tuple[str, float], ...] = field(default=())
    alt_text: str = ""


Drawing = Course | Bridge
