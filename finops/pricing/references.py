"""Reads the many ways a model is referred to: `bedrock/eu.anthropic.claude-…-v1:0`, `publishers/…/models/x@20250929`, `openai/gpt-4o`."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from finops.providers import SPELLINGS, provider_name

# First parts of a path that name the seller, as gateways write them; the rest is the seller's own name of the model.
ROUTES: Final = {
    **dict.fromkeys(("bedrock", "bedrock_converse", "bedrock_mantle", "converse", "sagemaker", "sagemaker_chat", "amazon_nova"), "AWS"),
    **dict.fromkeys(("vertex_ai", "vertex_ai_beta", "gemini", "google", "vertex"), "Google Cloud"),
    **dict.fromkeys(("azure", "azure_ai", "azure_text"), "Microsoft"),
    **dict.fromkeys(("openai", "text-completion-openai", "chatgpt"), "OpenAI"),
    **dict.fromkeys(("mistral", "mistralai", "codestral"), "Mistral AI"),
    **dict.fromkeys(("xai", "x-ai"), "xAI"),
    **dict.fromkeys(("cohere", "cohere_chat"), "Cohere"),
    **dict.fromkeys(("ollama", "ollama_chat", "hosted_vllm", "vllm", "self-hosted", "local"), "self-hosted"),
    "anthropic": "Anthropic",
    "deepseek": "DeepSeek",
    "groq": "Groq",
    "perplexity": "Perplexity",
    "watsonx": "IBM",
    "together_ai": "together",
    "together": "together",
    "fireworks_ai": "fireworks",
    "fireworks": "fireworks",
    "openrouter": "openrouter",
    "moonshot": "moonshotai",
    "voyage": "voyageai",
    "zai": "zai",
    "cerebras": "cerebras",
    "databricks": "databricks",
    "minimax": "minimax",
    "novita": "novita",
    "baseten": "baseten",
    "cloudflare": "cloudflare",
}
# Second parts that change nothing: ways into the same shop. A region such as azure/eu/ is not one of them: it may cost more.
SAME_SHOP: Final = {"AWS": ("converse/", "invoke/", "converse_like/"), "Microsoft": ("global/", "global-standard/")}

PUBLISHERS: Final = {
    "anthropic": "Anthropic",
    "openai": "OpenAI",
    "amazon": "AWS",
    "google": "Google Cloud",
    "mistral": "Mistral AI",
    "mistralai": "Mistral AI",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "deepseek-ai": "DeepSeek",
    "meta": "Meta",
    "meta-llama": "Meta",
    "ai21": "AI21 Labs",
    "qwen": "Alibaba",
    "xai": "xAI",
    "x-ai": "xAI",
    "microsoft": "Microsoft",
    "nvidia": "NVIDIA",
    "moonshotai": "Moonshot AI",
    "moonshot": "Moonshot AI",
    "zai-org": "Z.ai",
    "zai": "Z.ai",
    "minimax": "MiniMax",
    "minimaxai": "MiniMax",
    "writer": "Writer",
    "stability": "Stability AI",
    "ibm": "IBM",
    "twelvelabs": "TwelveLabs",
    "luma": "Luma AI",
}
PLACES: Final = ("us", "eu", "apac", "ap", "jp", "au", "ca", "sa", "me", "us-gov", "global", "regional")
BEDROCK: Final = re.compile(rf"(?:({'|'.join(PLACES)})\.)?({'|'.join(name for name in PUBLISHERS if '-' not in name)})\.([a-z].*)")
VERTEX: Final = re.compile(r"(?:projects/[^/]+/)?(?:locations/([^/]+)/)?publishers/([^/]+)/models/(.+)")
AWS_REGION: Final = re.compile(r"(?:us|eu|ap|ca|sa|me|af|il|mx)(?:-gov)?-[a-z]+-[0-9]/")
DATED: Final = re.compile(r"[-@](?:20[0-9]{2}-[01][0-9]-[0-3][0-9]|20[0-9]{2}[01][0-9][0-3][0-9])$")
VERSIONED: Final = re.compile(r"-v[0-9]+(?::[0-9]+)?(?::[0-9]+k)?$")


@dataclass(frozen=True)
class Reference:
    """A model as it was referred to: `names` from the fullest to the barest, and who sells and made it where that shows."""

    names: tuple[str, ...]
    seller: str | None = None
    publisher: str | None = None
    given: str | None = None

    @property
    def undated(self) -> str:
        return plain(self.names[-1])


@lru_cache(maxsize=4096)
def read_reference(model: str, provider: str | None = None) -> Reference:
    """Read how a model is referred to; `provider` is who sells it, where that is known from elsewhere."""
    full = model.strip().casefold()
    given = _given(provider)
    rest, seller = _without_route(full, given)
    names, publisher = [full, rest], None
    if found := VERTEX.search(rest):
        seller, publisher = seller or "Google Cloud", PUBLISHERS.get(found[2], found[2])
        names.append(found[3])
    elif found := BEDROCK.fullmatch(_last(rest) if rest.startswith("arn:aws") else rest):
        names.append(found[0])
        seller, publisher = seller or "AWS", PUBLISHERS[found[2]]
        names.append(found[3])
    elif seller is None and "/" not in rest and "@" in rest:
        seller = "Google Cloud"
    names += [name.removesuffix(":latest") for name in names if name.endswith(":latest")]
    return Reference(tuple(dict.fromkeys(names)), seller, publisher or _maker(rest), given)


def plain(name: str) -> str:
    """Return a name without its geography, maker, version and date."""
    text = name.casefold().removesuffix(":latest")
    if found := BEDROCK.fullmatch(text):
        text = found[3]
    return DATED.sub("", VERSIONED.sub("", text)).replace(".", "-").replace("@", "-")


def is_same(reference: Reference, listed: str) -> bool:
    """Tell whether a reference means the model that a list calls `listed`, and not only one that is called alike.

    A name without a date means the same model. `…-latest` does not: it moves. What is sold in one geography may cost more
    there than the price without one.
    """
    if listed.casefold() in reference.names:
        return True
    place = next((found for name in reference.names if (found := _geography(name))), "")
    meant = plain(listed.removesuffix("-latest"))
    return any(plain(name) == meant for name in reference.names) and place in _covered(_geography(listed))


def _geography(name: str) -> str:
    found = BEDROCK.fullmatch(name.casefold())
    return (found[1] or "") if found else ""


def _covered(listed: str) -> tuple[str, ...]:
    if listed == "regional":
        return ("", *(place for place in PLACES if place != "global"))
    return (listed,)


def _given(provider: str | None) -> str | None:
    if provider is None or not provider.strip():
        return None
    known = provider_name(provider)
    return known if known in SPELLINGS else ROUTES.get(known.casefold().replace(" ", "_"), known)


def _without_route(full: str, given: str | None) -> tuple[str, str | None]:
    """Take off the first part of a path where it names the seller, and what is only another way into the same shop."""
    first, slash, rest = full.partition("/")
    seller = ROUTES.get(first) if slash else None
    if seller is None or (given is not None and seller != given):
        return full, None
    for way in SAME_SHOP.get(seller, ()):
        rest = rest.removeprefix(way)
    return (AWS_REGION.sub("", rest, count=1) if seller == "AWS" and AWS_REGION.match(rest) else rest), seller


def _maker(rest: str) -> str | None:
    first, slash, _ = rest.partition("/")
    return PUBLISHERS.get(first) if slash else None


def _last(path: str) -> str:
    return path.rpartition("/")[2]
