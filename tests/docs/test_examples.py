"""Every YAML example in the documentation is one the bot would take."""

import re
from pathlib import Path

import pytest

from finops.charges import DIMENSIONS
from finops.configuration.rulebook_prices import PRICE_FIELDS
from finops.configuration.rulebook_sections import BUDGET_FIELDS, RATE_FIELDS
from finops.configuration.rulebook_sources import COMMON_FIELDS
from finops.owners import MATCHABLE
from finops.rulebook import BUDGETS, RULES, Rulebook, read
from finops.yamlfile import Table, parse

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```ya?ml\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
CONFIGURATION = ROOT / "docs" / "configuration.md"


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
    node = parse(text, name)
    assert isinstance(node.value, Table)
    is_rules = any(entry.name in RULES for entry in node.value)
    assert isinstance(read(None, node) if is_rules else read(node, None), Rulebook)


def test_every_section_has_an_example() -> None:
    shown = "\n".join(text for name, text in examples() if name.startswith("docs/configuration.md"))
    assert [section for section in (*BUDGETS, *RULES) if f"\n{section}:" not in f"\n{shown}"] == []


def test_every_field_of_the_files_is_explained() -> None:
    page = CONFIGURATION.read_text(encoding="utf-8")
    fields = {*BUDGET_FIELDS, *PRICE_FIELDS, *RATE_FIELDS, *COMMON_FIELDS}
    assert sorted(name for name in fields if not re.search(rf"\b{name}\b", page)) == []


@pytest.mark.parametrize("names", [MATCHABLE, DIMENSIONS], ids=["owners", "scopes"])
def test_everything_a_charge_can_be_found_by_is_listed(names: dict[str, object]) -> None:
    page = CONFIGURATION.read_text(encoding="utf-8")
    assert ", ".join(f"`{name}`" for name in sorted(names)) in re.sub(r"\s+", " ", page)
