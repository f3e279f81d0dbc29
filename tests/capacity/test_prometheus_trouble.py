"""What happens when Prometheus is away, busy, or something else answers in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finops.errors import SourceError
from finops.ledger.capacity import samples, watermark
from finops.ledger.ledger import Ledger
from finops.secret import Secret
from finops.sources import prometheus
from finops.sources.prometheus import Query, Server, Window, problems, pull, windows
from jobs.ingest_capacity import ingest_prometheus
from tests.capacity.prometheus_double import Answer, Double, double, matrix

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TEN = Window(START, START + 10 * MINUTE)
EMPTY = matrix()


def points(form: dict[str, str]) -> list[tuple[float, str]]:
    first, last, step = (int(float(form[name])) for name in ("start", "end", "step"))
    return [(moment, str(moment % 7)) for moment in range(first, last + 1, step)]


def healthy(path: str, form: dict[str, str]) -> tuple[int, bytes]:
    if path.endswith("/query"):
        return 200, b'{"status":"success","data":{"resultType":"scalar","result":[%d,"0"]}}' % (START + 20 * MINUTE).timestamp()
    return 200, matrix(({"__name__": "up", "node": "n"}, points(form)))


@contextmanager
def server(answer: Answer, *, token: str | None = None) -> Iterator[tuple[Server, Double, list[float]]]:
    waits: list[float] = []
    with double(answer) as peer:
        yield Server(peer.url, waits.append, Secret(token) if token else None, queries=(Query("up", "up"),), name="prom"), peer, waits


def test_a_busy_server_is_asked_again_with_longer_waits(tmp_path: Path) -> None:
    refusals = [503, 429, 502]
    with server(lambda path, form: (refusals.pop(), b"busy") if refusals else healthy(path, form)) as (one, _, waits):
        found = pull(one, TEN, tmp_path)
    assert ([1.0, 2.0, 4.0], 10) == (waits, found.samples)


def test_a_server_that_stays_away_is_told_and_what_was_pulled_stays(ledger: Ledger) -> None:
    gone = (START + timedelta(hours=6)).timestamp()

    def answer(path: str, form: dict[str, str]) -> tuple[int, bytes]:
        if path.endswith("/query"):
            return 200, b'{"status":"success","data":{"resultType":"scalar","result":[%d,"0"]}}' % (START + timedelta(days=1)).timestamp()
        return (503, b"") if float(form["start"]) >= gone else healthy(path, form)

    with server(answer) as (one, _, _), pytest.raises(SourceError, match="answers 503; it is tried again later"):
        ingest_prometheus(ledger, one, now=START + timedelta(days=1), actor="test", since=START)
    assert "2026-03-01T06:00:00+00:00" == watermark(ledger, "capacity.prometheus.prom")
    (kept,) = samples(ledger, ["up"], START, START + timedelta(hours=12), timedelta(hours=6))
    assert [True, False] == [value is not None for value in kept.optional()]


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b'{"status":"succ', b"[]", matrix(({"__name__": "up"}, [(1.0, "many")])), b""])
def test_what_is_no_answer_of_prometheus_is_refused_whatever_its_status(body: bytes, tmp_path: Path) -> None:
    with server(lambda *_: (200, body)) as (one, _, _), pytest.raises(SourceError, match="check"):
        pull(one, TEN, tmp_path)


def test_a_refused_token_says_which_setting_to_mend() -> None:
    with server(lambda *_: (401, b"no")) as (one, _, waits):
        assert ["FINOPS_PROMETHEUS_TOKEN" in sentence for sentence in problems(one)] == [True]
        assert waits == []


def test_the_token_is_sent_and_never_told() -> None:
    with server(healthy, token="s3cret-of-ours") as (one, peer, _):
        assert [] == problems(one)
        assert "Bearer s3cret-of-ours" == peer.asked[0][2]
        assert "s3cret" not in repr(one)


def test_a_server_that_cannot_be_reached_is_told() -> None:
    closed = Server("http://127.0.0.1:9", lambda _: None)
    assert ["cannot be reached" in sentence for sentence in problems(closed)] == [True]


def test_an_answer_too_large_to_hold_is_asked_for_in_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "MOST_BYTES", 250)
    one_series = matrix(({}, [(START.timestamp(), "1")]))
    with server(lambda path, form: (200, one_series) if form["query"].startswith("count(") else healthy(path, form)) as (one, peer, _):
        found = pull(one, TEN, tmp_path)
    asked = [form for _, form, _ in peer.asked if not form["query"].startswith("count(")]
    assert 10 == found.samples
    assert len(asked) > 2


def test_many_series_are_asked_for_in_shorter_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "SAMPLES", 12)

    def answer(path: str, form: dict[str, str]) -> tuple[int, bytes]:
        if form["query"].startswith("count("):
            return 200, matrix(({}, [(START.timestamp(), "4")]))
        return 200, matrix(*(({"__name__": "up", "node": f"n{n}"}, points(form)) for n in range(4)))

    with server(answer) as (one, peer, _):
        found = pull(one, TEN, tmp_path)
    assert [3, 3, 3, 1] == [len(points(form)) for _, form, _ in peer.asked[1:]]
    assert (4, 40, 0) == (found.series, found.samples, found.gaps)


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    body = matrix(({"__name__": "up", "node": "n"}, [(60.0, "1"), (120.0, "NaN"), (180.0, "+Inf"), (240.0, "2e3")]))
    with server(lambda *_: (200, body)) as (one, _, _):
        found = pull(one, Window(datetime.fromtimestamp(60, UTC), datetime.fromtimestamp(300, UTC)), tmp_path)
    assert (2, 2) == (found.samples, found.gaps)


def test_windows_begin_and_end_on_steps_and_never_cross_a_day() -> None:
    found = list(windows(START - timedelta(hours=1, seconds=10), START + timedelta(hours=7, seconds=30), MINUTE))
    assert ["22:59 00:00", "00:00 06:00", "06:00 07:00"] == [f"{one.start:%H:%M} {one.end:%H:%M}" for one in found]


def test_the_small_files_of_a_day_become_one_and_readers_see_no_difference(ledger: Ledger) -> None:
    def at(moment: datetime) -> tuple[int, bytes]:
        return 200, b'{"status":"success","data":{"resultType":"scalar","result":[%d,"0"]}}' % moment.timestamp()

    now = START
    with server(lambda path, form: at(now) if path.endswith("/query") else healthy(path, form)) as (one, _, _):
        for number in range(1, 11):
            now = START + 5 * number * MINUTE
            ingest_prometheus(ledger, one, now=now, actor="test", since=START if number == 1 else None)
        span = (START, START + timedelta(days=2), MINUTE)
        before, files = samples(ledger, ["up"], *span), parquet_files(ledger)
        now = START + timedelta(days=1, minutes=5)
        ingest_prometheus(ledger, one, now=now, actor="test", since=START + timedelta(days=1))
    (joined,) = samples(ledger, ["up"], START, START + timedelta(days=1), MINUTE)
    assert 10 == files
    assert 2 == live_loads(ledger)
    assert before[0].optional()[:1440] == joined.optional()


def parquet_files(ledger: Ledger) -> int:
    return len(list(ledger.root.glob("source=*/period=*/*.parquet")))


def live_loads(ledger: Ledger) -> int:
    from finops.ledger.catalog import live_files

    with ledger.engine.connect() as connection:
        return len(live_files(connection, kinds=("capacity",)))
