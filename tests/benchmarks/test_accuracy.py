"""The accuracy benchmark: nobody is told the answer, sums are sums, and the scores are what their names say."""

from datetime import date
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from benchmarks import series
from benchmarks.accuracy_contenders import Answer, Remembered, run_rate, without_gaps
from benchmarks.accuracy_scores import best_single, hindsight, mean_error, only, scored, wape
from benchmarks.accuracy_tasks import Case, Question, cases, questions, with_teams
from benchmarks.made_series import KINDS, made
from finops.insight.panel import Floats, Panel
from finops.periods import Period

FIRST = date(2025, 1, 1)
RIVALS = {"run-rate": [1.3, 0.9], "Theta": [0.8, 1.4]}


def panel(values: Floats) -> Panel:
    keys = tuple((("line", str(number)),) for number in range(len(values)))
    return Panel(keys, FIRST, values, np.full(len(values), values.shape[1], dtype=np.intp))


def asked(values: Floats, months: int = 1) -> list[Question]:
    return list(questions(Case("case", panel(values), tuple("line" for _ in values)), months))


def rising(days: int) -> Floats:
    return np.arange(1.0, days + 1)[None]


def test_a_month_is_asked_at_its_first_and_at_five_days() -> None:
    """January and February; March is not over."""
    found = [(question.period, question.known) for question in asked(rising(31 + 28 + 3))]
    february = Period(date(2025, 2, 1), date(2025, 3, 1))
    assert [(Period(date(2025, 2, 1), date(2025, 3, 3)), 0), *((february, known) for known in (5, 10, 15, 20, 25))] == found


def test_what_is_shown_ends_before_what_is_asked() -> None:
    for question in asked(rising(62)):
        assert 31 + question.known == question.panel.values[0, -1]
        assert sum(range(32, 32 + question.period.days)) == question.actual[0]


def test_a_series_that_began_later_or_has_ended_is_not_scored() -> None:
    dead, unborn = np.ones((1, 62)), np.ones((1, 62))
    dead[:, 31:], unborn[:, :36] = 0, 0
    known_five = asked(np.vstack([dead, unborn, rising(62)]))[1]
    assert (None, None, "line") == known_five.kinds


def test_teams_are_sums_of_six_lines_each_in_one_of_them() -> None:
    case = with_teams("case", panel(np.diag(np.ones(13))))
    assert ("line",) * 13 + ("team",) * 2 == case.kinds
    assert [6.0, 6.0] == case.panel.values[13:].sum(axis=1).tolist()
    assert case.panel.values[13:].max() == 1.0


def test_fewer_than_six_lines_have_no_teams() -> None:
    assert ("line",) * 5 == with_teams("case", panel(np.ones((5, 40)))).kinds


def test_days_of_ones_own_are_read_from_a_csv_an_empty_cell_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("date,api,batch\n2025-03-01,1.5,\n2025-03-03,2,-4\n")
    read = series.own(file)
    assert (date(2025, 3, 1), ((("own", "api"),), (("own", "batch"),))) == (read.start, read.keys)
    np.testing.assert_equal([[1.5, np.nan, 2.0], [np.nan, np.nan, -4.0]], read.values)


@pytest.mark.parametrize("text", ["", "date\n2025-03-01\n", "day,api\n2025-03-01,1\n"])
def test_a_csv_without_dates_or_series_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match="has no column date"):
        series.own(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mine\.csv' cannot be read, No such file"):
        series.own(tmp_path / "mine.csv")


def test_days_without_any_cost_are_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("date,api\n2025-02-28,\n")
    with pytest.raises(ValueError, match="has no cost on any day"):
        series.own(file)


@pytest.mark.parametrize("line", ["2025-03-01,x", "1 March,2"])
def test_a_line_that_is_no_date_and_cost_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(f"date,api\n2025-02-28,1\n{line}\n")
    with pytest.raises(ValueError, match=r"mine\.csv' line 3 has "):
        series.own(file)


def test_the_run_rate_goes_on_as_the_month_did() -> None:
    """Five days of February hold 32 to 36, 34 on average, and there are 23 more."""
    assert 5 * 34 + 23 * 34 == run_rate(asked(rising(62))[1]).total[0]


def test_errors_pool_in_usual_days() -> None:
    question = asked(np.vstack([rising(62), 1000 * rising(62)]))[1]
    said = question.actual * [1.1, 0.8]
    [*scores] = scored(question, {"run-rate": Answer(said, np.full((2, 4), np.nan), np.full(2, np.nan))})
    assert pytest.approx(0.15) == wape(scores)
    assert pytest.approx(0.15) == mean_error(scores)
    assert "run-rate" == best_single(scores)[0]
    assert only(scores, who="Theta") == []


def test_in_hindsight_the_nearest_answer_counts_total_by_total() -> None:
    question = asked(np.vstack([rising(62), rising(62)]))[1]
    said = {who: Answer(question.actual * parts, np.full((2, 4), np.nan), np.full(2, np.nan)) for who, parts in RIVALS.items()}
    assert ["Theta", "run-rate"] == [score.who for score in hindsight(list(scored(question, said)))]


def test_an_interval_holds_what_lies_in_it() -> None:
    question = asked(rising(62))[1]
    actual = question.actual[0]
    bounds = np.array([[actual + 1, actual + 2, actual - 1, actual + 3]])
    [score] = scored(question, {"ours": Answer(question.actual, bounds, np.array([4.0]))})
    assert (0.0, 1.0, 0.0) == (score.inside80, score.inside95, score.error)


def test_peers_get_the_week_before_for_an_unknown_day() -> None:
    assert [1, 2, 3, 4, 5, 6, 7, 1, 9] == without_gaps(np.array([np.nan, 1, 2, 3, 4, 5, 6, 7, np.nan, 9])).tolist()


def test_a_slow_answer_is_asked_for_once() -> None:
    calls: list[int] = []

    def slow(days: Floats, horizon: int) -> list[float]:
        calls.append(horizon)
        return [float(days.sum()) * horizon]

    remembered = Remembered()
    told = [remembered.ask("Theta", slow, np.ones(3), horizon) for horizon in (2, 2, 3)]
    assert ([[6.0], [6.0], [9.0]], [2, 3]) == (told, calls)


def test_generated_series_are_the_same_for_a_seed_and_of_every_kind() -> None:
    once = made(each=2, days=400)
    np.testing.assert_array_equal(once.values, made(each=2, days=400).values)
    assert list(KINDS) == [kind for kind, _ in groupby(key[0][1].partition(" ")[0] for key in once.keys)]
    assert (once.values >= 0).all()


def test_the_hours_of_a_day_add_up() -> None:
    hours = Panel(((),), FIRST, np.ones((1, 50)), np.array([50]), step="hour")
    days = series.by_days(hours)
    assert ([[24.0, 24.0]], [2], "day") == (days.values.tolist(), days.complete.tolist(), days.step)


def data_is_here() -> bool:
    try:
        return series.folder().is_dir()
    except FileNotFoundError:
        return False


# they are no part of the project, being other people's: whoever has a copy tests how it is read
needs_data = pytest.mark.skipif(not data_is_here(), reason=f"needs the public data: set {series.VARIABLE}")


@needs_data
def test_the_real_bill_is_the_bill() -> None:
    bill = series.daily()["binder-project"]
    assert (date(2017, 12, 14), 383) == (bill.start, bill.steps)
    assert pytest.approx([122.063546, 12.974598]) == bill.values[:, 0].tolist()


@needs_data
def test_marked_stretches_lie_where_people_put_them() -> None:
    found = {item.name: item for item in series.labelled()}
    assert 23 == len(found)
    assert {f"purchase-0{n}": count for n, count in enumerate((0, 37, 11, 27, 82, 14), 1)} == {
        name: int(item.marked.sum()) for name, item in found.items() if item.source == "ms-cloud-monitoring"
    }
    gauge = found["ec2_cpu_utilization_24ae8d"]
    assert "2014-02-26T13:00:00+00:00" == gauge.panel.hour(gauge.windows[0][0]).isoformat()


@needs_data
def test_every_real_case_has_totals_to_ask_for() -> None:
    counts = {
        case.name: sum(kind is not None for question in questions(case, 2) for kind in question.kinds) for case in cases(series.daily())
    }
    assert min(counts.values()) >= 6
