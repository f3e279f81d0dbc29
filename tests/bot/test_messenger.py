"""Words for what went wrong, and simpler forms of a message."""

import pytest
from slack_sdk.errors import SlackApiError

from bot.blocks import Message
from bot.messenger import Place, _error_in, forms, reason
from bot.slack_text import section
from finops.secret import Secret


def test_an_answer_that_is_no_json_is_named_by_its_status() -> None:
    problem = SlackApiError("no JSON", {"status": 502, "body": "<html>"})  # type: ignore[no-untyped-call]
    assert "http_502" == reason(problem)


def test_another_failure_is_named_by_its_kind_and_nothing_it_says() -> None:
    assert "TimeoutError" == reason(TimeoutError("https://hooks.example/secret"))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"ok":false,"error":"used_url"}', "used_url"),
        ("no_text", "no_text"),
        ("<html>bad gateway</html>", None),
        ('{"error":"https://hooks.example/secret"}', None),
        ("x" * 41, None),
        ("[1]", None),
        ("", None),
    ],
)
def test_a_name_is_taken_from_an_answer_and_nothing_else(body: str, name: str | None) -> None:
    assert name == _error_in(body)


def test_a_message_gets_simpler_until_only_its_text_is_left() -> None:
    image = {"type": "image", "block_id": "i", "slack_file": {"id": "F1"}, "alt_text": "chart"}
    message = Message("text", [section("said", "s"), image])
    assert [message.blocks, [section("said", "s")], []] == [form.blocks for form in forms(message)]
    assert {"text"} == {form.text for form in forms(message)}


def test_a_place_does_not_show_its_address() -> None:
    assert "hooks" not in repr(Place("C1", "U1", response_url=Secret("https://hooks.example/secret")))
