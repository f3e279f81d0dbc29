"""What a call to Slack that failed means for a message: it may be tried again, it may be out, or it will never go."""

from datetime import timedelta
from http.client import HTTPException
from socket import gaierror
from ssl import SSLCertVerificationError
from typing import Final
from urllib.error import URLError

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.messenger import BLOCKS_REFUSED, reason
from jobs.routes import LostError, NotSentError, RefusedError

Failure = LostError | NotSentError | RefusedError
TROUBLES: Final = (SlackClientError, OSError, HTTPException)
LIMITED: Final = frozenset({"ratelimited", "rate_limited", "http_429"})
# Slack says of these that a part of the call may have been done.
PERHAPS: Final = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
FOR_GOOD: Final = frozenset(
    {
        "account_inactive", "as_user_not_supported", "cannot_dm_bot", "cannot_reply_to_message", "cant_update_message", "channel_not_found",
        "edit_window_closed", "ekm_access_denied", "invalid_auth", "invalid_metadata_format", "invalid_metadata_schema", "is_archived",
        "is_inactive", "message_not_found", "metadata_too_large", "missing_scope", "msg_too_long", "no_permission", "no_text", "not_authed",
        "not_in_channel", "org_login_required", "restricted_action", "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel", "restricted_action_thread_locked", "thread_not_found", "token_expired", "token_revoked",
        "too_many_attachments", "user_disabled", "user_not_found", "users_not_found",
    }
)  # fmt: skip
NEVER_LEFT: Final = (ConnectionRefusedError, gaierror, SSLCertVerificationError)


def failure(problem: Exception) -> Failure:
    """Return what a failed call means; one whose answer was lost, or names nothing we know, may have had its effect."""
    name = reason(problem)
    if not isinstance(problem, SlackApiError):
        return NotSentError(f"Slack cannot be reached ({_cause(problem)})", is_down=True) if never_left(problem) else _lost(_cause(problem))
    if name in LIMITED:
        return NotSentError("Slack asks to wait", wait=_told_to_wait(problem))
    if name in FOR_GOOD or name in BLOCKS_REFUSED:
        return RefusedError(name, plainly=name in BLOCKS_REFUSED or name == "msg_too_long")
    is_name = len(name) <= 60 and name.replace("_", "").isalnum()
    if name in PERHAPS or name.startswith("http_") or not is_name:
        return _lost(name if is_name else "an answer that is none of Slack's")
    return NotSentError(f"Slack said {name}")


def never_left(problem: Exception) -> bool:
    """Whether the call failed before anything of it was sent."""
    return isinstance(problem, URLError) and isinstance(problem.reason, NEVER_LEFT)


def _lost(why: str) -> LostError:
    return LostError(f"Slack's answer was lost ({why})", is_down=True)


def _cause(problem: Exception) -> str:
    inner = problem.reason if isinstance(problem, URLError) else problem
    return type(inner).__name__ if isinstance(inner, Exception) else type(problem).__name__


def _told_to_wait(problem: SlackApiError) -> timedelta:
    answer = problem.response
    headers = {} if isinstance(answer, dict) else {name.lower(): value for name, value in answer.headers.items()}
    told = headers.get("retry-after", "1")
    told = told[0] if isinstance(told, list) else told
    return timedelta(seconds=max(1, int(told)) if str(told).isdigit() and len(str(told)) < 6 else 30)
