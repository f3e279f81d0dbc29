"""Rules with PromQL, asked of a real Prometheus whose history was written beforehand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import SourceError
from finops.sources.prometheus import Server
from finops.sources.prometheus_now import values_at
from tests.integration.prometheus_server import prometheus
from tests.jobs.watched_case import watching

pytestmark = pytest.mark.prometheus

END = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def history() -> str:
    """An hour by the minute: a queue that grows, one that is not a number, one with a gap, a counter that restarts."""
    at = [(n, int((END - 60 * MINUTE + n * MINUTE).timestamp())) for n in range(61)]
    queue = [f'queue{{model="grows"}} {n} {t}' for n, t in at]
    strange = [f'strange{{of="{what}"}} {what} {t}' for what in ("NaN", "+Inf") for _, t in at]
    gap = [f'gap{{model="m"}} 70 {t}' for n, t in at if n < 50]
    counter = [f'requests_total{{model="m"}} {(n % 40) * 60} {t}' for n, t in at]
    groups = (("queue", "gauge", queue), ("strange", "gauge", strange), ("gap", "gauge", gap), ("requests", "counter", counter))
    return "".join(f"# TYPE {name} {kind}\n" + "\n".join(lines) + "\n" for name, kind, lines in groups)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), history()) as address:
        yield address


def checked(folder: Path, url: str, query: str, limit: str = "above: 50", now: datetime = END) -> tuple[list[str], str]:
    """Return the titles of what fired, and what the job said."""
    rules = f"rules: [{{name: queue, when: {{promql: {{query: '{query}', {limit}, url: '{url}'}}}}}}]"
    with watching(folder, "", rules) as watch:
        said = watch.check(now)
        return [alert.finding.title for alert in watch.alerts()], said


def test_a_query_beyond_its_limit_fires_with_its_value(tmp_path: Path, url: str) -> None:
    (title,) = checked(tmp_path, url, "queue")[0]
    assert title.startswith("The query is 60")


def test_a_query_within_its_limit_is_quiet(tmp_path: Path, url: str) -> None:
    assert ([], "nothing new") == checked(tmp_path, url, "queue", "above: 60")


def test_a_query_without_data_says_neither_yes_nor_no(tmp_path: Path, url: str) -> None:
    fired, said = checked(tmp_path, url, "absent_metric")
    assert [] == fired
    assert "the query has no data" in said


@pytest.mark.parametrize("what", ["NaN", "+Inf"])
def test_what_is_no_finite_number_is_no_data(tmp_path: Path, url: str, what: str) -> None:
    fired, said = checked(tmp_path, url, f'strange{{of="{what}"}}', "below: 1000000")
    assert [] == fired
    assert "the query has no data" in said


def test_a_division_by_nothing_is_no_data(tmp_path: Path, url: str) -> None:
    fired, said = checked(tmp_path, url, "0 * queue / 0", "below: 1")
    assert [] == fired
    assert "the query has no data" in said


def test_d2_a_gap_is_not_a_low_value(tmp_path: Path, url: str) -> None:
    """The last sample is eleven minutes old: further back than Prometheus looks."""
    fired, said = checked(tmp_path, url, "gap", "below: 100")
    assert [] == fired
    assert "the query has no data" in said


def test_d2_a_clock_that_is_ahead_finds_nothing_and_fires_nothing(tmp_path: Path, url: str) -> None:
    fired, said = checked(tmp_path, url, "queue", now=END + timedelta(minutes=10))
    assert [] == fired
    assert "the query has no data" in said


def test_d2_a_counter_that_restarted_is_no_fall(tmp_path: Path, url: str) -> None:
    """One a second, of which only the minute of the restart is lost."""
    (rate,) = values_at(Server(url, sleep=lambda _: None, name="p"), "rate(requests_total[10m])", END - 15 * MINUTE)
    assert Decimal("0.9") == rate


def test_a_server_that_is_not_there_says_neither_yes_nor_no(tmp_path: Path) -> None:
    fired, said = checked(tmp_path, "http://127.0.0.1:9", "queue")
    assert [] == fired
    assert "the Prometheus server cannot be asked" in said


def test_a_query_with_a_whole_range_for_an_answer_is_refused_by_name(url: str) -> None:
    with pytest.raises(SourceError, match=r"has a matrix for an answer; a rule needs one value for each series"):
        values_at(Server(url, sleep=lambda _: None, name="p"), "queue[5m]", END)


def test_a_query_that_is_none_is_refused_with_the_servers_words(url: str) -> None:
    with pytest.raises(SourceError, match="parse error"):
        values_at(Server(url, sleep=lambda _: None, name="p"), "sum(", END)
