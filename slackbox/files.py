"""Uploads in three steps, and which of them a block may show."""

from typing import Any

from slackbox import shapes
from slackbox.args import Args, invalid
from slackbox.file_types import mimetype
from slackbox.rig import RefusedError, Rig
from slackbox.world import File, Message


def get_upload_url(rig: Rig, args: Args) -> dict[str, Any]:
    """Step one: a place to put `length` bytes."""
    length = args.whole("length")
    if not args.text("filename"):
        raise invalid("missing required field: filename")
    if length <= 0 or length > rig.settings.upload_bytes:
        raise RefusedError("file_upload_size_restricted" if length > 0 else "invalid_arguments")
    token = rig.settings.token()
    file = File(rig.world.new_id("F"), args.text("filename"), length, args.text("alt_txt"), token, rig.world.bot_user)
    rig.world.files[file.id] = file
    return {"upload_url": f"{rig.url}/upload/{token}", "file_id": file.id}


def receive(rig: Rig, token: str, content: bytes) -> str | None:
    """Step two: the bytes; says what is wrong with them."""
    file = next((each for each in rig.world.files.values() if each.upload_token == token), None)
    if file is None or file.content is not None:
        return "no upload is expected at this address"
    if len(content) != file.length:
        return f"{len(content)} bytes came where {file.length} were announced"
    file.content = content
    return None


def complete_upload(rig: Rig, args: Args) -> dict[str, Any]:
    """Step three: files come to exist, and perhaps a message shows them."""
    listed = args.items("files")
    files = [uploaded(rig, each) for each in listed]
    channel = target(rig, args)
    for file, entry in zip(files, listed, strict=True):
        file.title = str(entry.get("title") or file.name)
        file.completed_at = rig.clock.now()
        file.channels = [channel] if channel else []
    if channel:
        text = args.text("initial_comment")
        names = [file.id for file in files]
        message = Message(rig.world.new_ts(), channel, rig.world.bot_user, text, thread_ts=args.text("thread_ts") or None, files=names)
        rig.world.add(message)
    return {"files": [shapes.file(rig, each) for each in files]}


def uploaded(rig: Rig, entry: Any) -> File:
    """The file meant by one entry, whose bytes have come."""
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise invalid("missing required field: id [json-pointer:/files]")
    file = rig.world.files.get(entry["id"])
    if file is None or file.content is None or file.completed_at is not None:
        raise RefusedError("file_not_found")
    return file


def target(rig: Rig, args: Args) -> str | None:
    """The one channel to share in, if any."""
    channel = args.text("channel_id") or args.text("channels").split(",")[0]
    if not channel:
        return None
    found = rig.world.channels.get(channel)
    if found is None or (found.kind != "public" and rig.world.bot_user not in found.members):
        raise RefusedError("channel_not_found")
    if rig.world.bot_user not in found.members:
        raise RefusedError("not_in_channel")
    return channel


def info(rig: Rig, args: Args) -> dict[str, Any]:
    """A file as far as Slack has got with it."""
    return {"file": shapes.file(rig, existing(rig, args)), "comments": [], "response_metadata": {"next_cursor": ""}}


def delete(rig: Rig, args: Args) -> dict[str, Any]:
    """Remove a file from the workspace and from its messages."""
    file = existing(rig, args)
    del rig.world.files[file.id]
    rig.world.changed()
    return {}


def existing(rig: Rig, args: Args) -> File:
    """The completed file named by `file`."""
    file = rig.world.files.get(args.text("file"))
    if file is None or file.completed_at is None:
        raise RefusedError("file_not_found")
    return file


def unready(rig: Rig, value: Any, at: str) -> list[str]:
    """Pointers of every `slack_file` below a value that is no finished image."""
    if isinstance(value, list):
        return [found for index, each in enumerate(value) for found in unready(rig, each, f"{at}/{index}")]
    if not isinstance(value, dict):
        return []
    below = [found for name, each in value.items() if name != "slack_file" for found in unready(rig, each, f"{at}/{name}")]
    reference = value.get("slack_file")
    return below if not isinstance(reference, dict) or usable(rig, reference) else [*below, f"{at}/slack_file"]


def usable(rig: Rig, reference: dict[str, Any]) -> bool:
    """It names a finished image of this workspace, by id or by address."""
    name = str(reference.get("id") or str(reference.get("url", "")).rsplit("/", 1)[-1])
    file = rig.world.files.get(name)
    return file is not None and rig.ready(file) and mimetype(file.content or b"").startswith("image/")
