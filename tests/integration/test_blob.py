"""Azure exports through the real client from Azurite: month to date is replaced by the newest run, and runs are taken whole."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.errors import SourceError
from finops.secret import Secret
from finops.sources.azure_blob import BlobPlace, Blobs
from finops.sources.objects_source import ObjectSource
from tests.integration.conftest import NOW, Configured
from tests.integration.exports import billed, run

pytestmark = pytest.mark.azurite
DAY = timedelta(days=1)
HEADER = "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,BilledCost,BillingCurrency,ServiceName,ChargeCategory\n"
SCOPE = "/subscriptions/0000-1111/providers/Microsoft.CostManagement/exports/"


@dataclass(frozen=True)
class Container:
    """A container of this test's own, and exports put into it."""

    client: Any
    connection: str

    def put(self, name: str, content: bytes) -> str:
        self.client.upload_blob(name, content, overwrite=True)
        return name

    def run(
        self, stamp: str, parts: list[bytes], *, kind: str = "FocusCost", export: str = "focus", scope: str = SCOPE, **more: Any
    ) -> str:
        """Put the parts of one run of April's export and then its manifest; return its folder."""
        folder = f"exports/{export}/20260401-20260430/{stamp}/{uuid.uuid4()}"
        blobs = [{"blobName": self.put(f"{folder}/part_{n}.csv", part), "byteCount": len(part)} for n, part in enumerate(parts)]
        at = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[8:10]}:{stamp[10:]}:00.1234567Z"
        manifest = {
            "exportConfig": {"exportName": export, "resourceId": scope + export, "type": kind},
            "runInfo": {"submittedTime": at, "startDate": "2026-04-01T00:00:00", "endDate": "2026-04-30T00:00:00"},
            "blobCount": len(blobs),
            "dataRowCount": sum(part.count(b"\n") - 1 for part in parts),
            "blobs": blobs,
        }
        self.put(f"{folder}/manifest.json", json.dumps(manifest | more).encode())
        return folder

    def entry(self) -> str:
        return f'sources: {{azure: {{kind: azure, from: "az://devstoreaccount1/{self.client.container_name}/exports"}}}}'

    def source(self) -> ObjectSource:
        place = BlobPlace("devstoreaccount1", self.client.container_name, "exports")
        return ObjectSource("azure", "azure", Blobs(place, None, Secret(self.connection)), place.path)


def focus(*costs: str) -> bytes:
    rows = [
        f"2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,2026-04-{n % 30 + 1:02}T00:00:00Z,{cost},USD,Virtual Machines,Usage\n"
        for n, cost in enumerate(costs)
    ]
    return ("\ufeff" + HEADER + "".join(rows)).encode()


@pytest.fixture
def container(azurite_server: str) -> Iterator[Container]:
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_connection_string(azurite_server, f"bills-{uuid.uuid4().hex[:10]}") as client:
        client.create_container()
        yield Container(client, azurite_server)


def test_runs_are_cumulative_so_the_newest_replaces_the_others(container: Container, configured: Configured) -> None:
    container.run("202604100600", [focus("1", "2")])
    container.run("202604110600", [focus("1", "2", "4"), focus("8")])
    tools = configured(container.entry(), AZURE_STORAGE_CONNECTION_STRING=container.connection)
    assert "asked 1 source: 1 loaded" == run(tools)
    assert {"2026-04": Decimal(15)} == billed(tools)
    container.run("202604120600", [focus("1", "2", "4", "8", "16")])
    tools = configured(container.entry(), now=NOW + DAY, AZURE_STORAGE_CONNECTION_STRING=container.connection)
    run(tools)
    assert {"2026-04": Decimal(31)} == billed(tools)


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        ({"blobCount": 2}, "announces 2 files and names 1"),
        ({"blobs": []}, "announces 1 files and names 0"),
        ({"blobs": [{"blobName": "exports/focus/20260401-20260430/gone.csv", "byteCount": 5}]}, "gone.csv is not there"),
    ],
)
def test_a_run_that_is_not_whole_waits_and_the_month_before_stays(
    spoiled: dict[str, Any], reason: str, container: Container, configured: Configured
) -> None:
    container.run("202604100600", [focus("1")])
    run(configured(container.entry(), AZURE_STORAGE_CONNECTION_STRING=container.connection))
    container.run("202604110600", [focus("9")], **spoiled)
    tools = configured(container.entry(), now=NOW + DAY, AZURE_STORAGE_CONNECTION_STRING=container.connection)
    assert "asked 1 source: 1 waiting" == run(tools)
    [offer] = container.source().offers(NOW.date() - 60 * DAY)
    assert offer.waiting is not None
    assert reason in offer.waiting
    assert {"2026-04": Decimal(1)} == billed(tools)


def test_fewer_rows_than_the_manifest_announces_are_not_loaded(container: Container, configured: Configured) -> None:
    container.run("202604100600", [focus("1", "2")], dataRowCount=3)
    tools = configured(container.entry(), AZURE_STORAGE_CONNECTION_STRING=container.connection)
    with pytest.raises(SourceError, match="announces 3 rows and its files hold 2; nothing was loaded"):
        run(tools)
    assert {} == billed(tools)


def test_actual_and_amortised_costs_of_a_month_are_one_delivery(container: Container, tmp_path: Path) -> None:
    container.run("202604100600", [b"old\n1\n"], kind="ActualCost", export="actual")
    container.run("202604110600", [b"actual\n1\n"], kind="ActualCost", export="actual")
    container.run("202604110700", [b"amortised\n1\n2\n"], kind="AmortizedCost", export="amortised")
    source = container.source()
    [offer] = source.offers(NOW.date() - 60 * DAY)
    fetched = source.fetch(offer, tmp_path / "here")
    assert ["actual\n1\n", "amortised\n1\n2\n"] == [path.read_text() for path in fetched.paths]
    assert ["actual", "amortised"] == [path.name.split("-")[1] for path in fetched.paths]
    assert ("azure", 3) == (fetched.format, fetched.rows)


def test_a_focus_export_is_preferred_over_actual_and_amortised_costs(container: Container, tmp_path: Path) -> None:
    container.run("202604110600", [b"actual\n1\n"], kind="ActualCost", export="actual")
    container.run("202604100600", [focus("1")])
    container.run("202604120600", [b"prices\n1\n"], kind="PriceSheet", export="prices")
    source = container.source()
    [offer] = source.offers(NOW.date() - 60 * DAY)
    assert "focus" == source.fetch(offer, tmp_path / "here").format


def test_two_subscriptions_are_one_bill_and_a_billing_account_beside_them_is_refused(container: Container, configured: Configured) -> None:
    container.run("202604110600", [focus("1")])
    container.run("202604110600", [focus("2")], export="other", scope=SCOPE.replace("0000", "2222"))
    tools = configured(container.entry(), AZURE_STORAGE_CONNECTION_STRING=container.connection)
    run(tools)
    assert {"2026-04": Decimal(3)} == billed(tools)
    account = "/providers/Microsoft.Billing/billingAccounts/12/providers/Microsoft.CostManagement/exports/"
    container.run("202604110600", [focus("3")], export="whole", scope=account)
    with pytest.raises(SourceError, match="holds the exports 'focus', 'other', 'whole', which may bill the same money"):
        run(configured(container.entry(), AZURE_STORAGE_CONNECTION_STRING=container.connection))


def test_runs_without_a_manifest_are_told_apart_by_their_folders(container: Container, configured: Configured) -> None:
    container.put("exports/focus-daily/20260401-20260430/202604100600/x/part.csv", focus("1"))
    container.put("exports/focus-daily/20260401-20260430/202604110600/y/part.csv", focus("1", "2"))
    tools = configured(container.entry(), AZURE_STORAGE_CONNECTION_STRING=container.connection)
    run(tools)
    assert {"2026-04": Decimal(3)} == billed(tools)


def test_a_manifest_that_leads_elsewhere_is_refused(container: Container, configured: Configured) -> None:
    container.run("202604110600", [focus("1")], blobs=[{"blobName": "../../secrets.csv"}])
    tools = configured(container.entry(), AZURE_STORAGE_CONNECTION_STRING=container.connection)
    with pytest.raises(
        SourceError, match=r"manifest\.json names '\.\./\.\./secrets\.csv', which leads out of its folder; nothing of it was read"
    ):
        run(tools)


def test_a_container_that_is_not_there_is_told(container: Container) -> None:
    place = BlobPlace("devstoreaccount1", "nothing-here", "exports")
    source = ObjectSource("azure", "azure", Blobs(place, None, Secret(container.connection)), place.path)
    assert ["there is no az://devstoreaccount1/nothing-here (ContainerNotFound); check the spelling"] == source.problems()


def test_a_wrong_key_is_told_with_the_role_that_is_missing(container: Container) -> None:
    place = BlobPlace("devstoreaccount1", container.client.container_name, "exports")
    wrong = container.connection.replace("Eby8", "AAAA")
    [problem] = ObjectSource("azure", "azure", Blobs(place, None, Secret(wrong)), place.path).problems()
    assert "refuses us" in problem
    assert "Storage Blob Data Reader" in problem
