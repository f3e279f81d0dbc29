"""Every YAML example in the documentation is one the bot would take."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from finops.charges import DIMENSIONS
from finops.configuration.levers import LEVERS
from finops.configuration.rulebook_approvals import APPROVAL, GUARD, NEED
from finops.configuration.rulebook_budgets import BUDGET, SPLIT, THRESHOLD
from finops.configuration.rulebook_metrics import METRIC_FIELDS
from finops.configuration.rulebook_prices import PRICE_FIELDS
from finops.configuration.rulebook_quotas import BOUNDS, QUOTA
from finops.configuration.rulebook_rules import RULE, TEAM
from finops.configuration.rulebook_sections import RATE_FIELDS
from finops.configuration.rulebook_sources import COMMON_FIELDS
from finops.configuration.rulebook_steps import NOTIFY, PARAMETERS, PROPOSE, STEP, WAR_ROOM
from finops.configuration.rulebook_times import MAINTENANCE, QUIET
from finops.configuration.rulebook_when import ANOMALY, BURN, BURN_RATE, CONDITIONS, GAUGE, GROWTH, JOINED, OF_BUDGET, PROMQL, UNIT_COST
from finops.configuration.schema import schema_of
from finops.owners import MATCHABLE
from finops.rulebook import BUDGETS, RULES, Rulebook, read
from finops.yamlfile import Node, Table, load, parse, plain

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```ya?ml\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
CONFIGURATION = ROOT / "docs" / "configuration.md"
RULES_PAGE = ROOT / "docs" / "rules.md"
IN_BUDGETS = {*BUDGET, *THRESHOLD, *SPLIT, *QUOTA, *BOUNDS, *METRIC_FIELDS, *PRICE_FIELDS, *RATE_FIELDS, *COMMON_FIELDS}
IN_RULES = {
    *RULE, *TEAM, *NEED, *QUIET, *MAINTENANCE, *GUARD, *APPROVAL, *STEP, *NOTIFY, *PROPOSE, *PARAMETERS, *WAR_ROOM, *LEVERS,
    *CONDITIONS, *JOINED, *OF_BUDGET, *BURN_RATE, *BURN, *ANOMALY, *UNIT_COST, *GAUGE, *GROWTH, *PROMQL,
}  # fmt: skip


def examples() -> list[tuple[str, str]]:
    """Return name and text of each block that begins a section of one of the two files."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    blocks = [
        (f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 2}", found[2])
        for page in pages
        for text in [page.read_text(encoding="utf-8")]
        for found in FENCE.finditer(text)
    ]
    return [(name, text) for name, text in blocks if re.search(rf"^({'|'.join((*BUDGETS, *RULES))}):", text, re.MULTILINE)]


@pytest.mark.parametrize(("name", "text"), examples(), ids=lambda value: value.partition("\n")[0])
def test_an_example_is_read_without_a_problem(name: str, text: str) -> None:
    """An example of one file stands beside the other file as we ship it: its budgets, its playbooks."""
    node = parse(text, name)
    pair = (load(ROOT / "budgets.yaml"), node) if is_rules(node) else (node, playbooks())
    assert isinstance(read(*pair), Rulebook)


def test_an_example_is_what_the_schema_takes(subtests: pytest.Subtests) -> None:
    for name, text in examples():
        with subtests.test(name):
            node = parse(text, name)
            assert [] == violations(node, "rules" if is_rules(node) else "budgets")


def test_the_files_we_ship_are_what_the_schema_takes() -> None:
    assert [[]] * 2 == [violations(load(ROOT / f"{file}.yaml"), file) for file in ("budgets", "rules")]


def is_rules(node: Node) -> bool:
    assert isinstance(node.value, Table)
    return any(entry.name in RULES for entry in node.value)


def playbooks() -> Node:
    rules = load(ROOT / "rules.yaml")
    assert isinstance(rules.value, Table)
    return Node(Table(tuple(entry for entry in rules.value if entry.name == "playbooks")), rules.line, rules.file)


def violations(node: Node, file: str) -> list[str]:
    """Return what an editor would underline; it reads days as texts and decimals as numbers."""
    document = json.loads(json.dumps(plain(node), default=lambda value: str(value) if isinstance(value, date) else float(value)))
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema_of(file)).iter_errors(document)]


def test_every_section_has_an_example() -> None:
    pages = ("docs/configuration.md", "docs/rules.md")
    shown = "\n".join(text for name, text in examples() if name.startswith(pages))
    assert [section for section in (*BUDGETS, *RULES) if f"\n{section}:" not in f"\n{shown}"] == []


@pytest.mark.parametrize(("page", "fields"), [(CONFIGURATION, IN_BUDGETS), (RULES_PAGE, IN_RULES)], ids=["budgets", "rules"])
def test_every_field_of_the_files_is_explained(page: Path, fields: set[str]) -> None:
    said = FENCE.sub("", page.read_text(encoding="utf-8"))
    assert sorted(name for name in fields if not re.search(rf"`{{?{re.escape(name)}\b", said)) == []


@pytest.mark.parametrize("names", [MATCHABLE, DIMENSIONS], ids=["owners", "scopes"])
def test_everything_a_charge_can_be_found_by_is_listed(names: dict[str, object]) -> None:
    page = CONFIGURATION.read_text(encoding="utf-8")
    assert ", ".join(f"`{name}`" for name in sorted(names)) in re.sub(r"\s+", " ", page)
