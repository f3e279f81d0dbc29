"""OTLP metrics of token usage: sums become requests, each once, whatever is repeated, reset or restarted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from finops.sources.otlp import Told
from finops.sources.otlp_metrics import SeriesMemory, SpanServices, read_metrics
from tests.sources.test_otlp import pairs

START = 1_790_510_400_000_000_000
SECOND = 1_000_000_000
DELTA, CUMULATIVE = 1, 2
Row = tuple[str, int, float]  # type of token, count, sum


def body(rows: Sequence[Row], at: int, temporality: int = CUMULATIVE, *, start: int = START, service: str = "s", **more: str) -> bytes:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(pairs({"service.name": service} | more))
    metric = group.scope_metrics.add().metrics.add()
    metric.name = "gen_ai.client.token.usage"
    metric.histogram.aggregation_temporality = temporality
    for kind, count, total in rows:
        point = metric.histogram.data_points.add()
        point.start_time_unix_nano, point.time_unix_nano = start, START + at * SECOND
        point.count, point.sum = count, total
        point.attributes.extend(pairs({"gen_ai.request.model": "m", "gen_ai.token.type": kind}))
    return bytes(request.SerializeToString())


class Door:
    """Reads exports as the door does: what is read is kept, unless it says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.memory = folder, SeriesMemory(folder / "series.json")
        self.counted: dict[str, tuple[int, int]] = {}

    def read(self, body: bytes, *, keep: bool = True, spans_from: frozenset[str] = frozenset()) -> Told:
        told = read_metrics(body, self.memory, lambda name: name in spans_from)
        if keep:
            self.memory.keep()
            for event in told.events:
                self.counted.setdefault(event.request_id, (event.input_tokens, event.output_tokens))
        else:
            self.memory.drop()
        return told

    def restart(self) -> None:
        self.memory = SeriesMemory(self.folder / "series.json")

    @property
    def tokens(self) -> tuple[int, int]:
        return sum(tokens for tokens, _ in self.counted.values()), sum(tokens for _, tokens in self.counted.values())


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_a_point_becomes_as_many_requests_as_it_recorded(door: Door) -> None:
    told = door.read(body([("input", 3, 100.0), ("output", 3, 10.0)], 60, DELTA))
    assert [(33, 3), (33, 3), (34, 4)] == sorted((event.input_tokens, event.output_tokens) for event in told.events)
    assert {True} == {event.estimated for event in told.events}


def test_deltas_add_up_and_one_sent_again_changes_nothing(door: Door) -> None:
    for at in (60, 120, 120):
        door.read(body([("input", 2, 20.0)], at, DELTA))
    assert (4, (40, 0)) == (len(door.counted), door.tokens)


def test_sums_since_the_start_count_what_they_add(door: Door) -> None:
    for at, count in ((60, 2), (120, 5), (120, 5), (180, 5), (240, 6)):
        door.read(body([("input", count, count * 10.0), ("output", count, float(count))], at))
    assert (6, (60, 6)) == (len(door.counted), door.tokens)


def test_a_restart_of_the_door_neither_forgets_nor_repeats(door: Door) -> None:
    door.read(body([("input", 2, 20.0)], 60))
    door.restart()
    door.read(body([("input", 3, 50.0)], 120))
    assert (3, (50, 0)) == (len(door.counted), door.tokens)


def test_what_was_refused_is_counted_when_it_is_sent_again(door: Door) -> None:
    door.read(body([("input", 2, 20.0)], 60), keep=False)
    door.read(body([("input", 2, 20.0)], 60))
    assert (20, 0) == door.tokens


def test_a_series_that_begins_anew_counts_from_its_new_start(door: Door) -> None:
    door.read(body([("input", 5, 50.0)], 60))
    door.read(body([("input", 1, 7.0)], 120, start=START + 100 * SECOND))
    assert (57, 0) == door.tokens


def test_a_sum_that_falls_without_a_new_start_began_anew(door: Door) -> None:
    door.read(body([("input", 5, 50.0)], 60))
    door.read(body([("input", 1, 7.0)], 120))
    assert (57, 0) == door.tokens


def test_a_series_that_ran_for_long_before_it_was_heard_of_counts_from_then_on(door: Door) -> None:
    day = 86_400
    door.read(body([("input", 1_000, 10_000.0)], day))
    door.read(body([("input", 1_001, 10_007.0)], day + 60))
    assert (7, 0) == door.tokens


def test_replicas_that_look_alike_are_told_apart_by_their_start_or_any_attribute(door: Door) -> None:
    for at in (60, 120):
        door.read(body([("input", at, at * 1.0)], at))
        door.read(body([("input", at, at * 1.0)], at, start=START + 1))
        door.read(body([("input", at, at * 1.0)], at, host_unknown_to_us="b"))
    assert (360, 0) == door.tokens


def test_a_service_whose_spans_are_counted_is_left_out(door: Door) -> None:
    told = door.read(body([("input", 2, 20.0)], 60), spans_from=frozenset({"s"}))
    assert ([], 1) == (told.events, told.repeated)


def test_input_and_output_of_unequal_counts_go_apart_and_no_token_is_lost(door: Door) -> None:
    door.read(body([("input", 3, 30.0), ("output", 2, 4.0)], 60))
    assert (30, 4) == door.tokens


@pytest.mark.parametrize("total", [float("nan"), float("inf"), -5.0, 1e30])
def test_sums_that_are_none_count_nothing(door: Door, total: float) -> None:
    assert [] == door.read(body([("input", 2, total)], 60)).events
    door.restart()


def test_a_point_of_too_many_requests_is_refused_with_what_would_work(door: Door) -> None:
    (why,) = door.read(body([("input", 10_001, 1.0)], 60, DELTA)).refused
    assert why.endswith("send spans, or export more often")


def test_a_service_is_known_by_its_spans_for_a_week(tmp_path: Path) -> None:
    day = 86_400.0
    SpanServices(tmp_path).heard(["shop/api"], 0.0 + day)
    again = SpanServices(tmp_path)  # another process on the same folder
    assert [True, False, False] == [again.knows("shop/api", 2 * day), again.knows("shop/api", 9 * day), again.knows("other", 2 * day)]


Steps = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 900), st.sampled_from(["kept", "refused", "repeated", "restart"])), max_size=12
)


@given(Steps)
@settings(max_examples=100, deadline=None)
def test_whatever_happens_to_exports_the_sums_come_out_exact(tmp_path_factory: pytest.TempPathFactory, steps: Any) -> None:
    door = Door(tmp_path_factory.mktemp("door"))
    count = total = 0
    for at, (more, tokens, happens) in enumerate(steps, 1):
        count, total = count + more, total + (tokens if more else 0)
        export = body([("input", count, float(total))], at)
        if happens == "refused":
            door.read(export, keep=False)
        if happens == "restart":
            door.restart()
        for _ in range(2 if happens == "repeated" else 1):
            door.read(export)
    assert (count, (total, 0)) == (len(door.counted), door.tokens)
