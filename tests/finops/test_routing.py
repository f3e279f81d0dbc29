"""Routes and the settings behind them."""

from collections.abc import Callable

import pytest

from finops.errors import UserError
from finops.routing import (
    Address,
    address,
    keys_value,
    mailbox_value,
    pairs,
    route_secrets,
    routes_value,
    smtp_value,
    webhooks_value,
)
from finops.secret import Secret


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("slack:#ai-costs", Address("slack", "#ai-costs")),
        ("slack:C0AICOSTS1", Address("slack", "C0AICOSTS1")),
        ("slack:@U0ANA00001", Address("slack", "@U0ANA00001")),
        ("slack:@ana@example.com", Address("slack", "@ana@example.com")),
        ("pagerduty", Address("pagerduty", "default")),
        ("pagerduty:ml", Address("pagerduty", "ml")),
        ("email:ops@example.com", Address("email", "ops@example.com")),
        ("webhook:tickets", Address("webhook", "tickets")),
    ],
)
def test_a_route_is_taken_apart(route: str, expected: Address) -> None:
    assert expected == address(route)


@pytest.mark.parametrize(
    ("route", "why"),
    [
        ("emial:ops@example.com", r"'emial:ops@example.com' is not a route; .*Did you mean 'email'\?"),
        ("slack:", "write slack:#channel"),
        ("slack:#a b", "write slack:#channel"),
        ("email:ops", "write email:name@example.com"),
        ("email:a@b.test\r\nBcc: c@d.test", "write email:name@example.com"),
        ("email:a@b.test,c@d.test", "write email:name@example.com"),
        ("webhook:https://x.test/", "as FINOPS_WEBHOOKS names it"),
        (f"slack:#{'x' * 300}", "write slack:#channel"),
    ],
)
def test_a_route_that_leads_nowhere_is_refused_with_what_would_work(route: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        address(route)


@pytest.mark.parametrize(
    ("read", "value", "why"),
    [
        (routes_value, "slak:#x", "Did you mean 'slack'"),
        (keys_value, "ml=", "integration key"),
        (keys_value, "a=123456 a=654321", "names one of them twice"),
        (webhooks_value, "https://x.test/", "name=url pairs"),
        (webhooks_value, "x=http://x.test/", "not https://"),
        (webhooks_value, "x=file:///etc/passwd", "not https://"),
        (smtp_value, "http://mail.test", "not the address of a mail server"),
        (smtp_value, "smtp://mail.test:canary", "not the address of a mail server"),
        (smtp_value, "smtp://mail.test?tls=none", "without TLS"),
        (mailbox_value, "finops", "is not a mail address"),
    ],
)
def test_a_setting_that_cannot_work_is_told_without_its_value(read: Callable[[str], object], value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        read(value)
    assert "canary" not in str(caught.value)


def test_pairs_have_names_and_a_single_value_is_the_default() -> None:
    assert {"default": "R0123456"} == pairs(keys_value("R0123456"))
    assert {"a": "https://x.test/?k=v", "b": "http://localhost:1/"} == pairs(webhooks_value("a=https://x.test/?k=v b=http://localhost:1/"))
    assert {} == pairs(None)


def test_what_settings_hold_is_masked_in_logs() -> None:
    found = {secret.reveal() for secret in route_secrets(Secret("a=key-one b=key-two"), Secret("smtp://u:p%40ss@mail.test"), None)}
    assert {"key-one", "key-two", "smtp://u:p%40ss@mail.test", "p@ss"} == found
