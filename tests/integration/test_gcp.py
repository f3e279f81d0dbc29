"""Google Cloud's billing export in BigQuery: google's own client, against a BigQuery of ours on loopback."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.configuration.rulebook_sources import SourceSettings
from finops.deliveries import Staging
from finops.errors import SourceError, UserError
from finops.rulebook import Rulebook
from finops.settings import read
from finops.sources.connect import Surroundings, is_remote, source
from finops.sources.formats import KINDS
from finops.sources.gcp_bigquery import GcpBills, address, checked_table, same_money
from finops.sources.staging import stage
from tests.fakes.bigquery_server import BigQueryServer, Body
from tests.fakes.bigquery_storage import StorageServer

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
KEY = ("billing", "gcp_billing_export_v1_0123AB_4567CD_89EF01")
TABLE = f"costs.{KEY[0]}.{KEY[1]}"


def record(name: str, *fields: Body, mode: str = "NULLABLE") -> Body:
    return {"name": name, "type": "RECORD", "mode": mode, "fields": list(fields)}


def field(name: str, kind: str = "STRING") -> Body:
    return {"name": name, "type": kind, "mode": "NULLABLE"}


PAIRS = (field("key"), field("value"))
SCHEMA = [
    field("billing_account_id"),
    record("service", field("id"), field("description")),
    record("sku", field("id"), field("description")),
    field("usage_start_time", "TIMESTAMP"),
    field("usage_end_time", "TIMESTAMP"),
    record("project", field("id"), field("name"), record("labels", *PAIRS, mode="REPEATED")),
    record("labels", *PAIRS, mode="REPEATED"),
    field("export_time", "TIMESTAMP"),
    field("cost", "FLOAT"),
    field("currency"),
    record("usage", field("amount", "FLOAT"), field("unit")),
    record("credits", field("name"), field("type"), field("amount", "FLOAT"), mode="REPEATED"),
    record("invoice", field("month")),
    field("cost_type"),
]


def row(cost: float, day: int = 2, month: str = "202603", exported: str = "2026-03-03T04:00:00Z", **more: Any) -> Body:
    usual = {
        "billing_account_id": "0123AB-4567CD-89EF01",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "X", "description": "N2 Core"},
        "usage_start_time": f"2026-03-{day:02}T00:00:00Z",
        "usage_end_time": f"2026-03-{day:02}T01:00:00Z",
        "project": {"id": "ml", "name": "ML", "labels": [{"key": "team", "value": "search"}]},
        "labels": [],
        "export_time": exported,
        "cost": cost,
        "currency": "USD",
        "usage": {"amount": 3600.0, "unit": "seconds"},
        "credits": [],
        "invoice": {"month": month},
        "cost_type": "regular",
    }
    return usual | more


CREDITS = [{"name": "a", "type": "DISCOUNT", "amount": -0.1}, {"name": "b", "type": "PROMOTION", "amount": -0.2}]
ROWS = [
    row(1.1, credits=CREDITS),
    row(0.1),
    row(5e-06),
    row(2.0, project=None, cost_type="tax"),
    row(7.0, day=1, month="202602", exported="2026-03-02T00:00:00Z"),
    row(9.0, month="202512", exported="2026-01-03T00:00:00Z"),
]
NET = Decimal("1.1") - Decimal("0.3") + Decimal("0.1") + Decimal("0.000005") + 2

MakeBills = Callable[..., GcpBills]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BigQueryServer]:
    (tmp_path / "served").mkdir()
    with BigQueryServer(tmp_path / "served").running() as server:
        server.put(KEY, SCHEMA, ROWS, by_arrival="export_time")
        yield server


@pytest.fixture
def bills(server: BigQueryServer) -> Iterator[MakeBills]:
    client = server.client()
    yield lambda table=TABLE, **more: GcpBills("gcp", table, client, NOW, **more)
    client.close()


def fetched(bills: GcpBills, folder: Path, period: str = "2026-03") -> Staging:
    offer = next(offer for offer in bills.offers(date(2026, 3, 1)) if offer.period == period)
    found = bills.fetch(offer, folder)
    staged = stage(found.paths, KINDS["gcp"], source="gcp", folder=folder / "staged", derived={})
    assert found.rows == sum(part.rows for part in staged.parts)
    return staged


def billed(staging: Staging) -> Decimal:
    return sum((total.billed for part in staging.parts for total in part.totals), Decimal(0))


def test_a_month_is_its_costs_and_credits_to_the_last_digit(bills: MakeBills, tmp_path: Path) -> None:
    assert NET == billed(fetched(bills(), tmp_path))


def test_usage_of_the_first_may_belong_to_the_month_before(bills: MakeBills, tmp_path: Path) -> None:
    staged = fetched(bills(), tmp_path, "2026-02")
    assert (("2026-02", date(2026, 3, 1)), Decimal(7)) == ((staged.parts[0].period, staged.parts[0].first_day), billed(staged))


def test_months_without_new_rows_are_not_offered(bills: MakeBills) -> None:
    assert ["2026-02", "2026-03"] == [offer.period for offer in bills().offers(date(2026, 3, 1))]


def test_an_unchanged_month_is_the_same_offer_and_a_later_row_makes_another(server: BigQueryServer, bills: MakeBills) -> None:
    first = {offer.period: offer.id for offer in bills().offers(date(2026, 3, 1))}
    assert first == {offer.period: offer.id for offer in bills().offers(date(2026, 3, 1))}
    server.put(KEY, SCHEMA, [*ROWS, row(0.5, exported="2026-03-19T00:00:00.000001Z")], by_arrival="export_time")
    later = {offer.period: offer.id for offer in bills().offers(date(2026, 3, 1))}
    assert ["2026-03"] == [period for period in first if first[period] != later[period]]


def test_a_late_row_is_read_with_the_rest_of_its_month(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    server.put(KEY, SCHEMA, [*ROWS, row(0.5, exported="2026-05-19T00:00:00Z")], by_arrival="export_time")
    assert NET + Decimal("0.5") == billed(fetched(bills(), tmp_path))


def test_rows_that_come_while_a_month_is_read_make_the_next_offer(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    source = bills()
    (first,) = [offer for offer in source.offers(date(2026, 3, 1)) if offer.period == "2026-03"]
    server.put(KEY, SCHEMA, [*ROWS, row(0.5, exported="2026-03-19T00:00:00Z")], by_arrival="export_time")
    assert 4 == source.fetch(first, tmp_path).rows
    assert NET + Decimal("0.5") == billed(fetched(bills(), tmp_path / "next"))


def test_a_table_may_be_read_from_its_beginning(bills: MakeBills) -> None:
    assert ["2025-12", "2026-02", "2026-03"] == [offer.period for offer in bills().offers(date.min)]


def test_an_answer_in_pages_is_read_to_its_end(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    server.page_size = 1
    assert NET == billed(fetched(bills(), tmp_path))


@pytest.mark.filterwarnings("ignore:Retrieving Arrow record batches:PendingDeprecationWarning")  # one google library tells another
@pytest.mark.parametrize("allowed", [True, False])
def test_rows_are_streamed_where_that_is_permitted(allowed: bool, server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    server.page_size = 2
    with StorageServer(server).running() as storage:
        storage.allowed = allowed
        assert NET == billed(fetched(bills(storage=storage.client), tmp_path))
        assert int(allowed) == storage.streams


def test_only_what_the_format_reads_is_asked_for(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    fetched(bills(), tmp_path)
    asked = [job.shown["configuration"]["query"]["query"] for job in server.jobs.values()]
    assert "bill.cost" in asked[-1]
    assert "SELECT *" not in asked[-1]
    assert "_PARTITIONTIME >= @first AND _PARTITIONTIME <= @last" in asked[-1]


def test_a_query_above_the_cap_is_not_run(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    (offer,) = [offer for offer in bills().offers(date(2026, 3, 1)) if offer.period == "2026-03"]
    server.tables[KEY]["numBytes"] = str(3 * 2**30)
    before = len(server.jobs)
    with pytest.raises(SourceError, match=r"would scan 3.00 GiB where at most 2.00 GiB are allowed; raise max_bytes"):
        bills(max_bytes=2 * 2**30).fetch(offer, tmp_path)
    assert before == len(server.jobs)


def test_the_service_is_told_the_same_cap_and_the_estimate_is_shown(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    server.tables[KEY]["numBytes"] = str(2**30)
    told: list[str] = []
    (offer,) = [offer for offer in bills().offers(date(2026, 3, 1)) if offer.period == "2026-03"]
    bills(max_bytes=2 * 2**30).fetch(offer, tmp_path, lambda what, _share: told.append(what))
    assert ["reading 2026-03: 1.00 GiB to scan"] == told
    assert str(2 * 2**30) == next(reversed(server.jobs.values())).shown["configuration"]["query"]["maximumBytesBilled"]


def test_a_detailed_table_brings_its_resources(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    detailed = ("billing", "gcp_billing_export_resource_v1_0123AB_4567CD_89EF01")
    schema = [*SCHEMA, record("resource", field("name"), field("global_name"))]
    server.put(detailed, schema, [row(1.5, resource={"name": "vm-1", "global_name": "//compute/vm-1"})], by_arrival="export_time")
    staged = fetched(bills(f"costs.billing.{detailed[1]}"), tmp_path)
    assert Decimal("1.5") == billed(staged)


def test_a_copy_without_partitions_is_read_too(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    server.put(("billing", "copied"), SCHEMA, ROWS)
    assert NET == billed(fetched(bills("costs.billing.copied"), tmp_path))


def test_a_focus_table_is_read_as_focus(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    moments = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "x_ExportTime")
    texts = ("BillingCurrency", "ServiceName", "ProviderName", "ChargeCategory")
    schema = [*(field(name, "TIMESTAMP") for name in moments), *(field(name) for name in texts), field("BilledCost", "NUMERIC")]
    days = dict(zip(moments, ("2026-03-01", "2026-04-01", "2026-03-05", "2026-03-06", "2026-03-07"), strict=True))
    line = {name: f"{day}T00:00:00Z" for name, day in days.items()}
    line |= {"BillingCurrency": "EUR", "ServiceName": "Vertex AI", "ProviderName": "Google Cloud", "ChargeCategory": "Usage"}
    server.put(("billing", "focus_view"), schema, [line | {"BilledCost": "12.345678901"}])
    assert Decimal("12.345678901") == billed(fetched(bills("costs.billing.focus_view"), tmp_path))


def test_a_table_that_is_no_bill_is_refused(server: BigQueryServer, bills: MakeBills) -> None:
    server.put(("billing", "pets"), [field("name")], [{"name": "Rex"}])
    with pytest.raises(SourceError, match=r"costs.billing.pets is neither a billing export .* nor a FOCUS table"):
        list(bills("costs.billing.pets").offers(date(2026, 3, 1)))


def test_rows_without_an_invoice_month_are_told_and_not_lost(server: BigQueryServer, bills: MakeBills) -> None:
    server.put(("billing", "mended"), SCHEMA, [*ROWS, row(1.0, invoice=None)])
    with pytest.raises(SourceError, match="has rows of the invoice month None, which is none"):
        list(bills("costs.billing.mended").offers(date(2026, 3, 1)))


def test_a_table_that_is_not_there_is_told(bills: MakeBills) -> None:
    (problem,) = bills("costs.billing.gone").problems()
    assert problem.startswith("gcp: there is no costs.billing.gone (")


def test_a_refusal_names_the_permissions(server: BigQueryServer, bills: MakeBills) -> None:
    server.fail_once("denied", "GET", "/tables/")
    (problem,) = bills().problems()
    assert "it needs bigquery.jobs.create, bigquery.tables.get, bigquery.tables.getData" in problem


def test_a_busy_service_is_asked_again(server: BigQueryServer, bills: MakeBills, tmp_path: Path) -> None:
    server.fail_once("busy", "POST", "/jobs")
    assert NET == billed(fetched(bills(), tmp_path))


def test_a_source_that_can_be_read_has_no_problems(bills: MakeBills) -> None:
    assert [] == bills().problems()


@pytest.mark.parametrize("name", ["table", "dataset.table", "a.b.c; DROP TABLE x", "a.b.`c`", "p.d.t.x y"])
def test_what_is_no_table_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"is not a BigQuery table; give project.dataset.table"):
        checked_table(name)


def test_a_project_may_be_named_the_old_way() -> None:
    assert "acme.com:costs.billing.t" == checked_table("acme.com:costs.billing.t")
    assert "costs.billing.t" == checked_table("costs:billing.t")


def test_standard_and_detailed_export_of_an_account_are_the_same_money() -> None:
    tables = [TABLE, TABLE.replace("export_v1", "export_resource_v1"), "costs.billing.gcp_billing_export_v1_FFFFFF_000000_111111"]
    assert [f"{tables[0]} and {tables[1]} hold the same money of billing account 0123AB-4567CD-89EF01; keep one of them"] == same_money(
        tables
    )


@pytest.mark.parametrize(
    ("place", "remote"),
    [
        (TABLE, True),
        ("bigquery://costs/billing/t", True),
        ("gs://bucket/export", True),
        ("acme.march.csv", False),
        ("export.jsonl.gz", False),
    ],
)
def test_a_table_on_the_command_line_is_told_from_a_file(place: str, remote: bool) -> None:
    assert remote == is_remote("gcp", place)


def test_a_folder_of_extracts_is_read_as_files(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "march.jsonl").write_text("".join(json.dumps(each) + "\n" for each in ROWS[:4]))
    found = source(SourceSettings("google", kind="gcp", location="./exports"), Surroundings(read({}, tmp_path), Rulebook(), NOW))
    (offer,) = found.offers(date.min)
    brought = found.fetch(offer, tmp_path / "brought")
    assert NET == billed(stage(brought.paths, KINDS[brought.format], source="google", folder=tmp_path / "staged", derived={}))


def test_an_address_of_a_table_names_it() -> None:
    assert ("costs.billing.t", "costs.billing.t") == (address("bigquery://costs/billing/t"), address("costs.billing.t"))
