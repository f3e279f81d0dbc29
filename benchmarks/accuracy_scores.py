"""Scores of answers: pooled and mean errors by how much of the month is known, and how honest and how wide the intervals are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.accuracy_contenders import BEST_OF, OURS, Answer
from benchmarks.accuracy_tasks import Kind, Question

SMALL: Final = 0.1  # of a usual period: a smaller total has no meaningful percentage


@dataclass(frozen=True)
class Score:
    """One answer of one contender: everything in usual days of its series, so that currencies and sizes pool."""

    who: str
    case: str
    kind: Kind
    known: int
    days: int
    actual: float
    error: float
    inside80: float
    inside95: float
    width: float
    summed: float

    @property
    def share(self) -> float:
        return abs(self.error) / self.actual


def scored(question: Question, found: dict[str, Answer]) -> Iterable[Score]:
    for who, answer in found.items():
        for row, kind in enumerate(question.kinds):
            if kind:
                yield _score(question, who, answer, row, kind)


def _score(question: Question, who: str, answer: Answer, row: int, kind: Kind) -> Score:
    scale, actual = question.scale[row], question.actual[row]
    low80, high80, low95, high95 = answer.bounds[row]
    bands = bool(np.isfinite(low80))
    return Score(
        who, question.case, kind, question.known, question.period.days, actual / scale, (answer.total[row] - actual) / scale,
        float(low80 <= actual <= high80) if bands else np.nan, float(low95 <= actual <= high95) if bands else np.nan,
        (high80 - low80) / scale, answer.summed[row] / scale,
    )  # fmt: skip


def wape(scores: Sequence[Score]) -> float:
    """Return the error pooled over all answers, as a share of all they should have been."""
    return sum(abs(score.error) for score in scores) / sum(abs(score.actual) for score in scores)


def hindsight(scores: Sequence[Score]) -> list[Score]:
    """Return of every total the answer nearest to what came, whoever gave it: no choice among them could do better."""
    each = [only(scores, who=who) for who in dict.fromkeys(score.who for score in scores)]
    return [min(answers, key=lambda score: abs(score.error)) for answers in zip(*each, strict=True)]


def mean_error(scores: Sequence[Score]) -> float:
    """Return the mean of the errors as shares, totals of almost nothing left out."""
    return float(np.mean([score.share for score in scores if score.actual > SMALL * score.days]))


def holds(scores: Sequence[Score], level: int) -> float:
    return float(np.nanmean([score.inside80 if level == 80 else score.inside95 for score in scores]))


def width(scores: Sequence[Score]) -> float:
    """Return the median width of the 80 % interval, as a share of the total."""
    return float(np.nanmedian([score.width / score.actual for score in scores if score.actual > SMALL * score.days]))


def summed_width(scores: Sequence[Score]) -> float:
    """Return the same of daily 80 % bands added up."""
    return float(np.nanmedian([score.summed / score.actual for score in scores if score.actual > SMALL * score.days]))


def only(scores: Iterable[Score], **wanted: object) -> list[Score]:
    return [score for score in scores if all(getattr(score, name) == value for name, value in wanted.items())]


def best_single(scores: Sequence[Score], measure: Callable[[Sequence[Score]], float] = wape) -> tuple[str, float]:
    """Return the baseline that does best over all the given scores, chosen afterwards: harder than one could choose beforehand."""
    return min(((who, measure(of)) for who in BEST_OF if (of := only(scores, who=who))), key=lambda pair: pair[1])


def ours(scores: Sequence[Score]) -> list[Score]:
    return only(scores, who=OURS)
