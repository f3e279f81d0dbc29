"""The thread to work in that a playbook opens: what is known, and who is called to it."""

from collections.abc import Sequence
from typing import Final

from bot.assemble import Tools
from bot.references import NOWHERE, References
from bot.slack_text import mrkdwn
from finops.ledger.alert_rows import Alert
from finops.ledger.alerts import alert
from finops.ledger.proposals import proposals_for
from finops.telling.names import cut
from jobs.check_budgets import approvers_of
from jobs.routes import Content

TEXT: Final = 3000


def render(tools: Tools, identity: str, refer: References = NOWHERE) -> Content:
    """Open a thread as things stand at this moment: the renderer `room` of the outbox."""
    found = alert(tools.ledger.engine, identity)
    proposed = [refer.link(one.id) for one in proposals_for(tools.ledger.engine, found.key)]
    deciding = [need.group for need in approvers_of(tools.rulebook, found.finding)]
    people = [found.finding.owner, *deciding] if found.finding.owner else deciding
    return Content(opening(found, refer.link(found.id), called(people, refer), proposed), (), {})


def opening(found: Alert, link: str, people: Sequence[str], proposed: Sequence[str]) -> str:
    """Say what it is about, the facts, who is called and what was proposed; all but the facts is mrkdwn already."""
    finding = found.finding
    lines = [f"{link}: this thread is for working on it. {mrkdwn(finding.title, 600)}"]
    lines += [f"Called: {', '.join(people)}"] if people else ["Nobody is named whom to call: give the budget an owner in budgets.yaml."]
    lines += [f"• {mrkdwn(name, 60)}: {mrkdwn(value, 300)}" for name, value in finding.facts.items()]
    lines += [f"Proposed: {', '.join(proposed)}"] if proposed else []
    return cut("\n".join(lines), TEXT)


def called(names: Sequence[str], refer: References) -> list[str]:
    """Return each once, so that Slack tells them; a channel or a mailbox is nobody to call."""
    people = [name for name in dict.fromkeys(names) if not name.startswith("#") and "@" not in name[1:]]
    return list(dict.fromkeys(refer.mention(name) for name in people))
