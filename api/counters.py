"""What the door counts of itself, as Prometheus reads it."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

ABOUT: Final = {
    "finops_usage_events_accepted_total": ("counter", "Usage events on disk, by the way they came in."),
    "finops_usage_events_rejected_total": ("counter", "Lines, spans and points that were no usage event."),
    "finops_usage_events_left_out_total": ("counter", "Spans and points that repeat what is counted elsewhere."),
    "finops_http_requests_total": ("counter", "Requests answered, by route and status."),
    "finops_usage_published_segments_total": ("counter", "Spool segments the ledger has taken."),
    "finops_usage_failed_publishes_total": ("counter", "Rounds in which a segment could not be published."),
    "finops_spool_bytes": ("gauge", "Bytes of events that wait for the ledger."),
    "finops_spool_segments": ("gauge", "Segments that wait for the ledger."),
    "finops_spool_aside_segments": ("gauge", "Segments set aside because they could not be published; look at them."),
    "finops_usage_publish_lag_seconds": ("gauge", "Age of the oldest events that wait for the ledger."),
}
# Read from the state database at each scrape; where it cannot be read they are left out, which is not 0.
OF_STATE: Final = {
    "finops_state_up": "Whether the state database could be read for this scrape.",
    "finops_outbox_messages": "Messages of the outbox, by state.",
    "finops_outbox_oldest_pending_seconds": "Age of the oldest message that is due and not sent.",
    "finops_alerts": "Alerts, by state.",
    "finops_proposals": "Proposals, by state.",
    "finops_anomalies_open": "Open anomalies, one for each cause, by severity and grain.",
    "finops_anomaly_feedback": "What people said of anomalies they were told of, by verdict.",
    "finops_ingestion_delivery_age_seconds": "Age of the newest delivery, by source.",
    "finops_ingestion_complete_day_age_seconds": "How long ago the newest complete day ended, by source.",
    "finops_effects_in_force": "Targets that are moved, or may be, by stage; those that could not be put back are stuck.",
    "finops_forecast_error": "Error of forecasts of all charges as a share of what came, in the last three closed months, by days left.",
    "finops_forecast_run_rate_error": "The same, had every day to come been taken to cost the mean of the thirty before.",
    "finops_forecast_held80": "Share of those closed months whose total the 80 % interval held.",
}
Labels = tuple[tuple[str, str], ...]
Gauge = tuple[str, Labels, float]  # name, labels, value


class Counters:
    """Sums by name and labels; several threads may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: Counter[tuple[str, Labels]] = Counter()

    def add(self, name: str, value: int = 1, **labels: str) -> None:
        if name not in ABOUT:
            raise KeyError(name)
        with self._lock:
            self._sums[name, tuple(sorted(labels.items()))] += value

    def text(self, gauges: Mapping[str, float], of_state: Iterable[Gauge] = ()) -> str:
        """Return all sums, and gauges as they are now, in Prometheus' text format."""
        with self._lock:
            sums: dict[tuple[str, Labels], float] = dict(self._sums)
        sums |= {(name, ()): value for name, value in gauges.items()}
        lines: list[str] = []
        for name, (kind, about) in ABOUT.items():
            found = sorted((labels, value) for (each, labels), value in sums.items() if each == name)
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{_written(labels)} {value:.17g}" for labels, value in found or [((), 0.0)]]
        told = list(of_state)
        for name, about in OF_STATE.items():
            rows = [f"{name}{_written(labels)} {value:.17g}" for each, labels, value in told if each == name]
            lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge", *rows] if rows else []
        return "\n".join(lines) + "\n"


def _written(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels)
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
