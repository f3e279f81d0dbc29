"""The two configuration files become one rulebook, or every problem of both is told at once."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.config_files import load_rulebook
from finops.configuration.rulebook_budgets import Threshold
from finops.configuration.rulebook_conditions import BudgetSpent
from finops.configuration.rulebook_steps import Notify
from finops.errors import ConfigError
from finops.owners import OwnerRule
from finops.rates import Rate
from finops.rulebook import Budget, Price, Rule, Rulebook, SourceSettings, read
from finops.yamlfile import parse

CONTRACT = """
currency: USD
timezone: UTC
owners:
  - {match: {project: "search-*"}, team: search, env: prod}
prices:
  - {model: my-model, provider: self-hosted, from: 2026-01-01, input_per_mtok: 0.50, cache_read_per_mtok: 0.05,
     cache_write_5m_per_mtok: 0.60, cache_write_1h_per_mtok: 1.00, output_per_mtok: 1.50, per_request: 0}
fx: [{from: CHF, to: USD, on: 2026-11-01, rate: 1.12}]
sources: {aws: {complete_after: 48h}, gcp: {complete_after: 3d}}
budgets:
  - {name: ml, scope: {team: ml, env: [prod, dev]}, period: month, amount: 12000, owner: "@ana", channel: "#ml", thresholds: [100%, 80%]}
"""


def budgets(text: str) -> Rulebook:
    return read(parse(text, "budgets.yaml"), None)


def problems(text: str, rules: str = "") -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read(parse(text, "budgets.yaml"), parse(rules, "rules.yaml"))
    return caught.value.problems


def test_without_files_the_defaults_hold() -> None:
    book = read(None, None)
    assert (book.currency, book.timezone, book.owners, book.budgets, book.rules) == ("USD", "UTC", (), (), ())
    assert book.digest == Rulebook().digest


def test_every_section_is_read() -> None:
    book = budgets(CONTRACT)
    assert book.owners == (OwnerRule((("project", ("search-*",)),), team="search", env="prod"),)
    assert book.rates == (Rate("CHF", "USD", date(2026, 11, 1), Decimal("1.12")),)
    assert book.sources == (SourceSettings("aws", 48), SourceSettings("gcp", 72))
    amounts = (Decimal(text) for text in ("0.50", "0.05", "0.60", "1.00", "1.50", "0"))
    read_in, cached, five_minutes, hour, out, request = amounts
    assert book.prices == (Price("my-model", "self-hosted", date(2026, 1, 1), "USD", read_in, cached, five_minutes, hour, out, request),)
    scope = (("env", ("prod", "dev")), ("team", ("ml",)))
    thresholds = (Threshold(Decimal("0.8")), Threshold(Decimal(1)))
    assert book.budgets == (Budget("ml", scope, "month", Decimal(12000), "USD", "@ana", "#ml", thresholds),)


def test_every_problem_of_both_files_is_told_in_order() -> None:
    text = "timezone: Europe/Zurch\nbudgets:\n  - {name: ml, monthy: 5}\nowner: []\ncurrency: usd\n"
    assert problems(text, "rule: []\n") == (
        "budgets.yaml:1: 'timezone' must be a time zone such as Europe/Zurich, not 'Europe/Zurch'; did you mean 'Europe/Zurich'?",
        "budgets.yaml:3: a budget needs an amount: one of daily, weekly, monthly, quarterly, or 'period' and 'amount'",
        "budgets.yaml:3: unknown field 'monthy'; did you mean 'monthly'?",
        "budgets.yaml:4: unknown field 'owner'; did you mean 'owners'?",
        "budgets.yaml:5: 'currency' must be an ISO 4217 currency code such as USD, not 'usd'; did you mean 'USD'?",
        "rules.yaml:1: unknown field 'rule'; did you mean 'rules'?",
    )


def test_lines_are_sorted_as_numbers() -> None:
    text = "budgets:\n" + "  - {}\n" * 11
    assert [problem.split(":")[1] for problem in problems(text)[::2]] == [str(line) for line in range(2, 13)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a", "the file must hold sections such as 'currency: …', not a list"),
        ("rules: []", "unknown field 'rules'; it belongs in rules.yaml"),
        ("owners: {a: b}", "'owners' must be a list, each item after '- ', not a group of fields"),
        ("owners: [x]", "an owner rule must be fields such as 'match: …', not 'x'"),
        ("timezone: [UTC]", "'timezone' must be a time zone such as Europe/Zurich, not a list"),
        ("timezone: ../../etc/passwd", "'timezone' must be a time zone such as Europe/Zurich, not '../../etc/passwd'"),
        ("timezone: localtime", "'timezone' must be a time zone such as Europe/Zurich, not 'localtime'"),
        ("fx: [{from: CHF, to: USD, on: 2026-1-5, rate: 1}]", "'on' must be a day such as 2026-01-31, not '2026-1-5'"),
        ("fx: [{from: CHF, to: USD, on: 2026-W01-5, rate: 1}]", "'on' must be a day such as 2026-01-31, not '2026-W01-5'"),
        ("fx: [{from: CHF, to: USD, on: 2026-01-05, rate: 0}]", "'rate' must be what one unit is worth, above 0, such as 1.12, not '0'"),
        ("fx: [{from: CHF, to: USD, on: 2026-01-05, rate: 1_2}]", "'rate' must be a number such as 1200.50, not '1_2'"),
        ("fx: [{from: CHF, to: CHF, on: 2026-01-05, rate: 1}]", "a rate from CHF to CHF says nothing; name two currencies"),
        ("fx: [{from: CHF, to: USD, rate: 1}]", "an exchange rate needs 'on'"),
        ("sources: {aws: {complete_after: 48}}", "'complete_after' must be a time such as 48h or 2d, not '48'"),
        ("sources: {aws: {complete_after: 91d}}", "'complete_after' is longer than 90 days; bills settle sooner"),
        ("sources: {aws: 48h}", "source 'aws' must be fields such as 'complete_after: …', not '48h'"),
        ("prices: [{model: m}]", "a price needs at least one amount, such as 'input_per_mtok'"),
        ("prices: [{model: m, per_request: -1}]", "'per_request' must be a number of 0 or more, such as 0.25, not '-1'"),
        ("prices: [{model: m, input_per_mtoks: 1, per_request: 1}]", "unknown field 'input_per_mtoks'; did you mean 'input_per_mtok'?"),
        ("budgets: [{name: a, monthly: 0}]", "'monthly' must be a number above 0, such as 1200.50, not '0'"),
        ("budgets: [{name: a, monthly: 1e99}]", "'monthly' must be a number such as 1200.50, not '1e99'"),
        ("budgets: [{name: a, monthly: 1, daily: 2}]", "'daily' says it all; give no other amount or period beside it"),
        ("budgets: [{name: a, monthly: 1, period: day}]", "'monthly' says it all; give no other amount or period beside it"),
        ("budgets: [{name: a, period: year, amount: 1}]", "'period' must be one of day, week, month, quarter, not 'year'"),
        ("budgets: [{name: a, period: month}]", "a budget needs 'amount'"),
        ("budgets: [{monthly: 1}]", "a budget needs 'name'"),
        ("budgets: [{name: a, monthly: 1, thresholds: [80]}]", "a threshold must be a percentage such as 80%, not '80'"),
        ("budgets: [{name: a, monthly: 1, thresholds: [5%, 5%]}]", "'thresholds' must be percentages, at least one and none twice"),
        ("budgets: [{name: a, monthly: 1, scope: {teem: x}}]", "'teem' is not a dimension; did you mean 'team'?"),
        ("budgets: [{name: a, monthly: 1, scope: {team: []}}]", "'team' must be a text or a list of texts, not a list"),
        (
            "budgets: [{name: a, monthly: 1, scope: {'tag:': x}}]",
            "'tag:' is not a dimension; docs/configuration.md lists those there are",
        ),
        ("budgets: [{name: a, monthly: 1, scope: ml}]", "a scope is written 'team=ml env=prod,staging', not 'ml'"),
        ("budgets: [{name: a, monthly: 1, scope: team!=ml}]", "a scope is written 'team=ml env=prod,staging', not 'team!=ml'"),
        (
            "budgets: [{name: a, monthly: 1, scope: team=a team=b}]",
            "'team' stands twice in the scope; write its values together, as 'team=a,b'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(text: str, expected: str) -> None:
    assert problems(text) == (f"budgets.yaml:1: {expected}",)


def test_a_channel_lost_to_a_comment_is_noticed() -> None:
    text = "budgets:\n  - name: ml\n    monthly: 5\n    channel: #ml-costs\n"
    assert problems(text) == ("budgets.yaml:4: 'channel' is empty; put quotes around a name that begins with '#', which starts a comment",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "budgets:\n  - {name: ML, monthly: 1}\n  - {name: ml, monthly: 2}",
            "budgets.yaml:3: a budget named 'ml' is given twice, first on line 2",
        ),
        (
            "fx:\n  - {from: CHF, to: USD, on: 2026-01-01, rate: 1}\n  - {from: CHF, to: USD, on: '2026-01-01', rate: 2}",
            "budgets.yaml:3: the rate from CHF to USD on 2026-01-01 is given twice, first on line 2",
        ),
        (
            "prices:\n  - {model: m, per_request: 1}\n  - {model: M, per_request: 2}",
            "budgets.yaml:3: a price of 'M' from the beginning is given twice, first on line 2",
        ),
    ],
)
def test_what_is_given_twice_is_refused(text: str, expected: str) -> None:
    assert problems(text) == (f"{expected}; keep one of them",)


def test_rules_need_a_name_of_their_own() -> None:
    told = problems("", "rules:\n  - {name: a, when: {budget: 90%}}\n  - {name: A, when: {budget: 9%}}\n  - {when: {budget: 9%}}\n  - 5\n")
    assert told == (
        "rules.yaml:3: a rule named 'A' is given twice, first on line 2; keep one of them",
        "rules.yaml:4: a rule needs 'name'",
        "rules.yaml:5: a rule must be fields such as 'name: …', not '5'",
    )


def test_a_rule_of_a_condition_alone_tells_the_owner() -> None:
    book = read(None, parse("rules:\n  - name: a\n    when: {budget: 90%}\n", "rules.yaml"))
    assert book.rules == (Rule("a", BudgetSpent(Decimal("0.9")), (Notify(("owner",)),)),)


@pytest.mark.parametrize(("short", "period"), [("daily", "day"), ("weekly", "week"), ("monthly", "month"), ("quarterly", "quarter")])
def test_an_amount_can_be_given_with_its_period(short: str, period: str) -> None:
    brief, long = (budgets(f"budgets: [{{name: a, {words}}}]") for words in (f"{short}: 7.50", f"period: {period}, amount: '7.50'"))
    assert brief == long
    assert (brief.budgets[0].period, brief.budgets[0].amount) == (period, Decimal("7.50"))


def test_a_budget_counts_in_the_currency_of_the_file_unless_it_says_otherwise() -> None:
    book = budgets(
        "currency: EUR\nbudgets: [{name: a, monthly: 1}, {name: b, monthly: 1, currency: JPY}]\nprices: [{model: m, per_request: 1}]"
    )
    assert [budget.currency for budget in book.budgets] == ["EUR", "JPY"]
    assert book.prices[0].currency == "EUR"


def test_a_scope_in_words_is_the_scope_in_fields() -> None:
    fields = budgets("budgets: [{name: a, monthly: 1, scope: {team: [ml, 'data science'], 'tag:cost-center': 042}}]")
    words = budgets("budgets: [{name: a, monthly: 1, scope: \"tag:cost-center=042 team='ml,data science'\"}]")
    assert words.budgets == fields.budgets
    assert words.budgets[0].scope == (("tag:cost-center", ("042",)), ("team", ("ml", "data science")))


@pytest.mark.parametrize("scope", ["", "scope: {}", "scope: ''", "scope:"])
def test_an_empty_scope_is_everything(scope: str) -> None:
    assert budgets(f"budgets:\n  - name: a\n    monthly: 1\n    {scope}").budgets[0].scope == ()


def test_numbers_may_be_written_as_scripts_write_them() -> None:
    book = budgets("prices: [{model: m, input_per_mtok: 1e-07, output_per_mtok: '1.5E2', per_request: .5}]")
    price = book.prices[0]
    assert (price.input_per_mtok, price.output_per_mtok, price.per_request) == (Decimal("1e-7"), Decimal(150), Decimal("0.5"))


@pytest.mark.parametrize(
    "other",
    [
        CONTRACT.replace("0.50", "0.5"),
        CONTRACT.replace("search, env: prod", "search, env: 'prod'") + "# a comment\n",
        CONTRACT.replace("[100%, 80%]", "[80%, 100.0 %]"),
        CONTRACT.replace("period: month, amount: 12000", "monthly: 12000.00"),
    ],
)
def test_the_digest_stays_when_only_the_writing_changes(other: str) -> None:
    assert budgets(other).digest == budgets(CONTRACT).digest


@pytest.mark.parametrize(
    "change", [("12000", "12001"), ("USD\n", "EUR\n"), ("48h", "49h"), ("search, env", "find, env"), ("0.05", "0.06"), ("1.12", "1.13")]
)
def test_the_digest_changes_with_the_content(change: tuple[str, str]) -> None:
    assert budgets(CONTRACT.replace(*change)).digest != budgets(CONTRACT).digest


def test_the_digest_changes_with_a_rule_but_not_with_its_line() -> None:
    texts = (
        "rules: [{name: a, when: {budget: 90%}}]",
        "rules:\n- name: a\n  when: {budget: 90%}",
        "rules: [{name: a, when: {budget: 91%}}]",
    )
    first, moved, changed = (read(None, parse(text, "rules.yaml")).digest for text in texts)
    assert first == moved != changed


def test_only_owners_and_time_zone_change_the_owners_digest() -> None:
    book = budgets(CONTRACT)
    assert budgets(CONTRACT.replace("12000", "1").replace("USD\n", "EUR\n")).owners_digest == book.owners_digest
    assert budgets(CONTRACT.replace("UTC", "Europe/Zurich")).owners_digest != book.owners_digest
    assert budgets(CONTRACT.replace("search-*", "find-*")).owners_digest != book.owners_digest


def test_a_source_without_settings_keeps_its_habit() -> None:
    assert budgets(CONTRACT).source("azure") == SourceSettings("azure", None)
    assert budgets(CONTRACT).source("aws") == SourceSettings("aws", 48)


def test_a_folder_without_files_is_the_defaults(tmp_path: Path) -> None:
    assert load_rulebook(tmp_path) == Rulebook()


def test_a_broken_file_does_not_hide_the_problems_of_the_other(tmp_path: Path) -> None:
    (tmp_path / "budgets.yaml").write_text("currency: usd\n")
    (tmp_path / "rules.yaml").write_text("rules: [\n")
    with pytest.raises(ConfigError) as caught:
        load_rulebook(tmp_path)
    assert caught.value.problems == (
        "budgets.yaml:1: 'currency' must be an ISO 4217 currency code such as USD, not 'usd'; did you mean 'USD'?",
        "rules.yaml:1: the file ends before a bracket is closed",
    )


def test_a_file_that_is_there_but_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "budgets.yaml").mkdir()
    (tmp_path / "rules.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError) as caught:
        load_rulebook(tmp_path)
    assert caught.value.problems == (
        "budgets.yaml:1: the file cannot be read: Is a directory",
        "rules.yaml:1: the file cannot be read: No such file or directory",
    )


def test_files_wrong_everywhere_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "budgets.yaml").write_text("budgets: [\n" + "5,\n" * 150 + "]")
    (tmp_path / "rules.yaml").write_text("a: !x y\n" * 150)
    with pytest.raises(ConfigError) as caught:
        load_rulebook(tmp_path)
    told = [problem.partition(":")[0] for problem in caught.value.problems]
    assert told == ["budgets.yaml"] * 100 + ["and 50 more problems"] + ["rules.yaml"] * 100 + ["and 199 more problems"]


def test_the_sample_configuration_has_no_problem() -> None:
    book = load_rulebook(Path(__file__).parents[2] / "finops" / "sample" / "config")
    assert {"company", "ml"} <= {budget.name for budget in book.budgets}
    assert book.owners
    assert book.rules


NAMES = st.sampled_from(["name", "match", "team", "from", "scope", "x"])
SECTIONS = st.sampled_from(["currency", "timezone", "owners", "prices", "fx", "sources", "budgets", "x"])
JUNK = st.recursive(
    st.sampled_from(["a", "1", "-1", "USD", "2026-01-01", "", "null", "80%", "team=ml"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(SECTIONS, JUNK, min_size=1, max_size=4))
def test_any_nonsense_is_read_or_refused_in_sentences(value: dict[str, object]) -> None:
    text = str(value)  # Python's way to write lists and texts is YAML too
    assert all(problem.startswith("budgets.yaml:1: ") for problem in told(text))


def told(text: str) -> tuple[str, ...]:
    try:
        return () if isinstance(budgets(text), Rulebook) else ("no rulebook",)
    except ConfigError as error:
        return error.problems
