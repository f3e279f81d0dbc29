"""Samples pulled from a real Prometheus whose history was written beforehand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finops.errors import SourceError
from finops.ledger.capacity import samples, watermark
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.sources.prometheus import Query, Server, pull, windows
from jobs.ingest_capacity import IngestedSamples, ingest_prometheus
from tests.integration.prometheus_server import prometheus

pytestmark = pytest.mark.prometheus

START = datetime(2026, 2, 28, 20, tzinfo=UTC)  # the history crosses a month
MINUTE = timedelta(minutes=1)
MINUTES = 8 * 60
GPU = '{{gpu="0",UUID="GPU-{uuid}",Hostname="node-a",modelName="NVIDIA L4"{more}}}'


def history() -> str:
    """Eight hours by the minute: a busy GPU, one with a gap of half an hour, a counter that restarts, a pod that ends."""
    at = [int((START + n * MINUTE).timestamp()) for n in range(MINUTES)]
    busy = GPU.format(uuid="1", more=',exported_pod="train-1",exported_namespace="ml",pod="dcgm-exporter-x",namespace="gpu-operator"')
    gap = GPU.format(uuid="2", more="")
    util = [f"DCGM_FI_DEV_GPU_UTIL{busy} {n % 100} {t}" for n, t in enumerate(at)]
    util += [f"DCGM_FI_DEV_GPU_UTIL{gap} 0 {t}" for n, t in enumerate(at) if not 60 <= n < 90]
    tokens = [f'vllm:prompt_tokens_total{{model_name="m",instance="a:1"}} {(n % 200) * 10} {t}' for n, t in enumerate(at)]
    pod = [
        f'kube_pod_info{{namespace="ml",pod="train-1",node="node-a",created_by_name="train"}} 1 {t}' for n, t in enumerate(at) if n < 100
    ]
    groups = (("DCGM_FI_DEV_GPU_UTIL", "gauge", util), ("kube_pod_info", "gauge", pod), ("vllm:prompt_tokens", "counter", tokens))
    return "".join(f"# TYPE {name} {kind}\n" + "\n".join(lines) + "\n" for name, kind, lines in groups)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), history()) as address:
        yield address


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    root = tmp_path / "ledger"
    made = Ledger(open_state(f"sqlite:///{tmp_path / 'state.sqlite'}"), root, DuckFacts(root, threads=1), Terms())
    yield made
    made.close()


def server_at(url: str, *queries: Query) -> Server:
    made = Server(url, sleep=lambda _: None, name="prom")
    return made if not queries else Server(url, sleep=lambda _: None, name="prom", queries=queries)


def take(ledger: Ledger, url: str, upto: datetime, since: datetime | None = START, *queries: Query) -> IngestedSamples:
    return ingest_prometheus(ledger, server_at(url, *queries), now=upto, actor="test", since=since)


def test_a_history_arrives_whole_with_its_gap(ledger: Ledger, url: str) -> None:
    done = take(ledger, url, START + MINUTES * MINUTE)
    series = samples(ledger, ["DCGM_FI_DEV_GPU_UTIL"], START, START + MINUTES * MINUTE, MINUTE)
    held, gap = (one.optional() for one in series)
    assert [float(n % 100) for n in range(MINUTES)] == held
    assert [None] * 30 == gap[60:90]
    assert [0.0] * (MINUTES - 30) == gap[:60] + gap[90:]
    assert (4 * MINUTES - 30 - (MINUTES - 100), 30) == (done.samples, done.gaps)
    assert {"2026-02", "2026-03"} == {load.period for load in done.loads}


def test_the_pod_of_the_exporter_does_not_hold_the_gpu(ledger: Ledger, url: str) -> None:
    take(ledger, url, START + 10 * MINUTE)
    found = samples(ledger, ["DCGM_FI_DEV_GPU_UTIL"], START, START + 10 * MINUTE, MINUTE)
    assert [("train-1", "ml"), (None, None)] == [(one.identity.pod, one.identity.namespace) for one in found]


def test_a_pod_that_ended_has_no_samples_afterwards(ledger: Ledger, url: str) -> None:
    take(ledger, url, START + 200 * MINUTE)
    (pod,) = samples(ledger, ["kube_pod_info"], START, START + 200 * MINUTE, MINUTE)
    assert [1.0] * 100 + [None] * 100 == pod.optional()


def test_a_counter_keeps_its_values_and_its_restart_is_the_readers_business(ledger: Ledger, url: str) -> None:
    take(ledger, url, START + 201 * MINUTE)
    span = (START + 199 * MINUTE, START + 201 * MINUTE, MINUTE)
    (raw,) = samples(ledger, ["vllm:prompt_tokens_total"], *span)
    (grown,) = samples(ledger, ["vllm:prompt_tokens_total"], START, START + 202 * MINUTE, 202 * MINUTE, how="increase")
    assert [1990.0, 0.0] == raw.optional()
    assert [1990.0] == grown.optional()


def test_the_next_pull_goes_on_where_the_last_one_ended(ledger: Ledger, url: str) -> None:
    take(ledger, url, START + 100 * MINUTE)
    second = take(ledger, url, START + 160 * MINUTE, None)
    (first, _) = samples(ledger, ["DCGM_FI_DEV_GPU_UTIL"], START, START + 160 * MINUTE, MINUTE)
    assert [float(n % 100) for n in range(160)] == first.optional()
    assert any("asked for 2026-02-28 21:40Z to 2026-02-28 22:40Z" in note for note in second.notes)


def test_a_window_pulled_again_replaces_itself(ledger: Ledger, url: str) -> None:
    first = take(ledger, url, START + 30 * MINUTE)
    again = take(ledger, url, START + 30 * MINUTE)
    assert ["loaded", "unchanged"] == [first.loads[0].status, again.loads[0].status]


def test_a_pull_of_the_past_does_not_set_the_mark_back(ledger: Ledger, url: str) -> None:
    take(ledger, url, START + 100 * MINUTE)
    take(ledger, url, START + 50 * MINUTE)
    assert (START + 100 * MINUTE).isoformat() == watermark(ledger, "capacity.prometheus.prom")


def test_no_samples_are_unknown_and_not_zero(ledger: Ledger, url: str) -> None:
    before = START - timedelta(hours=5)
    done = take(ledger, url, before + timedelta(hours=1), before)
    assert ((), 0) == (done.loads, done.samples)
    assert any("unknown, not idle" in note for note in done.notes)
    assert [] == samples(ledger, ["DCGM_FI_DEV_GPU_UTIL"], before, START, MINUTE)


def test_a_clock_of_ours_ahead_of_prometheus_asks_for_nothing_that_is_not_yet_there(ledger: Ledger, url: str) -> None:
    ahead = datetime(2100, 1, 1, tzinfo=UTC)
    done = ingest_prometheus(ledger, server_at(url, Query("none", "none")), now=ahead, actor="test", since=ahead - timedelta(hours=1))
    mark = watermark(ledger, "capacity.prometheus.prom")
    assert mark is None
    assert any("behind the instant asked for" in note for note in done.notes)


def test_own_queries_keep_the_name_they_are_given(ledger: Ledger, url: str) -> None:
    take(ledger, url, START + 3 * MINUTE, START, Query("gpus_busy", "count(last_over_time(DCGM_FI_DEV_GPU_UTIL[$within]) > 0)"))
    (found,) = samples(ledger, ["gpus_busy"], START, START + 3 * MINUTE, MINUTE)
    assert ("-", [None, 1.0, 1.0]) == (found.identity.resource, found.optional())


def test_a_query_that_prometheus_cannot_read_is_told_in_its_words(url: str, tmp_path: Path) -> None:
    (window,) = windows(START, START + MINUTE, MINUTE)
    with pytest.raises(SourceError, match=r"refuses the question .*parse error"):
        pull(server_at(url, Query("bad", "sum(")), window, tmp_path)


def test_duplicate_series_count_once(ledger: Ledger, url: str) -> None:
    twice = 'label_replace(DCGM_FI_DEV_GPU_UTIL, "instance", "a", "", "") or label_replace(DCGM_FI_DEV_GPU_UTIL, "instance", "b", "", "")'
    take(ledger, url, START + 3 * MINUTE, START, Query("twice", twice))
    found = samples(ledger, ["DCGM_FI_DEV_GPU_UTIL"], START, START + 3 * MINUTE, MINUTE)
    assert [[0, 1, 2], [0, 0, 0]] == [one.optional() for one in found]
