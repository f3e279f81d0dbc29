"""A request is charged where it is billed: a maker's model that a cloud sells is on the cloud's bill only."""

from pathlib import Path

import pytest

from finops.ledger.ledger import Ledger
from finops.ledger.usage import publish
from finops.pricing.book import price_book
from finops.sources.usage_events import Event, write
from tests.ledger.billed import bill, charge, total
from tests.ledger.requests_made import DELIVERY, Prices, charges, event, send


def take_in(ledger: Ledger, request: Event, folder: Path) -> None:
    """Publish one request by the real price book."""
    (folder / "events.jsonl").write_bytes(write([request]))
    publish(ledger, [folder / "events.jsonl"], price_book(), DELIVERY)


@pytest.mark.parametrize(
    ("said", "model", "seller", "service"),
    [
        ("Anthropic", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", "Amazon Bedrock"),
        ("Anthropic", "claude-sonnet-4-5@20250929", "Google Cloud", "Vertex AI"),
        ("Anthropic", "claude-sonnet-4-5-20250929", "Anthropic", "Claude API"),
        ("OpenAI", "azure/gpt-4o", "Microsoft", "Azure OpenAI"),
        ("self-hosted", "anthropic.claude-3-haiku-20240307-v1:0", "self-hosted", "Self-hosted models"),
        (None, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", "Amazon Bedrock"),
    ],
)
def test_the_models_id_tells_who_bills_it(ledger: Ledger, tmp_path: Path, said: str | None, model: str, seller: str, service: str) -> None:
    take_in(ledger, event("r1", provider=said, model=model), tmp_path)
    assert [(seller, seller, service)] == charges(ledger, "ProviderName, InvoiceIssuerName, ServiceName")


def test_claude_on_bedrock_is_replaced_by_the_clouds_bill_and_not_by_its_makers(ledger: Ledger, tmp_path: Path) -> None:
    take_in(ledger, event("r1", model="us.anthropic.claude-sonnet-4-5-20250929-v1:0"), tmp_path)
    estimate = total(ledger)
    assert estimate
    bill(ledger, [charge(10, "3")])
    assert 3 + estimate == total(ledger)
    bill(ledger, [charge(10, "5", "AWS", ServiceName="Amazon Bedrock")], "aws")
    assert 8 == total(ledger)


def test_a_book_that_knows_nobody_believes_the_sender(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("r1", provider="Groq", model="llama")], tmp_path, Prices())
    assert [("Groq",)] == charges(ledger, "ProviderName")
