"""Passwords and tokens: only what they are compared with is kept, never they themselves.

A password is hashed with scrypt (RFC 7914), salted. A token is 32 random bytes, which nobody can guess, so that one
round of SHA-256 is enough, and looking it up is fast.
"""

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict

# OWASP Password Storage Cheat Sheet: N = 2**14, r = 8, p = 5, which takes 16 MB.
COST = 2**14
BLOCK, PARALLEL = 8, 5
MAX_MEMORY = 64 * 1024 * 1024
MIN_PASSWORD = 8
MAX_PASSWORD = 1_000
MAX_REMEMBERED = 1_000
TOKEN_START = "rag_"  # noqa: S105 - so that a scanner for leaked secrets knows one


def hash_password(password: str, cost: int = COST) -> str:
    """Return what to keep of a password: "scrypt$N$r$p$salt$hash"."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, cost, BLOCK, PARALLEL)
    parts = (base64.b64encode(part).decode("ascii") for part in (salt, digest))
    return "$".join(["scrypt", str(cost), str(BLOCK), str(PARALLEL), *parts])


def is_password(password: str, kept: str) -> bool:
    """Compare a password with what was kept of it; takes about as long as hashing."""
    _, cost, block, parallel, salt, digest = kept.split("$")
    found = _scrypt(password, base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, base64.b64decode(digest))


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    # A password that is longer than any that can be set is compared, too, but not read to its end.
    data = password[: MAX_PASSWORD + 1].encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=cost, r=block, p=parallel, maxmem=MAX_MEMORY)


def new_token() -> str:
    """Return a token that nobody had before."""
    return TOKEN_START + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """Return what to keep of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Remembered:
    """Passwords that were right a moment ago, so that a page with twenty files does not cost twenty times scrypt.

    It knows them by a keyed hash, together with what is kept of them: once the password is changed, it knows it no
    longer. The key is this process's own.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def knows(self, password: str, kept: str) -> bool:
        """Say whether this password is known to be the one."""
        return self._digest(password, kept) in self._known

    def add(self, password: str, kept: str) -> None:
        """Remember that this password is the one."""
        self._known[self._digest(password, kept)] = None
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def _digest(self, password: str, kept: str) -> bytes:
        data = f"{kept}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, data, "sha256")
