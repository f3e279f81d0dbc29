"""What a capacity sample is: metric names and their units, whose labels mean what, and the rules of shared and sliced GPUs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal

Idea = Literal["utilisation", "engine_active", "memory_used", "memory_total", "memory_free", "power", "running", "waiting", "cache_used"]
MIB: Final = 1_048_576.0


@dataclass(frozen=True)
class Measure:
    """What a metric tells, whoever exports it; its values times `scale` are shares (0–1), bytes, watts or a count."""

    idea: Idea
    scale: float = 1.0


# Source: the exporters' own lists; the unit of each is in its help text.
MEASURES: Final[dict[str, Measure]] = {
    "DCGM_FI_DEV_GPU_UTIL": Measure("utilisation", 0.01),
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": Measure("engine_active"),
    "DCGM_FI_DEV_FB_USED": Measure("memory_used", MIB),
    "DCGM_FI_DEV_FB_FREE": Measure("memory_free", MIB),
    "DCGM_FI_DEV_FB_TOTAL": Measure("memory_total", MIB),
    "DCGM_FI_DEV_POWER_USAGE": Measure("power"),
    "nvidia_smi_utilization_gpu_ratio": Measure("utilisation"),
    "nvidia_smi_memory_used_bytes": Measure("memory_used"),
    "nvidia_smi_memory_free_bytes": Measure("memory_free"),
    "nvidia_smi_memory_total_bytes": Measure("memory_total"),
    "nvidia_smi_power_draw_watts": Measure("power"),
    "vllm:num_requests_running": Measure("running"),
    "vllm:num_requests_waiting": Measure("waiting"),
    "vllm:gpu_cache_usage_perc": Measure("cache_used"),  # a share, in spite of its name
    "vllm:kv_cache_usage_perc": Measure("cache_used"),
}

# Samples of one of these show that a GPU is there, and how busy it is.
GPU_METRICS: Final = tuple(name for name in MEASURES if not name.startswith("vllm:"))
KUBE_METRICS: Final = (
    "kube_pod_container_resource_requests",
    "kube_pod_info",
    "kube_pod_status_phase",
    "kube_pod_labels",
    "kube_namespace_labels",
    "kube_pod_owner",
    "kube_node_info",
    "kube_node_labels",
    "kube_node_status_allocatable",
)
QUANTITIES: Final = ("kube_pod_container_resource_requests", "kube_node_status_allocatable")  # their label `resource` says of what
VLLM_METRICS: Final = (*(name for name in MEASURES if name.startswith("vllm:")), "vllm:prompt_tokens_total", "vllm:generation_tokens_total")

# Column → labels that may hold it, the best first. Where a scrape relabelled its targets, `exported_…` is what the exporter said.
LABELS: Final[dict[str, tuple[str, ...]]] = {
    "cluster": ("cluster", "k8s_cluster", "cluster_name"),
    "node": ("exported_node", "node", "Hostname", "kubernetes_node", "nodename"),
    "namespace": ("exported_namespace", "namespace", "kubernetes_namespace"),
    "pod": ("exported_pod", "pod", "pod_name", "kubernetes_pod_name"),
    "container": ("exported_container", "container", "container_name"),
    "gpu": ("gpu", "gpu_index"),
    "gpu_uuid": ("UUID", "uuid", "gpu_uuid"),
    "gpu_model": ("modelName", "gpu_model", "gpu_name"),
    "mig_profile": ("GPU_I_PROFILE", "mig_profile"),
    "mig_instance": ("GPU_I_ID", "mig_instance"),
    "model": ("model_name", "model"),
    "workload": ("created_by_name", "owner_name", "workload", "deployment"),
}

# They tell who looked, not what was seen: a restarted exporter must not make a second device of one.
OF_THE_SCRAPE: Final = frozenset(
    ("__name__", "job", "instance", "endpoint", "service", "prometheus", "prometheus_replica", "receive", "tenant_id")
)
OF_THE_DRIVER: Final = frozenset(("DCGM_FI_DRIVER_VERSION", "DCGM_FI_PROCESS_NAME", "pci_bus_id", "device", "err_code", "err_msg"))
WHOLE_GPUS: Final = ("nvidia_com_gpu", "nvidia_com_gpu_shared", "amd_com_gpu", "gpu_intel_com_i915", "habana_ai_gaudi")
# What a metric of kube-state-metrics begins with → labels that can only be the scrape's; the first that fits counts.
FOREIGN: Final[dict[str, tuple[str, ...]]] = {
    "kube_node_": ("pod", "namespace", "container"),
    "kube_namespace_": ("pod", "container", "node"),
    "kube_pod_container_": (),
    "kube_pod_": ("container",),
}
EXPORTERS: Final = re.compile(r"(dcgm|gpu|nvidia)[-_a-z]*exporter")


@dataclass(frozen=True)
class Identity:
    """Whose sample it is: one series. `labels` is a JSON object of what has no column of its own."""

    resource: str
    metric: str
    cluster: str | None = None
    node: str | None = None
    namespace: str | None = None
    pod: str | None = None
    container: str | None = None
    gpu: str | None = None
    gpu_uuid: str | None = None
    gpu_model: str | None = None
    mig_profile: str | None = None
    mig_instance: str | None = None
    model: str | None = None
    workload: str | None = None
    labels: str = "{}"

    @property
    def order(self) -> tuple[str, ...]:
        """Series are kept in this order."""
        return (self.metric, self.resource, *(getattr(self, name) or "" for name in COLUMNS))


COLUMNS: Final = tuple(field.name for field in fields(Identity) if field.name not in ("resource", "metric"))


def identify(metric: str, labels: Mapping[str, str], resource: str | None = None) -> Identity:
    """Return whose samples these are; `resource` where the delivery names it itself.

    An empty label is no label: on a GPU it says that no pod holds it.
    """
    given = {name: value for name, value in labels.items() if value and name != "__name__"}
    if resource and metric in QUANTITIES and "resource" not in given and is_quantity(resource):
        given, resource = given | {"resource": resource}, None  # the label of that name, not whose sample it is
    given = _without_exporter(given) if is_of_device(metric) else _without_scrape(metric, given)
    known = {column: next((given[name] for name in names if name in given), None) for column, names in LABELS.items()}
    known["gpu_uuid"] = _uuid(known["gpu_uuid"])
    used = {name for column, names in LABELS.items() for name in names if known[column] is not None}
    rest = _rest(given, used, is_anchored=metric.startswith("kube_") or any(known[name] for name in ("gpu_uuid", "pod", "node")))
    name = resource or _resource(metric, known, given)
    return Identity(name, metric, **known, labels=json.dumps(rest, sort_keys=True, ensure_ascii=False))


def is_quantity(resource: str) -> bool:
    """Tell whether this is what Kubernetes hands out, such as `cpu` or `nvidia_com_gpu`."""
    return resource in ("cpu", "memory") or gpus_requested(resource, 1) is not None


def is_of_device(metric: str) -> bool:
    return metric.startswith(("DCGM_", "nvidia_smi_"))


def _without_exporter(labels: dict[str, str]) -> dict[str, str]:
    """Where the scrape put its own target's labels on a device, its pod is the exporter, which holds no GPU."""
    if not any(EXPORTERS.search(labels.get(name, "")) for name in ("pod", "container")):
        return labels
    return {name: value for name, value in labels.items() if name not in ("pod", "namespace", "container")}


def _without_scrape(metric: str, labels: dict[str, str]) -> dict[str, str]:
    """A scrape gives every series the pod of its target: of a node or a namespace that says nothing."""
    foreign = next((names for prefix, names in FOREIGN.items() if metric.startswith(prefix)), ())
    return {name: value for name, value in labels.items() if name not in foreign}


def _uuid(found: str | None) -> str | None:
    """nvidia_gpu_exporter leaves the prefix out; the device is the same."""
    if found and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", found):
        return f"GPU-{found.lower()}"
    return found


def _rest(given: Mapping[str, str], used: set[str], *, is_anchored: bool) -> dict[str, str]:
    dropped = OF_THE_DRIVER | OF_THE_SCRAPE if is_anchored else frozenset(("__name__",))
    return {name: value for name, value in given.items() if name not in used and name not in dropped}


def _resource(metric: str, known: Mapping[str, str | None], given: Mapping[str, str]) -> str:
    """The first that is known: GPU (and MIG instance), served model, GPU of a node, pod, node, namespace, scrape target."""
    if known["gpu_uuid"]:
        return f"{known['gpu_uuid']}/mig-{known['mig_instance']}" if known["mig_instance"] else str(known["gpu_uuid"])
    if metric.startswith("vllm:") and known["model"]:
        return str(known["model"])
    if known["gpu"] and known["node"] and is_of_device(metric):
        return f"{known['node']}/gpu-{known['gpu']}"
    if known["pod"]:
        return f"{known['namespace'] or '-'}/{known['pod']}"
    return known["node"] or known["namespace"] or given.get("instance") or given.get("job") or "-"


def busy_metrics(*, is_mig: bool) -> tuple[str, ...]:
    """Return the metrics that tell how busy a GPU is, the best first; on MIG the usual one is 0 or absent and means nothing."""
    whole = ("DCGM_FI_DEV_GPU_UTIL", "nvidia_smi_utilization_gpu_ratio")
    return ("DCGM_FI_PROF_GR_ENGINE_ACTIVE",) if is_mig else (*whole, "DCGM_FI_PROF_GR_ENGINE_ACTIVE")


def scale_of(metric: str) -> float:
    """Return what a value is multiplied by to be a share, bytes, watts or a count."""
    return MEASURES[metric].scale if metric in MEASURES else 1.0


def slices(profile: str | None) -> int | None:
    """Return how many compute slices a MIG profile such as `3g.40gb` has."""
    found = re.match(r"(?:MIG |mig-)?([1-9])g[._]", profile or "")
    return int(found[1]) if found else None


def slices_of_device(model: str | None) -> int:
    """Return into how many compute slices MIG cuts a GPU: 7, and 4 on an A30."""
    return 4 if re.search(r"\bA30\b", model or "") else 7


def gpus_requested(resource: str, count: float, model: str | None = None) -> float | None:
    """Return how many GPUs a Kubernetes resource such as `nvidia_com_gpu` or `nvidia.com/mig-1g.10gb` stands for; None: no GPU."""
    name = re.sub(r"[^a-z0-9]", "_", resource.lower())
    if name in WHOLE_GPUS:
        return count
    sliced = re.match(r"nvidia_com_mig_(\d)g_\d+gb", name)
    return count * int(sliced[1]) / slices_of_device(model) if sliced else None
