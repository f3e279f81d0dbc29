"""Names out of a bill are shown as they are: nobody is called, nothing links, nothing breaks out of its line."""

from collections.abc import Iterator
from typing import Any

import pytest

from bot.assemble import Tools, assemble
from jobs.ingest_bills import delivered, ingest_files
from tests.flows.conftest import NOW
from tests.flows.slack import ANA, BRUNO, COSTS, Message, Slack, connected, eventually, texts, words

NAMES = (
    "<!channel>",
    "<@U0ANA00001>",
    "<http://evil.example|Approve>",
    "`code` *bold* _it_ ~no~",
    "pay\u202egpj.exe\u2066",
    "two\nlines\ttab\x07",
    "&lt;!here&gt;",
    "=cmd|' /C calc'!A0",
    "n" * 5000,
)
MEANT = ("<!", "<@", "<#", "<http")
UNSEEN = ("\u202e", "\u2066", "\x07")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """A ledger whose teams, services and models have such names."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [f"2026-09-{day}T00:00:00Z,10.50,USD,{quoted(name)},{quoted(name)},{quoted(name)}" for day in range(14, 28) for name in NAMES]
    bill = folder / "bill.csv"
    bill.write_text("\n".join(["ChargePeriodStart,BilledCost,BillingCurrency,ServiceName,x_Team,x_Model", *rows]), encoding="utf-8")
    (folder / "budgets.yaml").write_text("currency: USD\ntimezone: UTC\n")
    (folder / "rules.yaml").write_text("rules: []\n")
    with assemble(folder, {}, now=lambda: NOW) as tools:
        ingest_files(tools.ledger, [bill], "focus", delivery=delivered(None, NOW, "test", accept=False), source="<!everyone>")
        yield tools


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(scope="module")
def slack(tools: Tools) -> Iterator[Slack]:
    with connected(tools) as slack:
        yield slack


def marked(message: Message) -> str:
    """All text that Slack looks for mentions, links and formatting; in other text these signs mean nothing."""
    return "\n".join([message["text"], *marks(message["blocks"])])


def marks(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["text"]] if value.get("type") == "mrkdwn" else [text for each in value.values() for text in marks(each)]
    return [text for each in value for text in marks(each)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    "question", ["last 7d by=team", "last 14d by=service,model", "last 7d", "sources", "loads", 'team="<!channel>" last 7d by=team']
)
def test_no_name_calls_links_or_turns_text_around(slack: Slack, question: str) -> None:
    answer = slack.type(f"/cost {question}", BRUNO)
    assert [sign for sign in MEANT if sign in marked(answer)] == []
    assert [sign for sign in UNSEEN if sign in words(answer)] == []


def test_the_names_can_still_be_read(slack: Slack) -> None:
    answer = slack.type("/cost last 7d by=team", BRUNO)
    cells = [cell["text"] for block in answer["blocks"] if block["type"] == "data_table" for row in block["rows"] for cell in row]
    assert {"<!channel>", "<@U0ANA00001>", "<http://evil.example|Approve>", "two lines tab"} <= set(cells)
    assert "n" * 300 not in words(answer)


def test_a_name_typed_in_a_question_finds_its_figures(slack: Slack) -> None:
    """Slack escapes what is typed; the figure is seven days of 10.50."""
    assert "$73.50" in slack.ask('team="<http://evil.example|Approve>" last 7d', BRUNO)


def test_a_shared_answer_calls_only_the_one_who_shared(slack: Slack) -> None:
    answer = slack.type("/cost last 7d by=team", BRUNO)
    slack.share(answer)
    [shared] = [message for message in slack.messages(ANA, COSTS) if not message["ephemeral"]]
    assert marked(shared).replace(f"<@{BRUNO}>", "").count("<") == 0


def test_the_home_tab_shows_a_hostile_source_as_it_is(slack: Slack) -> None:
    slack.call("home", user=ANA)
    shown = "\n".join(texts(eventually(lambda: slack.home(ANA))))
    assert "&lt;!everyone&gt;" in shown
    assert "<!everyone>" not in shown
