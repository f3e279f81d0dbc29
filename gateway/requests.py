"""What a request asks for, read from its body, and what clients may not decide for themselves."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from gateway.decide import Asked

# The calls of models that are open to API keys.
CALLS: Final = re.compile(
    r"(?:/v1)?/(?:chat/completions|completions|embeddings|messages|responses|rerank|moderations|images/generations|audio/speech)"
)
BYTES_A_TOKEN: Final = 3  # English has about four; code and other languages fewer
PART: Final = 8  # tokens around each message or tool
PICTURE: Final = 1_500  # tokens of an image or another part that is not text
CAPS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
DEEPEST: Final = 12

# What would lead around our decision, the accounts or the prices. Left in place, the first would answer with the model
# we took the request away from.
OVERRIDES: Final = frozenset(
    {"fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "default_fallbacks", "model_list", "user_config"}
    | {"router_settings_override", "specific_deployment", "deployment_id", "custom_llm_provider", "model_info", "base_model"}
    | {"api_base", "base_url", "api_key", "api_version", "organization", "prompt_id", "prompt_variables", "prompt_label"}
    | {"mock_response", "mock_testing_fallbacks", "mock_testing_context_fallbacks", "mock_testing_content_policy_fallbacks"}
    | {"mock_testing_rate_limit_error", "mock_tool_calls", "mock_timeout", "mock_delay"}
    | {"no-log", "no_log", "callbacks", "success_callback", "failure_callback", "litellm_disabled_callbacks"}
    | {"input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second"}
    | {"additional_drop_params", "drop_params", "num_retries", "max_retries", "caching"}
    | {"finops_call"}
)
IN_EXTRA_BODY: Final = frozenset({"model", "models", "n", "best_of", "fallbacks", *CAPS})
OF_METADATA: Final = frozenset({"litellm_disabled_callbacks", "no-log", "no_log", "finops_call"})


class MalformedError(Exception):
    """A request nobody could count."""


def strip(data: MutableMapping[str, Any]) -> list[str]:
    """Take out of a request what is not for clients to decide; return the names of what was there."""
    found = [name for name in OVERRIDES if name in data]
    for name in found:
        del data[name]
    for field, names in (("extra_body", IN_EXTRA_BODY), ("metadata", OF_METADATA), ("litellm_metadata", OF_METADATA)):
        inner = data.get(field)
        if isinstance(inner, dict):
            hits = names & inner.keys()
            for name in hits:
                del inner[name]
            found += [f"{field}.{name}" for name in hits]
    return sorted(found)


def cache_for(data: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """Return cache settings that keep answers among `whose`; a client may still ask for a fresh one, or for none to be kept."""
    said = data.get("cache")
    wishes = {name: True for name in ("no-cache", "no-store") if isinstance(said, Mapping) and said.get(name) is True}
    return {"namespace": whose, **wishes}


def asked(data: Mapping[str, Any]) -> Asked:
    """Return what a body asks for, its tokens guessed from its size. Raises MalformedError."""
    model = data.get("model")
    if not isinstance(model, str) or not model or "," in model:
        raise MalformedError("name one model as 'model'; a list of them is not served here")
    choices = _choices(data)
    said = [value for name in CAPS if (value := data.get(name)) is not None]
    if any(isinstance(value, bool) or not isinstance(value, int) or value < 1 for value in said):
        raise MalformedError(f"{' and '.join(CAPS)} are whole numbers from 1")
    content = [
        data.get(name) for name in ("messages", "input", "prompt", "system", "instructions", "tools", "functions", "response_format")
    ]
    return Asked(model, tokens_in(content), max(said) * choices if said else None)


def cap(data: MutableMapping[str, Any], most: int, call_type: str) -> None:
    """Write the most output a request may ask for into it, spelled as it spells it."""
    each = max(1, most // _choices(data))
    names = [name for name in CAPS if name in data] or [_spelling(call_type)]
    for name in names:
        data[name] = min(each, data.get(name) or each)


def tokens_in(content: Any, depth: int = 0) -> int:
    """Guess, rather too high, how many tokens a piece of a body holds."""
    if isinstance(content, str):
        size = len(content) if content.isascii() else len(content.encode("utf-8", "surrogatepass"))
        return -(-size // BYTES_A_TOKEN)
    if depth > DEEPEST:
        return len(str(content))
    if isinstance(content, Mapping):
        if content.get("type") in ("image_url", "image", "input_image", "input_audio", "document", "file", "input_file"):
            return PICTURE
        return PART + sum(tokens_in(value, depth + 1) for value in content.values())
    if isinstance(content, list | tuple):
        if content and all(isinstance(each, int) for each in content):
            return len(content)  # tokens already
        return sum(tokens_in(value, depth + 1) for value in content)
    return 0 if content is None else 1


def _spelling(call_type: str) -> str:
    return "max_output_tokens" if call_type in ("aresponses", "responses") else "max_tokens"


def _choices(data: Mapping[str, Any]) -> int:
    numbers = [value for name in ("n", "best_of") if (value := data.get(name)) is not None]
    if any(isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000 for value in numbers):
        raise MalformedError("n and best_of are whole numbers from 1")
    return max(numbers, default=1)
