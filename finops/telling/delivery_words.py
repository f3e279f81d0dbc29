"""Why a message did not arrive, and what to do about it, in words. Pure: from the reason that the outbox keeps."""

from collections.abc import Mapping, Sequence
from typing import Final

SERVICES: Final[Mapping[str, str]] = {
    "slack": "Slack",
    "pagerduty": "PagerDuty",
    "email": "the mail server",
    "webhook": "the server behind it",
}
FATES: Final[Mapping[str, str]] = {
    "pending": "waits",
    "sending": "is being sent",
    "ambiguous": "is looked for",
    "sent": "arrived",
    "dead": "was given up",
    "dropped": "was let go",
}
# What the reason holds, and what helps then; the first that fits is told. `{place}` is where it should have gone.
HELP: Final[Sequence[tuple[tuple[str, ...], str]]] = (
    (("shared with another company",), "name a channel that only your own people read"),
    (("in no channel", "not_in_channel", "channel_not_found"), "invite finops-bot to {place} (/invite @finops-bot), then try again"),
    (("is_archived",), "unarchive {place}, or name another channel in budgets.yaml or rules.yaml"),
    (
        ("invalid_auth", "not_authed", "token_", "account_inactive", "org_login_required", "ekm_access_denied"),
        "install the Slack app again, set its new SLACK_BOT_TOKEN and start finops-bot again",
    ),
    (("missing_scope", "no_permission", "does not let finops-bot look"), "give the Slack app the scopes that docs/alerts.md names"),
    (("restricted_action",), "let finops-bot post in {place}: who may is limited there"),
    (
        ("no full, active member", "nobody here is called", "user_not_found", "users_not_found", "user_disabled", "cannot_dm_bot"),
        "name somebody else in budgets.yaml or rules.yaml, who is an active member",
    ),
    (
        ("no message to edit", "message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed", "thread_locked"),
        "the message that it changes cannot be changed any more; let it go",
    ),
    (
        ("invalid_blocks", "msg_too_long", "msg_blocks_too_long", "no_text"),
        "update finops-bot, or report this: Slack does not take it as it is laid out",
    ),
    (("FINOPS_",), "set that right and start finops-bot again, then try again"),
    (("failed to make it ready", "failed on the way"), "look into the log, and update finops-bot or report it"),
    (("refuses", "takes no such event", "points elsewhere"), "ask whoever runs {service} why, then try again"),
    (
        ("cannot be reached", "cannot be used", "was lost", "asks to", "in trouble", "hung up", "did not come", "did not say"),
        "see whether {service} works again, then try again",
    ),
)
OTHERWISE: Final = "set right what it says, then try again"


def help_for(error: str, route: str) -> str:
    """Return what to do so that a message arrives after all."""
    scheme, _, place = route.partition(":")
    found = next((told for signs, told in HELP if any(sign in error for sign in signs)), OTHERWISE)
    return found.format(place=place or route, service=SERVICES.get(scheme, scheme))


def sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."


def many(number: int, one: str = "message") -> str:
    """Count: `1 message`, `1,240 messages`."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"
