"""Whatever the documentation allows is read, means the same however it is laid out, and is what the schema takes."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from finops.configuration.schema import schema_of
from finops.errors import ConfigError
from finops.rulebook import RULES, Rulebook, read
from finops.yamlfile import parse
from tests.finops.written_rulebooks import Fields, budget_files, rule_files

SCHEMAS = {file: Draft7Validator(schema_of(file)) for file in ("budgets", "rules")}


def book(budgets: str, rules: str) -> Rulebook:
    return read(parse(budgets, "budgets.yaml"), parse(rules, "rules.yaml"))


@settings(deadline=None, max_examples=50)
@given(budget_files, rule_files)
def test_a_written_rulebook_is_read_and_its_digest_does_not_depend_on_its_layout(budgets: Fields, rules: Fields) -> None:
    texts = [json.dumps(each) for each in (budgets, rules)]
    flow, block = book(*texts), book(*(yaml.safe_dump(json.loads(text), default_flow_style=False) for text in texts))
    assert flow.digest == block.digest
    assert versions(flow) == versions(block)
    assert len(set(versions(flow))) == len(versions(flow))


def versions(found: Rulebook) -> list[str]:
    return [each.version for each in found.budgets] + [each.version for each in found.rules] + [each.version for each in found.quotas]


@settings(deadline=None, max_examples=50)
@given(budget_files, rule_files)
def test_a_written_rulebook_is_what_the_schema_takes(budgets: Fields, rules: Fields) -> None:
    assert [] == [error.message for error in SCHEMAS["budgets"].iter_errors(budgets)]
    assert [] == [error.message for error in SCHEMAS["rules"].iter_errors(rules)]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("budgets", "budgets: [{name: a, monthy: 5}]"),
        ("budgets", "budgets: [{monthly: 5}]"),
        ("budgets", "budgets: [{name: a, monthly: 1, thresholds: [80]}]"),
        ("budgets", "budgets: [{name: a, monthly: 1, currency: usd}]"),
        ("budgets", "budgets: [{name: a, monthly: 1, scope: {teem: x}}]"),
        ("budgets", "quotas: [{match: {team: ml}, when_unsure: maybe, tokens_per_day: 1}]"),
        ("budgets", "owner: []"),
        ("rules", "rules: [{name: a, when: {budget: 9%, idle_gpu: 1h}}]"),
        ("rules", "rules: [{name: a, when: {any: [{budgt: 9%}]}}]"),
        ("rules", "rules: [{name: a, when: {idle_gpu: 12}}]"),
        ("rules", "rules: [{name: a, when: {budget: 9%}, then: {lever: gatway}}]"),
        ("rules", "guard: {dry_run: 5}"),
        ("rules", "guard: {approvals: [{lever: aws}]}"),
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(file: str, text: str) -> None:
    assert list(SCHEMAS[file].iter_errors(yaml.safe_load(text)))
    with pytest.raises(ConfigError):
        book(*((text, "") if file == "budgets" else ("", text)))


WORDS = st.sampled_from(["name", "when", "then", "budget", "all", "notify", "lever", "fallback", "from", "to", "approvals", "needs", "x"])
JUNK = st.recursive(
    st.sampled_from(["a", "1", "-1", "owner", "2026-01-01", "", "null", "80%", "team=ml", "gateway", "15m", "true"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(RULES), JUNK, min_size=1, max_size=4))
def test_any_nonsense_is_read_or_refused_in_sentences(value: dict[str, object]) -> None:
    assert all(problem.startswith("rules.yaml:1: ") for problem in told(str(value)))


def told(text: str) -> tuple[str, ...]:
    try:
        return () if isinstance(read(None, parse(text, "rules.yaml")), Rulebook) else ("no rulebook",)
    except ConfigError as error:
        return error.problems
