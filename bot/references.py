"""How a message refers to another one, and to people: links and mentions where Slack knows them, plain words where it does not."""

import logging
import re
from typing import Final

from slack_sdk import WebClient

from bot.groups import TROUBLES, is_group
from bot.messenger import reason
from bot.proposal_words import GROUP, person
from bot.slack_text import mrkdwn
from finops.errors import UserError
from finops.ledger.alerts import alert
from finops.ledger.ledger import Ledger
from finops.ledger.outbox import Reference, reference_of

LOG = logging.getLogger("finops.slack.references")
PAGES: Final = 20
IDS: Final = re.compile(r"(?<![\w|/-])[AP]-[1-9][0-9]{0,8}(?![\w-])")


class References:
    """Without a client nothing is linked and nobody is called. What Slack once told is remembered, since neither changes."""

    def __init__(self, ledger: Ledger | None = None, client: WebClient | None = None) -> None:
        self._ledger, self._client = ledger, client
        self._links: dict[Reference, str] = {}
        self._names: dict[str, str] = {}

    def link(self, identity: str) -> str:
        """Return an alert's or a proposal's id, as a link to its message where there is one."""
        where = self._where(identity) if self._client else None
        address = self._permalink(where) if where else None
        return f"<{address}|{identity}>" if address else identity

    def linked(self, text: str) -> str:
        """Link the ids in a sentence of ours, which is escaped already."""
        return IDS.sub(lambda found: self.link(found[0]), text)

    def mention(self, name: str) -> str:
        """Call a person or a user group, named by id or by handle; whom Slack does not know is only named."""
        bare = name.removeprefix("@")
        if not is_group(bare):
            return person(bare)
        if GROUP.fullmatch(bare):
            return f"<!subteam^{bare}>"
        return self._handle(bare.casefold()) or mrkdwn(name, 80)

    def _where(self, identity: str) -> Reference | None:
        assert self._ledger is not None
        engine = self._ledger.engine
        if identity.startswith("P-"):
            return reference_of(engine, f"proposal:{identity}")
        try:
            keys = [key for key, route in alert(engine, identity).messages if route.startswith("slack:")]
        except UserError:
            return None
        return next((found for key in keys if (found := reference_of(engine, key))), None)

    def _permalink(self, where: Reference) -> str | None:
        assert self._client is not None
        if where not in self._links:
            try:
                self._links[where] = str(self._client.chat_getPermalink(channel=where.channel, message_ts=where.ts)["permalink"])
            except TROUBLES as problem:
                LOG.info("no link to a message could be had (%s); it is only named", reason(problem))
                return None
        return self._links[where]

    def _handle(self, handle: str) -> str | None:
        if self._client is None:
            return None
        if handle not in self._names:
            try:
                self._names |= _groups(self._client) | _people(self._client)
                self._names.setdefault(handle, "")
            except TROUBLES as problem:
                LOG.info("Slack does not say who @%s is (%s); nobody is called", handle, reason(problem))
        return self._names.get(handle) or None


NOWHERE: Final = References()


def _people(client: WebClient) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor = ""
    for _ in range(PAGES):
        page = client.users_list(limit=200, cursor=cursor)
        found |= {str(each["name"]).casefold(): f"<@{each['id']}>" for each in page["members"] if not each.get("deleted")}
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            break
    return found


def _groups(client: WebClient) -> dict[str, str]:
    found = client.usergroups_list()["usergroups"]
    return {str(each["handle"]).casefold(): f"<!subteam^{each['id']}>" for each in found if not each.get("date_delete")}
