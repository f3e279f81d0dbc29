"""What a sample is: whose it is, in which unit, and the rules of MIG and time slicing."""

from datetime import UTC, datetime, timedelta

import pytest

from finops.capacity import busy_metrics, gpus_requested, identify, scale_of, slices, slices_of_device
from finops.ledger.capacity import resources
from finops.ledger.gpu_hours import GpuHours, gpu_hours
from finops.ledger.ledger import Ledger
from tests.capacity.conftest import Put

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MIG = "time,metric,value,UUID,GPU_I_PROFILE,GPU_I_ID,namespace,pod,modelName,Hostname\n"


@pytest.mark.parametrize(
    ("metric", "labels", "resource"),
    [
        ("DCGM_FI_DEV_GPU_UTIL", {"UUID": "GPU-1", "Hostname": "n", "gpu": "0"}, "GPU-1"),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", {"UUID": "GPU-1", "GPU_I_ID": "3"}, "GPU-1/mig-3"),
        ("DCGM_FI_DEV_GPU_UTIL", {"gpu": "1", "Hostname": "n", "pod": "p"}, "n/gpu-1"),
        ("vllm:num_requests_running", {"model_name": "llama", "pod": "p", "namespace": "ml"}, "llama"),
        ("kube_pod_info", {"pod": "p", "namespace": "ml", "node": "n"}, "ml/p"),
        ("kube_node_info", {"node": "n"}, "n"),
        ("up", {"instance": "a:1"}, "a:1"),
    ],
)
def test_a_resource_is_the_first_thing_that_is_known(metric: str, labels: dict[str, str], resource: str) -> None:
    assert resource == identify(metric, labels).resource


def test_an_empty_pod_label_means_that_nobody_holds_the_gpu() -> None:
    found = identify("DCGM_FI_DEV_GPU_UTIL", {"UUID": "GPU-1", "pod": "", "namespace": "", "container": ""})
    assert (None, None) == (found.pod, found.namespace)


def test_labels_that_the_exporter_gave_go_before_those_of_its_scrape() -> None:
    found = identify(
        "DCGM_FI_DEV_GPU_UTIL", {"UUID": "GPU-1", "pod": "dcgm-exporter-x", "exported_pod": "train", "exported_namespace": "ml"}
    )
    assert ("train", "ml", "{}") == (found.pod, found.namespace, found.labels)


@pytest.mark.parametrize(
    ("metric", "labels", "known"),
    [
        ("kube_node_info", {"node": "n"}, ("n", None, None)),
        ("kube_namespace_labels", {"namespace": "ml"}, ("ml", None, None)),
        ("kube_pod_info", {"namespace": "ml", "pod": "p"}, ("ml/p", "p", None)),
        ("kube_pod_container_resource_requests", {"namespace": "ml", "pod": "p", "container": "c"}, ("ml/p", "p", "c")),
    ],
)
def test_the_pod_of_kube_state_metrics_owns_nothing_it_tells_of(metric: str, labels: dict[str, str], known: tuple[str | None, ...]) -> None:
    scrape = {"namespace": "monitoring", "pod": "ksm-1", "container": "ksm", "job": "ksm", "instance": "a:1", "service": "ksm"}
    found = identify(metric, scrape | labels)
    assert (*known, "{}") == (found.resource, found.pod, found.container, found.labels)


def test_a_restarted_exporter_is_the_same_device() -> None:
    one, other = (identify("DCGM_FI_DEV_GPU_UTIL", {"UUID": "GPU-1", "instance": each, "job": "dcgm"}) for each in ("a:1", "b:1"))
    assert one == other


def test_both_exporters_name_a_device_alike() -> None:
    uuid = "22dbdd79-f55a-92a8-aa39-322198e72ed6"
    smi = identify("nvidia_smi_utilization_gpu_ratio", {"uuid": uuid})
    assert identify("DCGM_FI_DEV_GPU_UTIL", {"UUID": f"GPU-{uuid}"}).resource == smi.resource


def test_utilisation_is_a_share_whatever_the_metric_counts_in() -> None:
    assert (0.01, 1.0, 1.0) == tuple(
        map(scale_of, ("DCGM_FI_DEV_GPU_UTIL", "nvidia_smi_utilization_gpu_ratio", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"))
    )


def test_on_mig_only_the_engine_tells_how_busy_it_is() -> None:
    assert ("DCGM_FI_PROF_GR_ENGINE_ACTIVE",) == busy_metrics(is_mig=True)


@pytest.mark.parametrize(
    ("resource", "gpus"),
    [
        ("nvidia_com_gpu", 2),
        ("nvidia.com/gpu.shared", 2),
        ("nvidia_com_mig_3g_40gb", 6 / 7),
        ("nvidia.com/mig-1g.10gb.me", 2 / 7),
        ("cpu", None),
    ],
)
def test_a_kubernetes_resource_is_worth_so_many_gpus(resource: str, gpus: float | None) -> None:
    assert gpus == gpus_requested(resource, 2)


def test_slices_are_read_from_the_profile() -> None:
    assert [3, 1, None, 4] == [slices("3g.40gb"), slices("MIG 1g.10gb"), slices(None), slices_of_device("NVIDIA A30")]


def hours(ledger: Ledger, *by: str) -> dict[tuple[str | None, ...], GpuHours]:
    return {one.key: one for one in gpu_hours(ledger, START, START + HOUR, by)}


def whole_hour(*rows: str) -> str:
    return "".join(f"2026-03-01T00:{minute:02}:00Z,{row}\n" for minute in range(0, 60, 5) for row in rows)


def test_a_time_sliced_gpu_counts_once_and_its_pods_share_it(ledger: Ledger, put: Put) -> None:
    rows = [f"DCGM_FI_DEV_GPU_UTIL,80,GPU-1,,,ml,{pod},L4,n" for pod in ("a", "b", "c", "d")]
    put(MIG + whole_hour(*rows))
    found = hours(ledger, "pod")
    assert {("a",): 0.25, ("b",): 0.25, ("c",): 0.25, ("d",): 0.25} == {key: pytest.approx(one.hours) for key, one in found.items()}
    assert pytest.approx(0.8) == hours(ledger)[()].busy


def test_zero_utilisation_of_a_mig_device_is_not_idleness(ledger: Ledger, put: Put) -> None:
    put(
        MIG
        + whole_hour("DCGM_FI_DEV_GPU_UTIL,0,GPU-1,3g.40gb,1,ml,a,H100,n", "DCGM_FI_PROF_GR_ENGINE_ACTIVE,0.9,GPU-1,3g.40gb,1,ml,a,H100,n")
    )
    (held,) = [one for one in hours(ledger, "pod").values() if one.held]
    assert pytest.approx((3 / 7, 3 / 7 * 0.9)) == (held.hours, held.busy)


def test_a_mig_device_without_the_engine_metric_is_unknown(ledger: Ledger, put: Put) -> None:
    put(MIG + whole_hour("DCGM_FI_DEV_GPU_UTIL,0,GPU-1,3g.40gb,1,ml,a,H100,n"))
    assert (0, 0) == (hours(ledger)[()].measured, hours(ledger)[()].busy)


def test_mig_instances_and_what_none_takes_make_one_device(ledger: Ledger, put: Put) -> None:
    rows = [
        f"DCGM_FI_PROF_GR_ENGINE_ACTIVE,1,GPU-1,{profile},{place},ml,{pod},H100,n"
        for profile, place, pod in (("3g.40gb", 1, "a"), ("1g.10gb", 2, "b"))
    ]
    put(MIG + whole_hour(*rows, "DCGM_FI_DEV_POWER_USAGE,300,GPU-1,,,,,H100,n"))
    found = hours(ledger, "pod")
    assert {("a",): 3 / 7, ("b",): 1 / 7, (None,): 3 / 7} == {key: pytest.approx(one.hours) for key, one in found.items()}
    assert pytest.approx((1, 4 / 7)) == (hours(ledger)[()].hours, hours(ledger)[()].held)


def test_a_gpu_that_no_pod_holds_is_nobodys(ledger: Ledger, put: Put) -> None:
    put(MIG + whole_hour("DCGM_FI_DEV_GPU_UTIL,0,GPU-1,,,,,L4,n"))
    found = hours(ledger, "namespace")[(None,)]
    assert pytest.approx((1, 0, 1, 0)) == (found.hours, found.held, found.measured, found.busy)


def test_the_owner_of_a_gpu_is_the_team_of_the_pod_that_holds_it(ledger: Ledger, put: Put) -> None:
    put(MIG + "2026-03-01T00:00:00Z,DCGM_FI_DEV_GPU_UTIL,9,GPU-1,,,ml,a,L4,n\n2026-03-01T00:00:00Z,DCGM_FI_DEV_GPU_UTIL,0,GPU-2,,,,,L4,n\n")
    put("time,metric,value,namespace,label_team\n2026-03-01T00:00:00Z,kube_namespace_labels,1,ml,vision\n", "labels.csv")
    found = resources(ledger, START, START + HOUR, metrics=("DCGM_FI_DEV_GPU_UTIL",))
    assert [("GPU-1", "vision"), ("GPU-2", None)] == [(one.resource, one.owner) for one in found]


def test_hours_without_samples_are_not_counted(ledger: Ledger, put: Put) -> None:
    put(MIG + "".join(f"2026-03-01T00:{minute:02}:00Z,DCGM_FI_DEV_GPU_UTIL,0,GPU-1,,,,,L4,n\n" for minute in (0, 5, 50)))
    assert pytest.approx(0.25) == hours(ledger)[()].hours


def test_a_gpu_without_utilisation_has_unknown_hours(ledger: Ledger, put: Put) -> None:
    put(MIG + whole_hour("DCGM_FI_DEV_POWER_USAGE,60,GPU-1,,,,,L4,n"))
    assert pytest.approx((1, 0)) == (hours(ledger)[()].hours, hours(ledger)[()].measured)
