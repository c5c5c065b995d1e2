"""How the storage below a table is reached, and what goes wrong there, said as a person can act on it.

Credentials come from the environment only (`AWS_ACCESS_KEY_ID` and the like, which Lance and Arrow read themselves) and
are never written anywhere. Lance raises OSError, ValueError and RuntimeError with long texts, Arrow OSError: each line
of `FAULTS` says by which words a fault is told, and what is said instead.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from index.errors import IndexBusyError, IndexMissingError, IndexMovedError, RagError, StorageError

S3 = "s3://"
DEFAULT_REGION = "us-east-1"
# What may name credentials, each alone enough. A machine's own metadata service is not asked: it is no environment.
CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
# A server that is gone is said within seconds, not after Lance's three minutes.
PATIENCE = {"client_max_retries": "3", "retry_timeout": "20", "connect_timeout": "3s", "timeout": "30s"}

Fault = tuple[str, type[RagError], str]
# (words that tell the fault, as a pattern; the error; what is said). The first that fits is taken.
FAULTS: tuple[Fault, ...] = (
    (
        r"Too many concurrent writers|ommit conflict|Dataset already exists|incompatible transaction",
        IndexBusyError,
        "another process wrote to {place} meanwhile: run the command again",
    ),
    (r"NoSuchBucket", StorageError, "there is no bucket {bucket}: create it, or correct {place} or AWS_ENDPOINT_URL"),
    (
        r"InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|Failed to get AWS credentials|"
        r"INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|EXPIRED_TOKEN|INVALID_CLIENT_TOKEN_ID",
        StorageError,
        "the credentials for {place} are not accepted: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and"
        " AWS_SESSION_TOKEN",
    ),
    (
        r"RequestTimeTooSkewed",
        StorageError,
        "this machine's clock differs too much from that of {server}: set it right (it is signed with every request)",
    ),
    (
        r"AuthorizationHeaderMalformed|PermanentRedirect|IllegalLocationConstraint|Received redirect without LOCATION",
        StorageError,
        "the bucket {bucket} is in another region than {region}: set AWS_REGION to the bucket's",
    ),
    (
        r"(?s)(PUT|POST|DELETE|upload).*(AccessDenied|403 Forbidden|lacked the necessary privileges)",
        StorageError,
        "these credentials may not write to {place}: ask for s3:PutObject and s3:DeleteObject, or only search",
    ),
    (
        r"AccessDenied|ACCESS_DENIED|403 Forbidden|lacked the necessary privileges",
        StorageError,
        "these credentials may not read {place}: ask for s3:GetObject and s3:ListBucket",
    ),
    (
        r"SlowDown|SLOW_DOWN|THROTTLING|TooManyRequests|429 Too Many Requests|503 Service Unavailable",
        StorageError,
        "{server} has too much to do: try again later",
    ),
    (
        r"(?s)(error sending request|NETWORK_CONNECTION|curlCode|dns error|[Cc]onnection refused|operation timed out|"
        r"error trying to connect)",
        StorageError,
        "{server} does not answer: check the network and AWS_ENDPOINT_URL",
    ),
)
ABSENT = re.compile(r"Dataset at path .* was not found")
GONE = re.compile(r"[Nn]ot found: |NoSuchKey|No such file")


def is_remote(place: str) -> bool:
    """Say whether a table is on object storage, not in a folder."""
    return place.startswith(S3)


def storage_options(place: str) -> dict[str, str]:
    """Return how Lance is to reach a place. Raises StorageError if no credentials are named for it."""
    if not is_remote(place):
        return {}
    require_credentials(place)
    return PATIENCE | ({"allow_http": "true"} if _is_local() else {})


def require_credentials(place: str) -> None:
    """Raise StorageError if the environment names no credentials for a place."""
    if not any(os.environ.get(name) for name in CREDENTIALS):
        raise StorageError(
            f"no credentials for {place}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )


def require_tls(place: str) -> None:
    """Raise StorageError if a place is reached over a network without TLS, unless AWS_ALLOW_HTTP says that it may."""
    is_plain = endpoint().startswith("http://") and not _is_local()
    if is_plain and os.environ.get("AWS_ALLOW_HTTP", "").lower() not in ("true", "1"):
        raise StorageError(
            f"{place} would be reached without TLS ({endpoint()}): use https, or set AWS_ALLOW_HTTP=true"
        )


def region(environment: Mapping[str, str] = os.environ) -> str:
    """Return the region that the environment names, "" for none."""
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn Lance's errors into ours. Our own pass through."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        if not _is_lances(error):
            raise
        raise translate(str(error), place) from error


def translate(text: str, place: str, environment: Mapping[str, str] = os.environ) -> RagError:
    """Return the error that a person is shown for one of Lance's."""
    if ABSENT.search(text):
        return missing(place)
    named = {
        "place": place,
        "bucket": urlsplit(place).netloc,
        "server": endpoint(environment) or "S3",
        "region": region(environment) or f"{DEFAULT_REGION} (the default)",
    }
    for words, kind, said in FAULTS:
        if re.search(words, text):
            return kind(said.format(**named))
    if GONE.search(text):
        return IndexMovedError(f"files of {place} went while they were read: ask again; if they stay away, index anew")
    return StorageError(f"cannot use {place}: {text.splitlines()[0][:300]}")


def missing(place: str) -> RagError:
    """Return the error for a place where no index is."""
    return IndexMissingError(f"no index at {place}: run `rag index FOLDER` or `rag migrate` first")


def _is_lances(error: Exception) -> bool:
    """Tell Lance's errors, which name the line of its source, from those of a caller's own block."""
    return bool(re.search(r"LanceError|rust/lance|Too many concurrent writers|Dataset at path", str(error)))


def endpoint(environment: Mapping[str, str] = os.environ) -> str:
    """Return the address of what speaks S3, as the environment names it; "" is Amazon's."""
    return environment.get("AWS_ENDPOINT_URL") or environment.get("AWS_ENDPOINT") or ""


def _is_local() -> bool:
    return urlsplit(endpoint()).hostname in ("127.0.0.1", "::1", "localhost")
