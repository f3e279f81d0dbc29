"""Actual and amortised costs: told apart by rows and names, made one bill by the rule of FOCUS, never added up."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from finops.deliveries import Staging
from finops.errors import BillError
from tests.sources.azure_rows import Row, exact, ingest, raw, text, totals
from tests.sources.conftest import Rows

Deliver = Callable[..., Staging]

RESERVED: Row = {"PricingModel": "Reservation", "benefitId": "r1"}
PLANNED: Row = {"PricingModel": "SavingsPlan", "benefitId": "s1"}
ON_DEMAND: Row = {"Cost": "5", "ResourceId": "vm"}
# A reservation of 30 and a plan of 12 for April: by the actual view they are bought, by the amortised one they are used up.
ACTUAL: tuple[Row, ...] = (
    ON_DEMAND,
    {**RESERVED, "ChargeType": "Purchase", "Cost": "30", "SubscriptionId": ""},
    {**PLANNED, "ChargeType": "Purchase", "Cost": "12", "SubscriptionId": ""},
    {**RESERVED, "ChargeType": "Refund", "Cost": "-3", "SubscriptionId": ""},
    {**RESERVED, "Cost": "0"},
    {**PLANNED, "Cost": "0"},
    {"ChargeType": "Purchase", "PublisherType": "Marketplace", "Cost": "7"},
)
AMORTISED: tuple[Row, ...] = (
    ON_DEMAND,
    {**RESERVED, "Cost": "20"},
    {**RESERVED, "ChargeType": "UnusedReservation", "Cost": "7"},
    {**PLANNED, "Cost": "11"},
    {**PLANNED, "ChargeType": "UnusedSavingsPlan", "Cost": "1"},
    {"ChargeType": "Purchase", "PublisherType": "Marketplace", "Cost": "7"},
)
NOT_SPREAD = "only actual costs were delivered (2026-04): commitments are not spread over what they cover"
NOT_BOUGHT = "only amortised costs were delivered (2026-04): what commitments cost when they were bought is missing"


@pytest.fixture
def deliver(tmp_path: Path) -> Deliver:
    """Stage files given as rows under their paths."""

    def run(**files: tuple[Row, ...]) -> Staging:
        paths = []
        for name, rows in files.items():
            path = tmp_path / "delivery" / f"{name.replace('__', '/')}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text(*rows))
            paths.append(path)
        return ingest(*paths, folder=tmp_path / "out")

    return run


def test_both_views_are_one_bill_with_the_billed_cost_of_one_and_the_effective_cost_of_the_other(deliver: Deliver) -> None:
    staging = deliver(actual=ACTUAL, amortised=AMORTISED)
    billed, effective = (sum(Decimal(row["Cost"]) for row in view) for view in (ACTUAL, AMORTISED))
    assert (Decimal(51), Decimal(51)) == (billed, effective)
    assert [("2026-04", 9, billed, effective)] == totals(staging)
    assert "actual and amortised costs were made one bill (2026-04); 4 rows of the actual costs gave way" in staging.notes


def test_purchases_of_commitments_have_no_effective_cost_and_what_they_cover_no_billed_one(deliver: Deliver, rows: Rows) -> None:
    staging = deliver(actual=ACTUAL, amortised=AMORTISED)
    where = "ChargeCategory, ChargeClass, CommitmentDiscountStatus, BilledCost, EffectiveCost"
    expected = [
        ("Purchase", "Correction", None, Decimal(-3), Decimal(0)),
        ("Purchase", None, None, Decimal(7), Decimal(7)),
        ("Purchase", None, None, Decimal(12), Decimal(0)),
        ("Purchase", None, None, Decimal(30), Decimal(0)),
        ("Usage", None, None, Decimal(5), Decimal(5)),
        ("Usage", None, "Unused", Decimal(0), Decimal(1)),
        ("Usage", None, "Unused", Decimal(0), Decimal(7)),
        ("Usage", None, "Used", Decimal(0), Decimal(11)),
        ("Usage", None, "Used", Decimal(0), Decimal(20)),
    ]
    assert sorted(expected, key=str) == sorted(rows(staging, where), key=str)


@pytest.mark.parametrize(("rows", "billed", "effective", "note"), [(ACTUAL, 51, 51, NOT_SPREAD), (AMORTISED, 12, 51, NOT_BOUGHT)])
def test_a_lone_view_is_told_by_its_rows_and_says_what_is_missing(
    deliver: Deliver, rows: tuple[Row, ...], billed: int, effective: int, note: str
) -> None:
    staging = deliver(costs=rows)
    assert [("2026-04", len(rows), Decimal(billed), Decimal(effective))] == totals(staging)
    assert note in staging.notes


def test_without_commitments_both_views_are_the_same_and_nothing_is_said(deliver: Deliver) -> None:
    assert [] == [note for note in deliver(costs=(ON_DEMAND,)).notes if "actual" in note]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("actual", "amortised"),
        ("ActualCost_2026", "AmortizedCost_2026"),
        ("00000-actual-part_0", "00001-amortised-part_0"),
        ("ActualCost__part_0", "AmortizedCost__part_0"),
    ],
)
def test_names_tell_the_views_apart_where_rows_do_not(deliver: Deliver, one: str, other: str) -> None:
    assert [("2026-04", 1, Decimal(5), Decimal(5))] == totals(deliver(**{one: (ON_DEMAND,), other: (ON_DEMAND,)}))


def test_a_folder_that_all_files_share_says_nothing(deliver: Deliver) -> None:
    """Of `my-actual-bills/a.csv` and `b.csv` the second is amortised, as its rows say."""
    staging = deliver(my_actual_bills__a=ACTUAL, my_actual_bills__b=AMORTISED)
    assert [("2026-04", 9, Decimal(51), Decimal(51))] == totals(staging)


def test_what_rows_prove_goes_before_what_a_name_says(deliver: Deliver) -> None:
    assert [("2026-04", 6, Decimal(12), Decimal(51))] == totals(deliver(actual=AMORTISED))


def test_parts_without_any_sign_belong_to_their_neighbours(deliver: Deliver) -> None:
    staging = deliver(x__part_0=ACTUAL, x__part_1=(ON_DEMAND,), y__part_0=AMORTISED, y__part_1=(ON_DEMAND,))
    assert [("2026-04", 10, Decimal(56), Decimal(56))] == totals(staging)


def test_covered_usage_at_no_cost_hints_at_actual_costs(deliver: Deliver) -> None:
    """The purchase was last year: the actual view of this month shows only that something was covered."""
    staging = deliver(a=(ON_DEMAND, {**RESERVED, "Cost": "0"}), b=(ON_DEMAND, {**RESERVED, "Cost": "20"}))
    assert [("2026-04", 2, Decimal(5), Decimal(25))] == totals(staging)


def test_decimal_commas_hide_no_proof(deliver: Deliver) -> None:
    staging = deliver(a=({**RESERVED, "Cost": "0"}, {**RESERVED, "Cost": "0,5"}, {"Cost": "1,25"}))
    assert [("2026-04", 3, Decimal("1.25"), Decimal("1.75"))] == totals(staging)


def test_a_file_that_could_be_either_view_is_refused(deliver: Deliver) -> None:
    with pytest.raises(BillError, match=r"^Nothing tells whether c\.csv holds actual or amortised costs; put 'actual' or"):
        deliver(a=ACTUAL, b=AMORTISED, c=(ON_DEMAND,))


def test_the_same_file_twice_is_refused(deliver: Deliver) -> None:
    with pytest.raises(BillError, match=r"^a\.csv and b\.csv are the same file twice; deliver one of them\.$"):
        deliver(a=(ON_DEMAND,), b=(ON_DEMAND,))


def test_both_views_in_one_file_are_refused(deliver: Deliver) -> None:
    with pytest.raises(BillError, match=r"^costs\.csv holds actual and amortised costs in one file; deliver the two exports as files"):
        deliver(costs=(*ACTUAL, *AMORTISED))


def test_each_month_is_united_by_itself(deliver: Deliver) -> None:
    may = tuple({**row, "Date": "2026-05-02", "BillingPeriodStartDate": "2026-05-01"} for row in ACTUAL)
    staging = deliver(actual=(*ACTUAL, *may), amortised=AMORTISED)
    assert [("2026-04", 9, Decimal(51), Decimal(51)), ("2026-05", 7, Decimal(51), Decimal(51))] == totals(staging)
    assert NOT_SPREAD.replace("2026-04", "2026-05") in staging.notes


def test_a_subscription_without_amortised_costs_stays_as_billed(deliver: Deliver) -> None:
    """Its own export was set up for one view only: its usage must not be lost, nor its purchase made free."""
    two = [{**row, "SubscriptionId": "two"} for row in (ON_DEMAND, {**RESERVED, "ChargeType": "Purchase", "Cost": "30"})]
    staging = deliver(actual=(*ACTUAL, *two), amortised=AMORTISED)
    assert [("2026-04", 11, Decimal(86), Decimal(86))] == totals(staging)
    assert "2 rows of subscriptions without amortised costs stayed as billed" in staging.notes


def test_another_billing_account_without_amortised_costs_stays_as_billed(deliver: Deliver) -> None:
    other = {**RESERVED, "ChargeType": "Purchase", "Cost": "30", "BillingAccountId": "43", "SubscriptionId": ""}
    assert [("2026-04", 10, Decimal(81), Decimal(81))] == totals(deliver(actual=(*ACTUAL, other), amortised=AMORTISED))


def test_the_case_of_a_subscription_does_not_count(deliver: Deliver) -> None:
    upper = tuple({**row, "SubscriptionId": row.get("SubscriptionId", "ONE")} for row in ACTUAL)
    assert [("2026-04", 9, Decimal(51), Decimal(51))] == totals(deliver(actual=upper, amortised=AMORTISED))


def test_all_rows_are_counted_as_read(deliver: Deliver) -> None:
    assert len(ACTUAL) + len(AMORTISED) == deliver(actual=ACTUAL, amortised=AMORTISED).read


def test_the_same_bytes_under_another_view_are_another_delivery(deliver: Deliver) -> None:
    first = deliver(actual=(ON_DEMAND,))
    assert first.digest != deliver(amortised=(ON_DEMAND,)).digest
    assert first.digest == deliver(actual=(ON_DEMAND,)).digest


def test_microsofts_own_samples_of_both_views_are_one_bill(data: Path, tmp_path: Path) -> None:
    files = [data / "azure" / f"ea_{view}_2023-09.csv" for view in ("actual", "amortized")]
    actual, amortised = ([(row["ChargeType"], row["PricingModel"], exact(row["Cost"])) for row in raw(file)] for file in files)
    bought = [cost for kind, model, cost in actual if kind == "Purchase" and model == "Reservation"]
    paid = [cost for kind, model, cost in amortised if model == "OnDemand"]
    expected = ("2023-09", len(bought) + len(amortised), sum(bought) + sum(paid), sum(cost for *_, cost in amortised))
    assert [expected] == totals(ingest(*files, folder=tmp_path / "out"))
