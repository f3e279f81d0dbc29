"""Every kind of source and every option of it stands in the documentation, and each kind that is made can be configured."""

from pathlib import Path

import pytest

from finops.configuration.rulebook_sources import SOURCE_KINDS
from finops.sources.connect import CONNECTORS

PAGES = "\n".join(page.read_text(encoding="utf-8") for page in sorted((Path(__file__).parents[2] / "docs").glob("*.md")))


@pytest.mark.parametrize("kind", SOURCE_KINDS)
def test_a_kind_of_source_is_documented_with_its_options(kind: str) -> None:
    assert [] == [name for name in (kind, *SOURCE_KINDS[kind].options) if f"`{name}`" not in PAGES]


def test_every_connector_can_be_configured() -> None:
    assert set() == set(CONNECTORS) - set(SOURCE_KINDS)
