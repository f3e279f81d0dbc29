"""Small AWS exports by hand: every sum can be worked out by a reader."""

import csv
import gzip
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from bot.assemble import Tools
from jobs.ingest_bills import ingest_bills
from jobs.registry import Tools as JobTools
from tests.integration.conftest import Bucket

COLUMNS = (
    "bill_billing_period_start_date",
    "bill_billing_period_end_date",
    "bill_payer_account_id",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_line_item_type",
    "line_item_unblended_cost",
    "line_item_currency_code",
    "line_item_product_code",
)


def cur(period: str, costs: Iterable[str]) -> bytes:
    """Return a CUR 2.0 file of a month: one row of usage for each cost."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    year, month = int(period[:4]), int(period[5:])
    end = f"{year + month // 12}-{month % 12 + 1:02}-01T00:00:00Z"
    for number, cost in enumerate(costs):
        day = f"{period}-{number % 28 + 1:02}T{number % 24:02}"
        writer.writerow(
            [f"{period}-01T00:00:00Z", end, "111122223333", f"{day}:00:00Z", f"{day}:59:59Z", "Usage", cost, "USD", "AmazonBedrock"]
        )
    return gzip.compress(text.getvalue().encode(), mtime=0)


@dataclass(frozen=True)
class Export:
    """A Data Export in a bucket: `run` is the execution's folder in create-new mode."""

    bucket: Bucket
    root: str = "billing/cur2"

    def data(self, period: str, number: int, content: bytes, run: str = "") -> str:
        return self.bucket.put(self._key("data", period, run, f"cur2-{number:05}.csv.gz"), content)

    def manifest(self, period: str, files: Iterable[object], run: str = "", **more: object) -> str:
        content = {"dataFiles": list(files), "exportName": "cur2", **more}
        return self.bucket.put(self._key("metadata", period, run, "cur2-Manifest.json"), json.dumps(content))

    def deliver(self, period: str, *parts: Iterable[str], run: str = "") -> list[str]:
        """Put data files, one for each list of costs, and last their manifest; return the keys."""
        keys = [self.data(period, number, cur(period, costs), run) for number, costs in enumerate(parts)]
        self.manifest(period, [f"s3://{self.bucket.name}/{key}" for key in keys], run)
        return keys

    def _key(self, kind: str, period: str, run: str, name: str) -> str:
        return "/".join(part for part in (self.root, kind, f"BILLING_PERIOD={period}", run, name) if part)

    def entry(self, more: str = "") -> str:
        return (
            f'sources: {{aws-main: {{kind: aws, from: "s3://{self.bucket.name}/{self.root}", endpoint: "{self.bucket.endpoint}"{more}}}}}'
        )


def run(tools: Tools) -> str:
    """Let the agent run now; return its sentence."""
    return ingest_bills(JobTools(tools.ledger, tools.now(), tools.settings, tools.rulebook))


def billed(tools: Tools) -> dict[str, Decimal]:
    """Return what is live: the billed cost of each month."""
    from finops.ledger.tables import control_totals, live

    joined = live.join(control_totals, control_totals.c.load_id == live.c.load_id)
    with tools.ledger.engine.connect() as connection:
        rows = connection.execute(joined.select()).mappings().all()
    return {row["period"]: row["billed"].normalize() for row in rows}
