"""`check --online` asks Slack itself what does not work."""

from bot.assemble import Tools
from bot.demo import with_slack
from bot.manifest import manifest
from bot.online import problems_online
from slackbox.server import start
from slackbox.settings import Settings
from tests.flows.slack import Slack


def test_what_the_manifest_grants_is_all_the_bot_needs(slack: Slack, tools: Tools) -> None:
    assert [] == problems_online(tools)


def test_every_token_that_does_not_work_is_told(slack: Slack, tools: Tools) -> None:
    slack.fault("auth.test", error="token_revoked")
    slack.fault("apps.connections.open", error="invalid_auth")
    bot, app = problems_online(tools)
    assert bot.startswith("SLACK_BOT_TOKEN does not work (token_revoked)")
    assert app.startswith("SLACK_APP_TOKEN does not work (invalid_auth)")


def test_a_right_that_was_not_granted_is_named(tools: Tools) -> None:
    kept = tools.settings
    granted = manifest()
    scopes = granted["oauth_config"]["scopes"]
    scopes["bot"] = [scope for scope in scopes["bot"] if scope != "files:read"]
    with start(Settings(granted, rate_limits=False)) as box:
        problems = problems_online(with_slack(tools, box))
        tools.settings = kept
    assert problems == ["the Slack app lacks the scope files:read; add it under OAuth & Permissions and reinstall"]
