"""Pages of lines and the Home tab stay within what Slack takes, whatever the ledger holds."""

from datetime import UTC, date, datetime

from bot.blocks import Message, help_blocks
from bot.home import home_view
from bot.pages import lines_message
from finops.answers import Freshness
from slackbox import validate


def bill(name: str) -> Freshness:
    return Freshness(name, datetime(2026, 9, 28, tzinfo=UTC), date(2026, 9, 27), date(2026, 9, 26))


def problems(message: Message) -> list[str]:
    return [str(problem) for problem in validate.message({"text": message.text, "blocks": message.blocks})]


def test_a_home_with_many_bills_of_long_names_is_a_valid_view_and_counts_the_rest() -> None:
    shown = home_view([bill(f"<!here> {number} " + "x" * 200) for number in range(60)], help_blocks())
    assert [] == validate.view({"type": "home", "blocks": shown.blocks}, "")
    assert "… and 35 more" in shown.blocks[0]["text"]["text"]
    assert "<!here>" not in str(shown.blocks)


def test_an_empty_ledger_says_so() -> None:
    assert "No bill is loaded yet" in home_view([], help_blocks()).blocks[0]["text"]["text"]


def test_a_thousand_lines_fit_in_one_message() -> None:
    page = lines_message("Deliveries", [f"aws <2026-{number}>" + "&" * 300 for number in range(1000)])
    assert [] == problems(page)
    assert page.blocks[-1]["text"]["text"].endswith("…")


def test_lines_of_our_own_keep_their_mentions() -> None:
    assert "<#C1>" in lines_message("Shared", ["now in <#C1>"], trusted=True).blocks[0]["text"]["text"]
    assert "<#C1>" not in lines_message("Shared", ["now in <#C1>"]).blocks[0]["text"]["text"]
