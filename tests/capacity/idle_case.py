"""GPUs whose samples and bill a test writes in a few words."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from jobs.ingest_capacity import ingest_capacity_files
from tests.ledger.bills import Charge, deliver

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACCOUNT, REGION = "123456789012", "eu-central-1"
HEADER = "time,metric,value,UUID,Hostname,modelName,namespace,pod,GPU_I_PROFILE,GPU_I_ID,node,provider_id,label_nvidia_com_gpu_count\n"
UTIL, ENGINE = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"


def arn(instance: str) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance}"


@dataclass
class Rack:
    """Writes samples minute by minute up to `end`, and bills by the hour or the day."""

    ledger: Ledger
    folder: Path
    end: datetime = NOON
    rows: list[str] = field(default_factory=list)

    def gpu(
        self,
        uuid: str,
        node: str,
        value: float = 0,
        *,
        metric: str = UTIL,
        minutes: Iterable[int] = range(1, 121),
        pod: str = "",
        mig: tuple[str, str] = ("", ""),
        every: int = 1,
    ) -> None:
        """One value for each of `minutes` before the end; `every` keeps one in so many."""
        held = "ml" if pod else ""
        for ago in list(minutes)[::every]:
            at = f"{self.end - MINUTE * ago:%Y-%m-%dT%H:%M:%SZ}"
            self.rows.append(f"{at},{metric},{value},{uuid},{node},A100,{held},{pod},{mig[0]},{mig[1]},,,\n")

    def node(self, name: str, instance: str, gpus: int | None = None) -> None:
        at = f"{self.end - MINUTE:%Y-%m-%dT%H:%M:%SZ}"
        self.rows.append(f"{at},kube_node_info,1,,,,,,,,{name},aws:///{REGION}a/{instance},\n")
        self.rows.append(f"{at},kube_node_labels,1,,,,,,,,{name},,{gpus}\n" if gpus else "")

    def put(self) -> None:
        path = self.folder / f"samples-{len(list(self.folder.iterdir()))}.csv"
        path.write_text(HEADER + "".join(self.rows), encoding="utf-8")
        self.rows.clear()
        done = ingest_capacity_files(self.ledger, [path], taken_at=self.end, delivery=Delivery(self.end, self.end, "test"))
        assert done.samples > 0

    def bill(self, instance: str, hourly: str = "3.00", days: int = 5, until: datetime | None = None, **more: Any) -> None:
        """So many whole days up to `until`, each one line of 24 hours."""
        last = (until or self.end).date()
        lines = [running(last - timedelta(days=n + 1), instance, hourly, **more) for n in range(days)]
        deliver(self.ledger, lines, at=self.end, source=f"aws-{instance[-4:]}")


def running(day: date, instance: str, hourly: str = "3.00", hours: str = "24", **more: Any) -> Charge:

    cost = format(Decimal(hourly) * Decimal(hours), "f")
    said = {"ResourceId": instance, "ConsumedQuantity": Decimal(hours), "ConsumedUnit": "Hours", "SkuMeter": "BoxUsage:p4d", **more}
    place = {"ProviderName": "AWS", "SubAccountId": ACCOUNT, "RegionId": REGION}
    return Charge(day, cost, "ml", more={**place, **said})
