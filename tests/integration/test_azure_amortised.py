"""Actual and amortised exports of one month, from Azurite through the real client into the ledger: one bill, never two."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from bot.assemble import Tools
from tests.integration.conftest import NOW, Configured
from tests.integration.exports import run
from tests.integration.test_blob import SCOPE, Container
from tests.sources.azure_rows import Row, raw, text

pytestmark = pytest.mark.azurite
DAY: Final = timedelta(days=1)
DATA: Final = Path(__file__).parents[1] / "data" / "azure"
RESERVED: Row = {"PricingModel": "Reservation", "benefitId": "r1"}
BOUGHT: Row = {**RESERVED, "ChargeType": "Purchase", "Cost": "30", "SubscriptionId": ""}
COVERED: Row = {**RESERVED, "Cost": "0"}
SPREAD: Row = {**RESERVED, "Cost": "20"}
UNUSED: Row = {**RESERVED, "ChargeType": "UnusedReservation", "Cost": "10"}


@pytest.fixture
def container(azurite_server: str) -> Iterator[Container]:
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_connection_string(azurite_server, f"bills-{uuid.uuid4().hex[:10]}") as client:
        client.create_container()
        yield Container(client, azurite_server)


def used(cost: str) -> Row:
    return {"Cost": cost}


def actual(container: Container, stamp: str, *parts: list[Row], scope: str = SCOPE) -> None:
    container.run(stamp, [text(*rows).encode("utf-8-sig") for rows in parts], kind="ActualCost", export=f"actual{len(scope)}", scope=scope)


def amortised(container: Container, stamp: str, *parts: list[Row], scope: str = SCOPE) -> None:
    content = [text(*rows).encode("utf-8-sig") for rows in parts]
    container.run(stamp, content, kind="AmortizedCost", export=f"amortised{len(scope)}", scope=scope)


def live(tools: Tools) -> dict[str, tuple[int, Decimal, Decimal]]:
    """Return what is live of each month: rows, billed and effective cost."""
    from finops.ledger.tables import control_totals
    from finops.ledger.tables import live as living

    joined = living.join(control_totals, control_totals.c.load_id == living.c.load_id)
    with tools.ledger.engine.connect() as connection:
        found = connection.execute(joined.select()).mappings().all()
    return {row["period"]: (row["rows"], row["billed"].normalize(), row["effective"].normalize()) for row in found}


def opened(container: Container, configured: Configured, days: int = 0) -> Tools:
    return configured(container.entry(), now=NOW + days * DAY, AZURE_STORAGE_CONNECTION_STRING=container.connection)


def test_a_month_s_two_exports_are_one_bill_in_the_ledger(container: Container, configured: Configured) -> None:
    actual(container, "202604110600", [used("5"), COVERED], [BOUGHT])
    amortised(container, "202604110700", [used("5"), SPREAD], [UNUSED])
    tools = opened(container, configured)
    assert "asked 1 source: 1 loaded" == run(tools)
    assert {"2026-04": (4, Decimal(35), Decimal(35))} == live(tools)


def test_a_newer_run_of_both_replaces_the_month_and_a_second_look_changes_nothing(container: Container, configured: Configured) -> None:
    actual(container, "202604110600", [used("5"), COVERED, BOUGHT])
    amortised(container, "202604110700", [used("5"), SPREAD, UNUSED])
    run(opened(container, configured))
    actual(container, "202604120600", [used("5"), used("8"), COVERED, BOUGHT])
    amortised(container, "202604120700", [used("5"), used("8"), SPREAD, UNUSED])
    tools = opened(container, configured, 1)
    assert "asked 1 source: 1 loaded" == run(tools)
    assert "asked 1 source: nothing new" == run(opened(container, configured, 2))
    assert {"2026-04": (5, Decimal(43), Decimal(43))} == live(tools)


def test_parts_whose_rows_show_no_view_are_known_by_their_manifest(container: Container, configured: Configured) -> None:
    actual(container, "202604110600", [used("5")], [used("8")])
    amortised(container, "202604110700", [used("5")], [used("8")])
    tools = opened(container, configured)
    run(tools)
    assert {"2026-04": (2, Decimal(13), Decimal(13))} == live(tools)


def test_two_subscriptions_with_both_exports_each_are_one_bill(container: Container, configured: Configured) -> None:
    other = SCOPE.replace("0000-1111", "22")
    for scope, name in ((SCOPE, "one"), (other, "two")):
        of_it = list[Row]([{"SubscriptionId": name, **row} for row in (used("5"), {**BOUGHT, "SubscriptionId": name})])
        spread = list[Row]([{"SubscriptionId": name, **row} for row in (used("5"), SPREAD, UNUSED)])
        actual(container, "202604110600", of_it, scope=scope)
        amortised(container, "202604110700", spread, scope=scope)
    tools = opened(container, configured)
    run(tools)
    assert {"2026-04": (8, Decimal(70), Decimal(70))} == live(tools)


def test_an_export_that_holds_parts_of_two_billing_periods_is_filed_under_its_own_month(
    container: Container, configured: Configured
) -> None:
    """Pay-as-you-go subscriptions bill from the day they were opened on."""
    parts = (("2026-03-13", "2026-04-12", "2026-04-02"), ("2026-04-13", "2026-05-12", "2026-04-20"))
    rows: list[Row] = [
        {"BillingPeriodStartDate": start, "BillingPeriodEndDate": end, "Date": day, "Cost": "2"} for start, end, day in parts
    ]
    actual(container, "202604210600", rows)
    tools = opened(container, configured)
    assert "asked 1 source: 1 loaded" == run(tools)
    assert {"2026-04": (2, Decimal(4), Decimal(4))} == live(tools)


def test_microsoft_s_samples_arrive_as_one_bill(container: Container, configured: Configured) -> None:
    """They are of September 2023, and so must be the month their manifests announce."""
    for kind, name in (("ActualCost", "ea_actual_2023-09.csv"), ("AmortizedCost", "ea_amortized_2023-09.csv")):
        when: dict[str, Any] = {"runInfo": {"submittedTime": "2023-09-25T00:00:00Z", "startDate": "2023-09-01", "endDate": "2023-09-30"}}
        count = len(raw(DATA / name))
        container.run("202309250600", [(DATA / name).read_bytes()], kind=kind, export=kind, dataRowCount=count, **when)
    tools = opened(container, configured)
    run(tools)
    assert {"2023-09": (29, Decimal("19.0477801361"), Decimal("16.2969321366"))} == live(tools)
