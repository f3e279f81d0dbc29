"""Owner rules are read as people write them, and a rule that can never apply is told."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.configuration.rulebook_owners import covers
from finops.errors import ConfigError
from finops.owners import MATCHABLE, OwnerRule
from finops.rulebook import read
from finops.yamlfile import parse


def rules(*rows: str) -> tuple[OwnerRule, ...]:
    text = "owners:\n" + "".join(f"  - {row}\n" for row in rows)
    return read(parse(text, "budgets.yaml"), None).owners


def problems(*rows: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        rules(*rows)
    return caught.value.problems


def test_a_rule_names_what_it_matches_and_who_owns_it() -> None:
    row = '{match: {project: ["search-*", "find-*"], "tag:stage": live}, team: search, project: ranking, env: prod}'
    match = (("project", ("search-*", "find-*")), ("tag:stage", ("live",)))
    assert rules(row) == (OwnerRule(match, "search", "ranking", "prod"),)


def test_to_is_the_last_day_the_rule_holds_for() -> None:
    (rule,) = rules("{match: {account: a}, team: t, from: 2026-01-01, to: 2026-01-31}")
    assert (rule.start, rule.end) == (date(2026, 1, 1), date(2026, 2, 1))


def test_one_day_is_a_period_too() -> None:
    (rule,) = rules("{match: {account: a}, team: t, from: 2028-02-29, to: 2028-02-29}")
    assert (rule.start, rule.end) == (date(2028, 2, 29), date(2028, 3, 1))


def test_the_end_of_all_days_leaves_the_rule_open() -> None:
    (rule,) = rules("{match: {account: a}, team: t, to: 9999-12-31}")
    assert rule.end is None


def test_a_rule_cannot_end_before_it_begins() -> None:
    assert problems("{match: {account: a}, team: t, from: 2026-02-01, to: 2026-01-31}") == (
        "budgets.yaml:2: 'to' is before 'from'; it is the last day the rule holds for, so 2026-02-01 or later",
    )


@pytest.mark.parametrize("value", ["123456789012", "012345678901", "no", "true", "1.10", "2026-01-01", "1e3"])
def test_a_value_without_quotes_matches_as_written(value: str) -> None:
    (rule,) = rules(f"{{match: {{account: {value}}}, team: t}}")
    assert rule.match == (("account", (value,)),)


@pytest.mark.parametrize("name", [*MATCHABLE, "tag:team", "tag:a b", "tag:aws:cost"])
def test_everything_matchable_can_be_matched(name: str) -> None:
    (rule,) = rules(f'{{match: {{"{name}": x}}, team: t}}')
    assert rule.match == ((name, ("x",)),)


def test_an_owner_can_be_what_the_charge_says_in_a_place() -> None:
    (rule,) = rules('{match: {provider: "*"}, team: "{tag:team}", project: "{account}"}')
    assert (rule.team, rule.project) == ("{tag:team}", "{account}")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("{match: {projct: x}, team: t}", "owners cannot match on 'projct'; did you mean 'project'?"),
        ("{match: {tags: {a: b}}, team: t}", "owners cannot match on 'tags'; write 'tag:KEY' for the tag KEY"),
        ("{match: {}, team: t}", "an owner rule needs 'match' with at least one of project, account, service, tag:KEY …"),
        ("{team: t}", "an owner rule needs 'match' with at least one of project, account, service, tag:KEY …"),
        ("{match: [a], team: t}", "'match' must be names with a value each, 'name: …', not a list"),
        ("{match: {account: []}, team: t}", "'account' must be a text or a list of texts, not a list"),
        ("{match: {account: }, team: t}", "'account' must be a text or a list of texts, not nothing"),
        ("{match: {account: {a: b}}, team: t}", "'account' must be a text or a list of texts, not a group of fields"),
        ("{match: {account: a}}", "an owner rule needs at least one of 'team', 'project' and 'env'"),
        ("{match: {account: a}, taem: t, env: e}", "unknown field 'taem'; did you mean 'team'?"),
        ("{match: {account: a}, team: t, from: soon}", "'from' must be a day such as 2026-01-31, not 'soon'"),
        (
            "{match: {account: a}, team: {tag:team}}",
            "'team' must be a name, or a place in quotes such as '{tag:team}', not a group of fields",
        ),
        (
            '{match: {account: a}, team: "x-{account}"}',
            "'team' must be a name, or one place such as '{tag:team}' by itself, not 'x-{account}'",
        ),
        (
            '{match: {account: a}, team: "{acount}"}',
            "'team' must be a name or a place that is known, not '{acount}'; did you mean 'account'?",
        ),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(row: str, expected: str) -> None:
    assert problems(row) == (f"budgets.yaml:2: {expected}",)


HIDDEN = "this rule never applies; the same charges are decided before it, on"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{match: {account: a}, team: t}", "{match: {account: a}, team: u}"),
        ("{match: {account: a}, team: t}", "{match: {account: A}, team: u}"),
        ("{match: {account: [a, b]}, team: t}", "{match: {account: [b, a]}, team: u}"),
        ("{match: {account: [a, b]}, team: t}", "{match: {account: b}, team: u}"),
        ("{match: {account: a}, team: t}", "{match: {account: a, service: s}, team: u}"),
        ('{match: {account: "a*"}, team: t}', '{match: {account: "ab*c"}, team: u}'),
        ('{match: {account: "*a*b"}, team: t}', '{match: {account: "xaybb"}, team: u}'),
        ("{match: {account: a}, team: t, to: 2026-06-30}", "{match: {account: a}, team: u, from: 2026-01-01, to: 2026-06-30}"),
        ("{match: {account: a}, team: t, env: e}", "{match: {account: a}, env: u}"),
    ],
)
def test_a_rule_behind_one_that_matches_as_much_is_told(earlier: str, later: str) -> None:
    assert problems(earlier, later) == (f"budgets.yaml:3: {HIDDEN} line 2",)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{match: {account: a}, team: t}", "{match: {account: b}, team: u}"),
        ("{match: {account: a}, team: t}", "{match: {project: a}, team: u}"),
        ("{match: {account: a, service: s}, team: t}", "{match: {account: a}, team: u}"),
        ('{match: {account: "a*"}, team: t}', '{match: {account: "*a"}, team: u}'),
        ("{match: {account: a}, team: t}", '{match: {account: "a*"}, team: u}'),
        ('{match: {account: "ab*ba"}, team: t}', "{match: {account: aba}, team: u}"),
        ("{match: {account: a}, team: t, to: 2026-06-30}", "{match: {account: a}, team: u}"),
        ("{match: {account: a}, team: t, to: 2026-06-30}", "{match: {account: a}, team: u, from: 2026-06-30}"),
        ("{match: {account: a}, team: t, from: 2026-01-02}", "{match: {account: a}, team: u, from: 2026-01-01, to: 2026-03-01}"),
        ("{match: {account: a}, team: t}", "{match: {account: a}, env: u}"),
        ("{match: {account: a}, team: t}", "{match: {account: a}, team: t, env: u}"),
    ],
)
def test_a_rule_that_still_decides_something_stays(earlier: str, later: str) -> None:
    assert len(rules(earlier, later)) == 2


def test_two_rules_together_can_leave_nothing_to_decide() -> None:
    rows = ("{match: {account: a}, team: t}", '{match: {account: "*"}, env: e}', "{match: {account: a}, team: u, env: v}")
    assert problems(*rows) == (f"budgets.yaml:4: {HIDDEN} lines 2 and 3",)


def test_thousands_of_rules_are_compared_quickly() -> None:
    count = 2000
    rows = [f"{{match: {{account: a{n}}}, team: t{n}}}" for n in range(count)]
    assert len(rules(*rows)) == count


PATTERNS = st.text(alphabet="ab*", min_size=1, max_size=5)


def matches(pattern: str, text: str) -> bool:
    """Say by trying every split whether a pattern matches, the slow and obvious way."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(matches(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return text[:1] == pattern[0] and matches(pattern[1:], text[1:])


@settings(deadline=None)
@given(PATTERNS, PATTERNS, st.text(alphabet="ab", max_size=6))
def test_a_covered_pattern_matches_nothing_its_cover_does_not(wide: str, narrow: str, text: str) -> None:
    one, other = (OwnerRule((("account", (pattern,)),), team="t") for pattern in (wide, narrow))
    assert not covers(one, other) or not matches(narrow, text) or matches(wide, text)


@settings(deadline=None)
@given(PATTERNS, st.text(alphabet="ab", min_size=1, max_size=6))
def test_a_name_is_covered_exactly_when_the_pattern_matches_it(pattern: str, name: str) -> None:
    one, other = (OwnerRule((("account", (each,)),), team="t") for each in (pattern, name))
    assert covers(one, other) == matches(pattern, name)
