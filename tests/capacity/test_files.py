"""Files of samples: CSV, exposition text, saved answers of Prometheus."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finops.errors import BillError, UserError
from finops.ledger.capacity import resources, samples
from finops.ledger.ledger import Ledger
from tests.capacity.conftest import DATA, NOW, Put, put_file

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HEADER = "time,resource,metric,value,Hostname,gpu,rack\n"


def values(ledger: Ledger, metric: str, *, step: timedelta = timedelta(minutes=1), minutes: int = 5) -> dict[str, list[float | None]]:
    found = samples(ledger, [metric], START, START + timedelta(minutes=minutes), step)
    return {one.identity.resource: one.optional() for one in found}


def test_a_csv_of_iso_and_epoch_times_is_one_series(ledger: Ledger, put: Put) -> None:
    times = ("2026-03-01T00:00:00Z", "2026-03-01 00:01:00", "2026-03-01T02:02:00+02:00", "1772323380", "1772323440000")
    done = put("time,resource,metric,value\n" + "".join(f"{time},g1,DCGM_FI_DEV_GPU_UTIL,{n}\n" for n, time in enumerate(times)))
    assert {"g1": [0, 1, 2, 3, 4]} == values(ledger, "DCGM_FI_DEV_GPU_UTIL")
    assert (5, 1) == (done.samples, done.series)


def test_label_columns_find_their_place_and_the_rest_is_kept(ledger: Ledger, put: Put) -> None:
    put(HEADER + "2026-03-01T00:00:00Z,g1,DCGM_FI_DEV_GPU_UTIL,7,node-a,0,r12\n")
    (found,) = samples(ledger, ["DCGM_FI_DEV_GPU_UTIL"], START, START + DAY)
    assert ("node-a", "0", '{"rack": "r12"}') == (found.identity.node, found.identity.gpu, found.identity.labels)


def test_a_missing_step_is_none_and_a_zero_is_zero(ledger: Ledger, put: Put) -> None:
    put("time,resource,metric,value\n" + "".join(f"2026-03-01T00:0{minute}:00Z,g1,up,0\n" for minute in (0, 3)))
    assert {"g1": [0.0, None, None, 0.0, None]} == values(ledger, "up")


def test_bad_rows_are_told_by_line_and_the_others_are_kept(ledger: Ledger, put: Put) -> None:
    rows = ["2026-03-01T00:00:00Z,g1,up,1", "yesterday,g1,up,1", "2026-03-01T00:01:00Z,g1,up,much", "2026-03-01T00:02:00Z,g1,up"]
    done = put("\n".join(["time,resource,metric,value", *rows, "2026-03-01T00:03:00Z,g1,,1", "2026-03-01T00:04:00Z,g1,up,2"]) + "\n")
    reason = done.loads[0].reason or ""
    assert {"g1": [1, None, None, None, 2]} == values(ledger, "up")
    assert "4 of 6 lines" in reason
    assert [f"samples.csv:{line}" for line in (3, 4, 5)] == [word.rstrip(":") for word in reason.split() if word.startswith("samples.csv")]
    assert done.is_degraded


def test_an_instant_given_twice_counts_as_its_last_line(ledger: Ledger, put: Put) -> None:
    put("time,resource,metric,value\n2026-03-01T00:00:00Z,g1,up,1\n2026-03-01T00:00:00Z,g1,up,9\n")
    assert {"g1": [9]} == values(ledger, "up", minutes=1)


def test_overlapping_files_count_each_instant_once(ledger: Ledger, put: Put) -> None:
    put("time,resource,metric,value\n2026-03-01T00:00:00Z,g1,up,2\n2026-03-01T00:00:30Z,g1,up,2\n", "a.csv")
    put("time,resource,metric,value\n2026-03-01T00:00:30Z,g1,up,2\n2026-03-01T00:00:45Z,g1,up,5\n", "b.csv")
    assert {"g1": [3]} == values(ledger, "up", minutes=1)


def test_a_file_loaded_again_changes_nothing(ledger: Ledger, put: Put) -> None:
    text = "time,resource,metric,value\n2026-03-01T00:00:00Z,g1,up,2\n"
    assert ["loaded", "unchanged"] == [put(text, "a.csv").loads[0].status, put(text, "b.csv").loads[0].status]


def test_samples_of_two_months_are_two_loads(put: Put) -> None:
    done = put("time,resource,metric,value\n2026-02-28T23:59:00Z,g1,up,2\n2026-03-01T00:00:00Z,g1,up,2\n")
    assert ["2026-02", "2026-03"] == [load.period for load in done.loads]


def test_compressed_files_are_read(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "s.csv.gz"
    path.write_bytes(gzip.compress(b"time,resource,metric,value\n2026-03-01T00:00:00Z,g1,up,2\n"))
    put_file(ledger, path)
    text = tmp_path / "s.prom.gz"
    text.write_bytes(gzip.compress(b'up{instance="a:1"} 3 1772323200000\n'))
    put_file(ledger, text)
    assert {"g1": [2], "a:1": [3]} == values(ledger, "up", minutes=1)


def test_a_csv_without_the_columns_says_which_is_missing(put: Put) -> None:
    with pytest.raises(BillError, match="has no column 'metric'"):
        put("time,resource,value\n2026-03-01,g,1\n")


def test_a_capture_that_is_no_metrics_is_refused(put: Put) -> None:
    with pytest.raises(BillError, match="holds no samples: line 2 is not a sample"):
        put("#### capture\nGPU 00000000:00:09.0 utilization\n", "nvidia-smi.txt")


def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file or folder"):
        put_file(None, tmp_path / "none.csv")  # type: ignore[arg-type]


def test_real_dcgm_text_holds_eight_devices(ledger: Ledger) -> None:
    done = put_file(ledger, DATA / "nvidia_aicr_8xH100_685920c.prom")
    lines = [line for line in (DATA / "nvidia_aicr_8xH100_685920c.prom").read_text().splitlines() if line and not line.startswith("#")]
    found = resources(ledger, NOW - DAY, NOW + DAY)
    assert len(lines) == done.samples
    assert 8 == len(found)
    assert {("NVIDIA H100 80GB HBM3", "ip-100-64-171-120.ec2.internal", NOW, None)} == {
        (one.gpu_model, one.node, one.first, one.pod) for one in found
    }


def test_a_real_saved_answer_does_not_take_the_exporter_for_the_holder(ledger: Ledger) -> None:
    put_file(ledger, DATA / "nvidia_aicr_8xH100_685920c.promapi1.json")
    at = datetime.fromtimestamp(1771964566, UTC)
    found = samples(ledger, ["DCGM_FI_DEV_GPU_UTIL"], at, at + timedelta(minutes=1), timedelta(minutes=1))
    assert 8 == len(found)
    assert {(None, None, "[0.0]")} == {(one.identity.pod, one.identity.namespace, str(one.optional())) for one in found}


def test_real_text_with_shortened_labels_keeps_its_good_lines(ledger: Ledger) -> None:
    done = put_file(ledger, DATA / "cncf_v1.35_viettel-ai-platform_accelerator_metrics.prom")
    assert (2, 18) == (done.samples, done.bad_lines)


def test_real_exporter_text_of_a_mig_device_has_memory_and_power_but_no_utilisation(ledger: Ledger) -> None:
    put_file(ledger, DATA / "linux-x86_64__nvidia-h100-mig__590.48.01__load.metrics")
    metrics = {metric for one in resources(ledger, NOW - DAY, NOW + DAY) for metric in one.metrics}
    assert "nvidia_smi_memory_used_bytes" in metrics
    assert "nvidia_smi_utilization_gpu_ratio" not in metrics


def test_openmetrics_counts_in_seconds_and_exemplars_are_passed_over(ledger: Ledger, put: Put) -> None:
    put(
        'up{instance="a"} 1 1772323200.0\nup{instance="b"} 2 1772323200000 # {trace="x"} 0.5\nup{instance="c\\"d"} NaN 1772323200\n# EOF\n',
        "m.om",
    )
    assert {"a": [1], "b": [2]} == values(ledger, "up", minutes=1)


def test_text_without_times_taken_at_two_instants_is_two_samples(ledger: Ledger, put: Put) -> None:
    put('up{instance="a"} 1\n', "one.prom", at=START)
    put('up{instance="a"} 1\n', "one.prom", at=START + timedelta(minutes=1))
    assert {"a": [1, 1]} == values(ledger, "up", minutes=2)


def test_as_of_hides_samples_at_or_after_it(ledger: Ledger, put: Put) -> None:
    put("time,resource,metric,value\n2026-03-01T00:00:00Z,g1,up,1\n2026-03-01T00:01:00Z,g1,up,2\n")
    (found,) = samples(ledger, ["up"], START, START + timedelta(minutes=2), timedelta(minutes=1), until=START + timedelta(minutes=1))
    assert [1, None] == found.optional()


def test_a_counter_that_restarts_grows_from_zero(ledger: Ledger, put: Put) -> None:
    counts = (100, 130, 10, 25)
    put(
        "time,resource,metric,value\n"
        + "".join(f"2026-03-01T00:0{n}:00Z,m,vllm:prompt_tokens_total,{each}\n" for n, each in enumerate(counts))
    )
    (found,) = samples(ledger, ["vllm:prompt_tokens_total"], START, START + timedelta(minutes=4), timedelta(minutes=1), how="increase")
    assert [None, 30, 10, 15] == found.optional()
