"""What can go wrong with a language model, in a reader's words.

A provider's own message is never shown or logged: it may repeat the key, the address or the prompt.
"""

from index.errors import RagError
from rag.settings import SettingError

KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
TOO_LONG = ("context", "too long", "too large", "maximum", "tokens")


class ModelCallError(RagError):
    """A language model gave no answer; the message says why, and which setting has to do with it."""


class ContextTooLongError(ModelCallError):
    """The passages are more than the model can read at once."""


class SpentError(ModelCallError):
    """Another call might cost more than `--max-cost` allows."""


def call_failed(error: Exception, provider: str, model: str, seconds: float) -> ModelCallError:
    """Return what to say of an error that a provider's client raised.

    The clients (openai, anthropic, ollama, httpx) have no error class in common, but the HTTP status and the name of
    the class say the same in all.
    """
    if isinstance(error, ModelCallError):
        return error
    status = getattr(error, "status_code", None)
    names = {cls.__name__ for cls in type(error).__mro__}
    said = str(error).lower()
    if status in (400, 413, 422) and any(word in said for word in TOO_LONG):
        return ContextTooLongError(
            f"the passages are too long for {model}: set RAG_MODEL_CONTEXT to the tokens it can read, or a smaller -k"
        )
    if status in (401, 403):
        key = KEYS.get(provider, "the key of the provider")
        return ModelCallError(f"the server of {model} refused the key: check {key}")
    if status == 404:
        return ModelCallError(f"the server has no model {model}: check --model (RAG_MODEL) and RAG_MODEL_URL")
    if status == 429:
        return ModelCallError(f"the server of {model} is busy, or your quota is used up (429)")
    if isinstance(status, int) and status >= 400:
        return ModelCallError(f"the server of {model} answered with an error ({status})")
    if isinstance(error, TimeoutError) or names & {"TimeoutException", "APITimeoutError", "ReadTimeout"}:
        return late(model, seconds)
    if isinstance(error, OSError) or names & {"TransportError", "APIConnectionError", "HTTPError", "StreamError"}:
        return ModelCallError(f"the connection to {model} failed: is its server running? RAG_MODEL_URL says where")
    return ModelCallError(f"{model} failed with {type(error).__name__}")


def late(model: str, seconds: float) -> ModelCallError:
    """Return what to say of a model that takes too long."""
    return ModelCallError(f"{model} did not finish within {seconds:g} s: RAG_MODEL_SECONDS allows it more")


def no_key(provider: str) -> SettingError:
    """Return what to say where the key is missing."""
    return SettingError(f"{provider} needs a key in {KEYS[provider]}, or RAG_MODEL_URL for a server without one")
