"""The Bolt app: everything Slack sends comes in here, is acknowledged at once and worked on at our own desk."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError

from bot.assemble import Tools
from bot.blocks import (
    Chart,
    Message,
    answer_blocks,
    busy_message,
    error_blocks,
    fits_native,
    help_blocks,
    shared_by,
    split_choice,
    worth_a_chart,
)
from bot.commands import Asking, CostReply, Reply, TextReply, ask, reply
from bot.desk import Desk
from bot.home import home_view
from bot.messenger import Messenger, NotSaidError, web_client
from bot.pages import lines_message
from bot.people import People
from finops.answers import Answer
from finops.charts import draw
from finops.errors import FinopsError, UserError
from finops.language.query_json import from_json
from finops.ledger.taken import take
from finops.query import CostQuery, parse

LOG = logging.getLogger("finops.slack")
Work = Callable[[], None]


class SlackApp:
    """Listeners over the tools. Figures are shown to the one who asked; sharing is a second, deliberate step."""

    def __init__(self, tools: Tools, *, clock: Callable[[], float]) -> None:
        settings = tools.settings
        assert settings.slack_bot_token is not None
        self.tools = tools
        self.client = web_client(settings.slack_bot_token.reveal(), settings.slack_api_url)
        self.messenger = Messenger(self.client)
        self.people = People(self.client, clock)
        self.desk = Desk(settings.workers)
        secret = settings.slack_signing_secret
        self.bolt = App(
            client=self.client,
            signing_secret=secret.reveal() if secret else secrets.token_hex(),  # Socket Mode verifies no signature
            request_verification_enabled=secret is not None,
            logger=LOG,
        )
        self._register()

    def close(self) -> None:
        self.desk.close()

    def _register(self) -> None:
        self.bolt.command("/cost")(self.command)
        self.bolt.event("app_mention")(self.mention)
        self.bolt.event("app_home_opened")(self.home)
        self.bolt.action("share")(self.share)
        self.bolt.action("period")(self.change)
        self.bolt.action("by")(self.change)

    def command(self, ack: Ack, body: dict[str, Any]) -> None:
        """`/cost …`: answered for the person who typed it, through the response_url, so that it works in every channel."""
        user, url = body["user_id"], body["response_url"]
        work = self._answering(user, body.get("text", ""), lambda message: self.messenger.reply(url, message))
        self._acknowledge(ack, user, f"command:{body.get('trigger_id')}", work)

    def mention(self, ack: Ack, event: dict[str, Any], body: dict[str, Any]) -> None:
        """`@finops-bot …`: the same words, answered in the thread for the person who asked."""
        ack()
        user, channel, thread = event.get("user"), event["channel"], event.get("thread_ts")
        if not user:  # another bot
            return
        text = event.get("text", "").partition(">")[2]
        work = self._answering(user, text, lambda message: self.messenger.whisper(channel, user, message, thread))
        self._once(f"event:{body.get('event_id')}", user, work)

    def home(self, ack: Ack, event: dict[str, Any]) -> None:
        ack()
        if event.get("tab") == "home":
            user = event["user"]
            self.desk.take(user, lambda: self._publish_home(user))

    def change(self, ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        """Another period or breakdown: the same answer, edited in place."""
        user, url = body["user"]["id"], body["response_url"]
        identity, choice = split_choice(action["selected_option"]["value"])
        show = self._guarded(user, lambda: self._changed(user, identity, action["action_id"], choice), self._replacing(url))
        self._acknowledge(ack, user, f"action:{body.get('trigger_id')}", show)

    def share(self, ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        """Post the answer for the whole channel, once, however often the button is clicked."""
        user, url, channel = body["user"]["id"], body["response_url"], body["channel"]["id"]
        work = self._guarded(user, lambda: self._share(user, channel, action["value"]), lambda message: self.messenger.reply(url, message))
        clicked = body.get("container", {}).get("message_ts")
        self._acknowledge(ack, user, f"share:{channel}:{clicked}:{action['value']}", work)

    def _acknowledge(self, ack: Ack, user: str, key: str, work: Work) -> None:
        if self._once(key, user, work):
            ack()
        else:
            busy = busy_message()
            ack(text=busy.text)

    def _once(self, key: str, user: str, work: Work) -> bool:
        """Do the work unless this key was taken before: Slack repeats deliveries, people click twice. False when too busy."""

        def first() -> None:
            if take(self.tools.ledger.engine, key, self.tools.now()):
                work()
            else:
                LOG.info("already done: %s", key.partition(":")[0])

        return self.desk.take(user, first)

    def _answering(self, user: str, text: str, say: Callable[[Message], None]) -> Work:
        def answer() -> Message:
            return self._message(reply(self.tools, text or "help", self._asking(user)))

        return self._guarded(user, answer, say)

    def _guarded(self, user: str, make: Callable[[], Message], say: Callable[[Message], None]) -> Work:
        """Wrap work so that the person always hears something: the answer, the mistake, or a number to quote."""

        def work() -> None:
            try:
                self.people.may_ask(user)
                message = make()
            except UserError as problem:
                message = error_blocks(str(problem), problem.suggestion, problem.did_you_mean)
            except Exception as problem:  # whatever it was, the person must hear of it
                message = _failure(problem)
            try:
                say(message)
            except NotSaidError as problem:
                LOG.error("an answer could not be delivered: %s", problem)

        return work

    def _asking(self, user: str) -> Asking:
        return Asking(asked_by=user, until=self.tools.now(), chart=True)

    def _message(self, said: Reply, *, controls: bool = True) -> Message:
        if isinstance(said, TextReply):
            return help_blocks() if said.is_help else lines_message(said.title, said.lines)
        return self._cost_message(said, controls=controls)

    def _cost_message(self, said: CostReply, *, controls: bool) -> Message:
        return answer_blocks(said.answer, said.today, chart=self._chart(said.answer), controls=controls)

    def _chart(self, answer: Answer) -> Chart:
        if not worth_a_chart(answer):
            return None
        return "native" if fits_native(answer) else self.messenger.picture(draw(answer))

    def _replacing(self, url: str) -> Callable[[Message], None]:
        return lambda message: self.messenger.reply(url, message, replace=True)

    def _changed(self, user: str, identity: str, control: str, choice: str) -> Message:
        kept, _ = self.tools.ledger.recall(identity)
        asking = self._asking(user)
        query = changed(from_json(kept), control, choice, lambda text: parse(text, self.tools.today(asking.until)))
        return self._message(ask(self.tools, query, asking))

    def _share(self, user: str, channel: str, identity: str) -> Message:
        self._refuse_outsiders(channel)
        kept, until = self.tools.ledger.recall(identity)
        said = ask(self.tools, from_json(kept), Asking(asked_by=user, until=until, chart=True))
        try:
            self.messenger.post(channel, shared_by(self._message(said, controls=False), user))
        except NotSaidError as problem:
            if problem.error in ("not_in_channel", "channel_not_found"):
                raise UserError(
                    "finops-bot is not in this channel, so it cannot post here; type /invite @finops-bot and share again"
                ) from problem
            raise
        return lines_message("Shared", (f"The answer {identity} is now in <#{channel}>.",), trusted=True)

    def _refuse_outsiders(self, channel: str) -> None:
        """Figures stay inside: a channel shared with another company gets none, nor one that Slack tells nothing of."""
        try:
            found = self.client.conversations_info(channel=channel)["channel"]
        except SlackApiError as problem:
            raise UserError(
                f"finops-bot cannot see who reads this channel ({problem.response['error']}); type /invite @finops-bot and share again"
            ) from problem
        if found.get("is_ext_shared") or found.get("is_pending_ext_shared"):
            raise UserError(
                "this channel is shared with another company, so cost figures are not posted here; share in an internal channel"
            )

    def _publish_home(self, user: str) -> None:
        def view() -> Message:
            self.people.may_ask(user)
            return home_view(self.tools.ledger.sources(self.tools.now()))

        try:
            message = view()
        except FinopsError as problem:
            message = error_blocks(str(problem))
        self.client.views_publish(user_id=user, view={"type": "home", "blocks": message.blocks})


def _failure(problem: Exception) -> Message:
    number = secrets.token_hex(4)
    LOG.error("failure %s", number, exc_info=problem)
    told = f"{problem}." if isinstance(problem, FinopsError) else "Something went wrong on our side."
    return error_blocks(f"{told} Quote {number} when you report it.")


def changed(query: CostQuery, control: str, choice: str, understand: Callable[[str], CostQuery]) -> CostQuery:
    """Return the question with the control's choice put in; everything else stays as asked."""
    if control == "by":
        return replace(query, by=(choice,))
    other = understand(choice)
    return replace(query, period=other.period, compare=other.compare if query.compare else None, grain=other.grain)
