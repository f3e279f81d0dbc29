"""What becomes of one row of Azure's cost details: each test guards one way of getting it wrong."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.deliveries import Staging
from finops.errors import BillError
from tests.sources.azure_rows import USUAL, Row, ingest, text, totals
from tests.sources.conftest import Rows

Export = Callable[..., Staging]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Stage rows as one export."""

    def run(*rows: Row, name: str = "costs.csv", delimiter: str = ",", usual: Row = USUAL) -> Staging:
        (tmp_path / name).write_text(text(*rows, delimiter=delimiter, usual=usual), encoding="utf-8")
        return ingest(tmp_path / name, folder=tmp_path / "out")

    return run


@pytest.fixture
def told(export: Export, rows: Rows) -> Callable[..., tuple[Any, ...]]:
    """Read columns of a single row with a cost of 1."""

    def run(columns: str, /, **row: str) -> tuple[Any, ...]:
        [found] = rows(export({"Cost": "1"} | row), columns)
        return found

    return run


Told = Callable[..., tuple[Any, ...]]


def test_days_and_billing_periods_end_on_the_day_after_the_one_azure_names(told: Told) -> None:
    moments = ("ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd")
    columns = ", ".join(f"strftime({moment}, '%Y-%m-%d %H:%M')" for moment in moments)
    days = ("2026-04-02 00:00", "2026-04-03 00:00", "2026-04-01 00:00", "2026-05-01 00:00")
    assert days == told(columns)
    assert days == told(columns, BillingPeriodEndDate="2026-05-01", Date="2026-04-02T13:30:00.1234567Z")


@pytest.mark.parametrize(
    ("kind", "category", "class_", "status"),
    [
        ("Usage", "Usage", None, None),
        ("Purchase", "Purchase", None, None),
        ("Refund", "Purchase", "Correction", None),
        ("UnusedReservation", "Usage", None, "Unused"),
        ("UnusedSavingsPlan", "Usage", None, "Unused"),
        ("Tax", "Tax", None, None),
        ("Credit", "Credit", None, None),
        ("RoundingAdjustment", "Adjustment", None, None),
        ("", "Usage", None, None),
        ("usage", "Usage", None, None),
    ],
)
def test_a_type_of_charge_is_a_category(told: Told, kind: str, category: str, class_: str | None, status: str | None) -> None:
    assert (category, class_, status) == told("ChargeCategory, ChargeClass, CommitmentDiscountStatus", ChargeType=kind)


@pytest.mark.parametrize(
    ("model", "benefit", "expected"),
    [
        ("OnDemand", "", ("Standard", None, None, None, None)),
        ("Spot", "", ("Dynamic", None, None, None, None)),
        ("Reservation", "r1", ("Committed", "r1", "Reservation", "Usage", "Used")),
        ("SavingsPlan", "s1", ("Committed", "s1", "Savings Plan", "Spend", "Used")),
        ("Savings Plan", "s1", ("Committed", "s1", "Savings Plan", "Spend", "Used")),
        ("", "r1", ("Committed", "r1", "Reservation", "Usage", "Used")),
        ("", "/providers/Microsoft.BillingBenefits/savingsPlanOrders/1", None),
        ("", "", (None, None, None, None, None)),
    ],
)
def test_a_pricing_model_tells_of_commitments(told: Told, model: str, benefit: str, expected: tuple[str, ...] | None) -> None:
    columns = "PricingCategory, CommitmentDiscountId, CommitmentDiscountType, CommitmentDiscountCategory, CommitmentDiscountStatus"
    found = told(columns, PricingModel=model, benefitId=benefit)
    assert (expected or ("Committed", benefit, "Savings Plan", "Spend", "Used")) == found


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ('{"team": "ml"}', '{"team": "ml"}'),
        ('"team": "ml","env": "prod"', '{"team": "ml","env": "prod"}'),
        ('"team":"a, b: \\"c\\""', '{"team":"a, b: \\"c\\""}'),
        ("", None),
        ('"team": "ml","en', None),
    ],
)
def test_tags_are_read_with_and_without_braces(told: Told, tags: str, expected: str | None) -> None:
    assert (expected,) == told("Tags", Tags=tags)


@pytest.mark.parametrize(
    ("unit", "priced", "consumed", "quantity"),
    [
        ("100 Hours", "100 Hours", "Hours", "3"),
        ("1 Hour", "Hours", "Hours", "300"),
        ("10K", "10000 Units", "Units", "0.03"),
        ("1M Tokens", "1000000 Tokens", "Tokens", "0.0003"),
        ("1K Tokens", "1000 Tokens", "Tokens", "0.3"),
        ("1 GB Hour", "GB-Hours", "GB-Hours", "300"),
        ("100 GB/Month", "100 GB/Month", "GB/Month", "3"),
        ("1/Month", "Units/Month", "Units/Month", "300"),
        ("1 /Day", "Units/Day", "Units/Day", "300"),
        ("1 MB", "MB", "MB", "300"),
        ("10,000 Query", "10000 Queries", "Queries", "0.03"),
        ("1 Million", "1000000 Units", "Units", "0.0003"),
        ("1B", "1000000000 Units", "Units", "0.0000003"),
        ("0 Unassigned", None, None, None),
        ("10000s", None, None, None),
        ("", None, None, None),
    ],
)
def test_the_unit_tells_how_many_units_one_price_is_for(
    told: Told, unit: str, priced: str | None, consumed: str | None, quantity: str | None
) -> None:
    columns = "PricingUnit, ConsumedUnit, PricingQuantity, ConsumedQuantity"
    expected = (priced, consumed, quantity and Decimal(quantity).quantize(Decimal("1E-10")), Decimal(300))
    assert expected == told(columns, UnitOfMeasure=unit, Quantity="300")


def test_only_what_was_used_was_consumed(told: Told) -> None:
    columns = "ConsumedQuantity, ConsumedUnit, PricingQuantity"
    for kind in ("Purchase", "UnusedReservation"):
        assert (None, None, Decimal(2)) == told(columns, ChargeType=kind, Quantity="2", UnitOfMeasure="1 Hour")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"paygCostInBillingCurrency": "1.5"}, "1.5"),
        ({"paygCostInBillingCurrency": "0"}, None),
        ({"paygCostInBillingCurrency": "0", "Cost": "0"}, "0"),
        ({"paygCostInBillingCurrency": "0", "Cost": "0", "PublisherType": "Marketplace"}, None),
        ({"paygCostInBillingCurrency": "0", "Cost": "0", "PricingModel": "Reservation"}, None),
    ],
)
def test_a_list_cost_of_zero_mostly_means_that_nobody_knows(told: Told, row: Row, expected: str | None) -> None:
    assert (expected and Decimal(expected),) == told("ListCost", **row)


def test_without_list_costs_they_are_unknown_and_a_note_says_so(export: Export) -> None:
    staging = export({"Cost": "1", "PayGPrice": "2"})
    assert [None] == [part.totals[0].list for part in staging.parts]
    assert "no paygCostInBillingCurrency is delivered, so list costs are unknown" in staging.notes


def test_prices_in_another_currency_than_the_bill_are_not_mixed_with_it(told: Told) -> None:
    columns = "ListUnitPrice, ContractedUnitPrice, PricingCurrency, BillingCurrency"
    prices = {"PayGPrice": "3", "UnitPrice": "2", "costInUsd": "9"}
    assert (Decimal(3), Decimal(2), "USD", "USD") == told(columns, pricingCurrency="USD", **prices)
    assert (None, None, "USD", "EUR") == told(columns, pricingCurrency="USD", BillingCurrency="EUR", **prices)


def test_the_cost_in_the_billing_currency_goes_before_other_costs(told: Told) -> None:
    assert (Decimal(7),) == told("BilledCost", CostInBillingCurrency="7", CostInPricingCurrency="8", CostInUsd="9")


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ("EastUS2", "eastus2"),
        ("US East 2", "eastus2"),
        ("US North Central", "northcentralus"),
        ("EU West", "westeurope"),
        ("AP Southeast", "southeastasia"),
        ("UK South", "uksouth"),
        ("swedencentral", "swedencentral"),
        ("Unassigned", None),
        ("", None),
    ],
)
def test_a_region_has_one_spelling(told: Told, place: str, region: str | None) -> None:
    assert (region,) == told("RegionId", ResourceLocation=place)


@pytest.mark.parametrize(
    ("row", "service", "category"),
    [
        ({"MeterCategory": "Storage", "ConsumedService": "Microsoft.Storage"}, "Storage", None),
        ({"MeterCategory": "Unassigned", "ConsumedService": "Microsoft.Sql"}, "Microsoft.Sql", None),
        ({"MeterCategory": "", "PublisherName": "Acme", "PublisherType": "Marketplace"}, "Acme", None),
        ({"MeterCategory": ""}, "Azure", None),
        ({"MeterCategory": "Azure OpenAI"}, "Azure OpenAI", "AI and Machine Learning"),
        ({"MeterCategory": "Foundry Models"}, "Foundry Models", "AI and Machine Learning"),
        ({"ConsumedService": "microsoft.cognitiveservices"}, "Virtual Machines", "AI and Machine Learning"),
        ({"ConsumedService": "Microsoft.MachineLearningServices"}, "Virtual Machines", "AI and Machine Learning"),
    ],
)
def test_a_service_has_a_name_and_perhaps_a_category(told: Told, row: Row, service: str, category: str | None) -> None:
    assert (service, category) == told("ServiceName, ServiceCategory", **row)


def test_a_resource_is_named_by_its_id_which_stays_as_delivered(told: Told) -> None:
    path = "/subscriptions/One/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/VM-7"
    expected = (path, "VM-7", "Microsoft.Compute/virtualMachines", "one", "Prod", "Microsoft", "Microsoft")
    columns = "ResourceId, ResourceName, ResourceType, SubAccountId, SubAccountName, ProviderName, PublisherName"
    assert expected == told(columns, ResourceId=path, SubscriptionName="Prod", PublisherType="Azure")


def test_additional_info_names_the_machine_with_and_without_braces(told: Told) -> None:
    details = '{"InstanceType":"Standard_D2","CoreCount":2}'
    for info in ('{"ServiceType":"Standard_D2","VCPUs":2,"VMName":null}', '"ServiceType": "Standard_D2","VCPUs": 2'):
        assert (details,) == told("SkuPriceDetails", AdditionalInfo=info)
    assert (None,) == told("SkuPriceDetails", AdditionalInfo='{"VMName":"x"}')


def test_customer_agreements_bill_by_profile_and_enterprise_agreements_by_account(told: Told) -> None:
    payer = {"BillingProfileId": "P", "BillingProfileName": "Profile", "BillingAccountName": "Account"}
    assert ("42", "Account") == told("BillingAccountId, BillingAccountName", **payer)
    assert ("P", "Profile") == told("BillingAccountId, BillingAccountName", exchangeRatePricingToBilling="1", **payer)


def test_a_charge_of_nobodys_subscription_survives(told: Told) -> None:
    shared = {"SubscriptionId": "", "ChargeType": "Purchase", "PricingModel": "Reservation", "benefitId": "r1"}
    assert (None, Decimal(1), "Purchase") == told("SubAccountId, BilledCost, ChargeCategory", **shared)


def test_billing_periods_that_begin_within_a_month_are_filed_under_the_month_of_the_charge(export: Export) -> None:
    staging = export(
        {"Cost": "1", "Date": "2026-04-12", "BillingPeriodStartDate": "2026-03-13", "BillingPeriodEndDate": "2026-04-12"},
        {"Cost": "2", "Date": "2026-04-13", "BillingPeriodStartDate": "2026-04-13", "BillingPeriodEndDate": "2026-05-12"},
    )
    assert [("2026-04", 2, Decimal(3), Decimal(3))] == totals(staging)
    assert "billing periods that begin within a month were filed under the month of each charge (2 rows)" in staging.notes


def test_a_late_charge_stays_in_the_month_it_is_billed_in(export: Export) -> None:
    assert [("2026-04", 1, Decimal(1), Decimal(1))] == totals(export({"Cost": "1", "Date": "2026-03-31"}))


def test_a_row_without_a_currency_is_in_the_only_one_of_its_file(export: Export, rows: Rows) -> None:
    staging = export({"Cost": "1", "BillingCurrency": "EUR"}, {"Cost": "2", "BillingCurrency": ""})
    assert [("EUR",), ("EUR",)] == rows(staging, "BillingCurrency")
    assert "rows that name no currency were read in the only one of their file, or else in USD (1 row)" in staging.notes


def test_a_row_without_a_currency_among_several_is_set_apart(export: Export) -> None:
    staging = export({"Cost": "1", "BillingCurrency": "EUR"}, {"Cost": "2", "BillingCurrency": "USD"}, {"Cost": "4", "BillingCurrency": ""})
    assert ["the charge has no billing currency"] == [bad.reason for bad in staging.bad_rows]


def test_a_row_with_a_cost_and_no_day_is_set_apart(export: Export) -> None:
    staging = export({"Cost": "1"}, {"Cost": "2", "Date": ""})
    assert ["the charge has no start"] == [bad.reason for bad in staging.bad_rows]


def test_a_cost_that_is_no_number_is_set_apart_in_either_view(export: Export) -> None:
    for name in ("actual.csv", "amortised.csv"):
        staging = export({"Cost": "abc", "PricingModel": "Reservation"}, {"Cost": "2"}, name=name)
        assert {"2026-04": 1} == staging.bad_row_counts


def test_a_file_without_the_cost_is_refused_and_the_near_name_is_named(export: Export) -> None:
    with pytest.raises(BillError, match=r"^costs\.csv:1: no column 'costInBillingCurrency'; a bill in the format 'azure' needs it\."):
        export({"Costs": "1"})
