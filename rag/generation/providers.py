"""Open a language model by its name, `provider:name`, through LangChain.

openai, ollama and anthropic have an extra of their own; any other provider that LangChain's `init_chat_model` knows
works once its package is installed. `gguf:/path/model.gguf` runs a file in this process: llama.cpp (package xllamacpp)
serves it on a loopback port, guarded by a key that only this process knows, and it is spoken to like any
OpenAI-compatible server.
"""

import importlib.util
import os
import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.generation.failures import KEYS, no_key
from rag.generation.prompts import ANSWER_TOKENS
from rag.settings import SettingError, Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

EXTRAS = {
    "openai": ("langchain_openai",),
    "ollama": ("langchain_ollama",),
    "anthropic": ("langchain_anthropic",),
    "gguf": ("xllamacpp", "langchain_openai"),
}
RETRIES = 2  # by the provider's client, which waits as `Retry-After` says
_SERVERS: list[object] = []  # they run as long as somebody holds them


def open_model(settings: Settings) -> "BaseChatModel":
    """Return the chat model that `settings.model` names. Nothing is sent yet. Raises SettingError."""
    provider, _, name = settings.model.partition(":")
    if not provider or not name:
        raise SettingError(f"model is {settings.model!r}, it must be provider:name, such as ollama:llama3.2")
    missing = [package for package in EXTRAS.get(provider, ()) if importlib.util.find_spec(package) is None]
    if missing or importlib.util.find_spec("langchain") is None:
        extra = provider if provider in EXTRAS else "openai"
        raise SettingError(f"{settings.model} needs more packages: run `pip install 'checkable-rag[{extra}]'`")
    if provider == "gguf":
        url, key = served(name, settings.model_context)
        return _init("openai", Path(name).stem, _openai(settings, url, key) | {"temperature": 0})
    if provider == "openai":
        key = os.environ.get("OPENAI_API_KEY", "")
        if not key and not settings.model_url:
            raise no_key(provider)
        local = {"temperature": 0} if settings.model_url else {}  # some of OpenAI's own models refuse any
        return _init(provider, name, _openai(settings, settings.model_url or None, key or "none") | local)
    if provider == "ollama":
        values: dict[str, Any] = {"num_ctx": settings.model_context, "num_predict": ANSWER_TOKENS, "temperature": 0}
        values["client_kwargs"] = {"timeout": settings.model_seconds}
        return _init(provider, name, values | ({"base_url": settings.model_url} if settings.model_url else {}))
    if provider in KEYS and not os.environ.get(KEYS[provider]):
        raise no_key(provider)
    values = {"timeout": settings.model_seconds, "max_retries": RETRIES, "max_tokens": ANSWER_TOKENS}
    return _init(provider, name, values | ({"base_url": settings.model_url} if settings.model_url else {}))


def structured(model: "BaseChatModel") -> bool:
    """Say whether the model can be held to a JSON schema, as LangChain's profile of it says."""
    return bool((model.profile or {}).get("structured_output"))


def _openai(settings: Settings, url: str | None, key: str) -> dict[str, Any]:
    return {
        "base_url": url,
        "api_key": key,
        "timeout": settings.model_seconds,
        "max_retries": RETRIES,
        "max_tokens": ANSWER_TOKENS,
        "stream_usage": True,
        "use_responses_api": False,
    }


def _init(provider: str, name: str, values: dict[str, Any]) -> "BaseChatModel":
    from langchain.chat_models import init_chat_model

    try:
        model: BaseChatModel = init_chat_model(name, model_provider=provider, **values)
    except ImportError as error:
        package = error.name or f"langchain_{provider}"
        raise SettingError(f"{provider}:{name} needs the package {package.replace('_', '-')}") from error
    except ValueError as error:
        raise SettingError(f"there is no provider {provider!r}: use openai, ollama, anthropic or gguf") from error
    return model


@cache
def served(path: str, context: int) -> tuple[str, str]:
    """Load a GGUF file; return the address and the key of its server in this process. Raises SettingError."""
    import xllamacpp

    if not Path(path).is_file():
        raise SettingError(f"there is no file {path} for gguf:{path}")
    key = secrets.token_urlsafe()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_ctx, parameters.n_parallel = context, 1
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.api_keys = [key]
    parameters.ui = parameters.endpoint_slots = parameters.endpoint_props = False
    parameters.cache_ram_mib = 0  # old prompts: 8 GiB by default, and no two of ours begin alike for long
    parameters.verbosity = -1
    try:
        server = xllamacpp.Server(parameters)
    except (RuntimeError, ValueError) as error:
        raise SettingError(f"{path} is no GGUF file that llama.cpp can load") from error
    _SERVERS.append(server)
    return f"{server.listening_address}/v1", key
