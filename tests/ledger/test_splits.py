"""Lines of bills that name no team go to whom usage was measured of; one case after the other."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tests.ledger.split_case import DAY, Row, line, split, used

ML, SEARCH = used("ml", 300), used("search", 100)


def owners(rows: list[Row]) -> dict[tuple[str, str | None], Decimal]:
    """What was billed by line and team, without trailing zeros."""
    found: dict[tuple[str, str | None], Decimal] = {}
    for row in rows:
        key = (row["SkuId"], row["x_Team"])
        found[key] = (found.get(key, Decimal(0)) + row["BilledCost"]).normalize()
    return found


def test_a_line_goes_to_those_who_were_measured(tmp_path: Path) -> None:
    assert {("0", "ml"): 6, ("0", "search"): 2} == owners(split(tmp_path, [line("8", "input")], [ML, SEARCH]))


def test_the_last_digit_goes_to_the_largest_part(tmp_path: Path) -> None:
    usage = [used("a", 100), used("b", 100), used("c", 101)]
    rows = split(tmp_path, [line("0.0000000001", "input")], usage)
    assert {("0", "a"): 0, ("0", "b"): 0, ("0", "c"): Decimal("1E-10")} == owners(rows)


def test_a_line_that_names_a_team_is_left_to_it(tmp_path: Path) -> None:
    bill = [line("8", "input"), line("5", "input", x_Team="ads")]
    assert {("0", "ml"): 8, ("1", "ads"): 5} == owners(split(tmp_path, bill, [ML]))


def test_what_a_team_is_billed_for_by_itself_is_no_weight_for_the_rest(tmp_path: Path) -> None:
    bill = [line("9", "input", tokens=200, x_Team="ml"), line("8", "input", tokens=200)]
    assert {("0", "ml"): 9, ("1", "ml"): 4, ("1", "search"): 4} == owners(split(tmp_path, bill, [ML, SEARCH]))


def test_lines_of_short_and_long_cache_writes_both_count_as_written_for_a_team(tmp_path: Path) -> None:
    usage = [used("ml", 100, short=60, long=40), used("search", 100, short=100)]
    owned = [line("1", kind, tokens=50, x_Team="ml") for kind in ("cache_write_5m", "cache_write_1h")]
    assert {("2", "search"): 8} == {
        key: cost for key, cost in owners(split(tmp_path, [*owned, line("8", "cache_write")], usage)).items() if key[0] == "2"
    }


def test_a_line_without_a_model_is_weighed_by_list_cost(tmp_path: Path) -> None:
    usage = [used("ml", 100, model="opus", cost="9"), used("search", 900, model="haiku", cost="1")]
    assert {("0", "ml"): 9, ("0", "search"): 1} == owners(split(tmp_path, [line("10", model=None)], usage))


def test_where_a_model_has_no_price_tokens_are_the_weight(tmp_path: Path) -> None:
    usage = [used("ml", 100, model="opus", cost="9"), used("search", 900, model="own-7b", cost=None)]
    assert {("0", "ml"): 1, ("0", "search"): 9} == owners(split(tmp_path, [line("10", model=None)], usage))


def test_each_kind_of_token_follows_its_own_tokens(tmp_path: Path) -> None:
    usage = [used("ml", 100, output=0), used("search", 100, output=50)]
    assert {("0", "ml"): 4, ("0", "search"): 4, ("1", "search"): 3} == owners(
        split(tmp_path, [line("8", "input"), line("3", "output")], usage)
    )


def test_reasoning_is_output(tmp_path: Path) -> None:
    assert {("0", "ml"): 3} == owners(split(tmp_path, [line("3", "reasoning")], [used("ml", 9, output=5), SEARCH]))


def test_a_kind_nobody_measured_follows_all_tokens_of_the_model(tmp_path: Path) -> None:
    assert {("0", "ml"): 6, ("0", "search"): 2} == owners(split(tmp_path, [line("8", "cache_write_1h")], [ML, SEARCH]))


def test_a_batch_line_goes_to_who_sent_batches(tmp_path: Path) -> None:
    usage = [used("ml", 300, x_ServiceTier="batch"), SEARCH]
    bill = [line("8", "input", x_ServiceTier="batch"), line("2", "input", x_ServiceTier="standard"), line("4", "input")]
    assert {("0", "ml"): 8, ("1", "search"): 2, ("2", "ml"): 3, ("2", "search"): 1} == owners(split(tmp_path, bill, usage))


def test_a_tier_nobody_measured_follows_all_of_the_kind(tmp_path: Path) -> None:
    assert {("0", "ml"): 6, ("0", "search"): 2} == owners(split(tmp_path, [line("8", "input", x_ServiceTier="flex")], [ML, SEARCH]))


def test_what_the_provider_counted_beyond_what_was_measured_stays_with_nobody(tmp_path: Path) -> None:
    assert {("0", "ml"): 3, ("0", "search"): 1, ("0", None): 4} == owners(split(tmp_path, [line("8", "input", tokens=800)], [ML, SEARCH]))


def test_a_difference_of_two_percent_is_rounding(tmp_path: Path) -> None:
    assert {("0", "ml"): 6, ("0", "search"): 2} == owners(split(tmp_path, [line("8", "input", tokens=408)], [ML, SEARCH]))


def test_lines_of_several_accounts_are_compared_with_what_was_measured_together(tmp_path: Path) -> None:
    bill = [line("8", "input", tokens=400, SubAccountId="1"), line("8", "input", tokens=400, SubAccountId="2")]
    assert {(n, team): cost for n in "01" for team, cost in (("ml", 3), ("search", 1), (None, 4))} == owners(
        split(tmp_path, bill, [ML, SEARCH])
    )


def test_units_of_a_thousand_and_a_million_tokens_are_understood(tmp_path: Path) -> None:
    usage = [used("ml", 500_000)]
    for number, (quantity, unit) in enumerate([(1000, "1K tokens"), (1000, "1000 Tokens"), (1, "1M tokens"), (1_000_000, "tokens")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert {("0", "ml"): 4, ("0", None): 4} == owners(split(folder, [line("8", "input", tokens=quantity, ConsumedUnit=unit)], usage))


def test_credits_among_the_usage_are_split_like_charges(tmp_path: Path) -> None:
    assert {("0", "ml"): -6, ("0", "search"): -2} == owners(split(tmp_path, [line("-8", "input")], [ML, SEARCH]))


def test_taxes_fees_and_other_days_are_left(tmp_path: Path) -> None:
    bill = [line("1", ChargeCategory="Tax"), line("2", ChargeCategory="Credit"), line("4", day=DAY + timedelta(days=1)), line("8")]
    assert {("0", None): 1, ("1", None): 2, ("2", None): 4, ("3", "ml"): 8} == owners(split(tmp_path, bill, [ML]))


def test_a_line_of_several_days_follows_the_usage_of_all_of_them(tmp_path: Path) -> None:
    usage = [ML, used("search", 100, day=DAY + timedelta(days=6)), used("late", 100, day=DAY + timedelta(days=7))]
    assert {("0", "ml"): 6, ("0", "search"): 2} == owners(split(tmp_path, [line("8", "input", days=7)], usage))


def test_the_bills_own_word_of_a_project_is_kept_and_usage_of_another_is_none_of_its(tmp_path: Path) -> None:
    usage = [used("ml", 300, x_Project="p1"), used("search", 900, x_Project="p2"), used("ops", 100)]
    rows = split(tmp_path, [line("8", "input", x_Project="p1")], usage)
    assert [("ml", "p1", 6), ("ops", "p1", 2)] == sorted((row["x_Team"], row["x_Project"], row["BilledCost"]) for row in rows)


def test_of_a_cloud_only_lines_for_models_are_split(tmp_path: Path) -> None:
    bill = [
        line("1", model=None, ProviderName="Amazon Web Services", ServiceName=service)
        for service in ("Amazon Elastic Compute Cloud", "Amazon Bedrock")
    ]
    assert {("0", None): 1, ("1", "ml"): 1} == owners(split(tmp_path, bill, [used("ml", ProviderName="AWS")]))


def test_another_providers_usage_is_no_weight(tmp_path: Path) -> None:
    assert {("0", "ml"): 8} == owners(split(tmp_path, [line("8", "input")], [ML, used("search", 900, ProviderName="AWS")]))


def test_a_model_is_known_by_each_of_its_spellings_and_shown_as_the_usage_does(tmp_path: Path) -> None:
    rows = split(tmp_path, [line("8", "input", model="Claude Sonnet 4.5")], [used("ml", model="claude-sonnet-4-5-20250929")])
    assert [("ml", "claude-sonnet-4-5-20250929", "usage")] == [(row["x_Team"], row["x_Model"], row["x_AllocatedBy"]) for row in rows]


def test_a_bill_that_is_itself_an_estimate_is_left(tmp_path: Path) -> None:
    assert {("0", None): 8} == owners(split(tmp_path, [line("8", x_CostSource="price_list_estimate")], [ML]))
