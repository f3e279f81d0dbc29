"""The Slack app's manifest, the one that is pasted into Slack."""

from importlib.resources import files
from pathlib import Path
from typing import Any, cast

NAME = "slack-manifest.yaml"


def manifest() -> dict[str, Any]:
    """Return the manifest as Slack reads it; in a checkout it lies in docs/, in an installed package beside this file."""
    from finops.yamlfile import load, plain

    packaged = Path(str(files("bot"))) / NAME
    return cast(dict[str, Any], plain(load(packaged if packaged.exists() else Path(__file__).parents[1] / "docs" / NAME)))
