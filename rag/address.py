"""The address of a PostgreSQL server, as libpq takes it: checked, and shown without its password."""

import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SECRETS = ("password", "sslpassword")
WRITTEN = re.compile(r"(?:(?![%#])[!-~]|%(?!00)[0-9A-Fa-f]{2})+")
# One host or several, each with a port or without; none where `?host=` names a socket's folder.
HOSTS = re.compile(r"(?:(?:[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)(?:,(?:[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)*")


def is_database(address: str) -> bool:
    """Say whether this is postgresql://USER@HOST/DATABASE.

    Strict on purpose: of an address that libpq and this module read differently, a password could be shown.
    """
    scheme, separator, rest = address.partition("://")
    place, asks, query = rest.partition("?")
    authority, _, name = place.partition("/")
    user, _, hosts = authority.rpartition("@")
    try:
        unquote(address, errors="strict")
        urlsplit(address)
        parse_qsl(query, keep_blank_values=True, strict_parsing=bool(asks))
    except ValueError:
        return False
    return (
        WRITTEN.fullmatch(address) is not None
        and scheme in ("postgresql", "postgres")
        and bool(separator)
        and HOSTS.fullmatch(hosts) is not None
        and user.count(":") <= 1
        and not {*user} & {*"@/[]"}
        and not {*name} & {*"@/:"}
    )


def without_password(address: str) -> str:
    """Return a checked address as it may be shown."""
    parts = urlsplit(address)
    user, at, hosts = parts.netloc.rpartition("@")
    shown = f"{parts.scheme}://{user.partition(':')[0]}{at}{hosts}{parts.path}"
    query = [pair for pair in parts.query.split("&") if pair and unquote(pair.partition("=")[0]) not in SECRETS]
    return f"{shown}?{'&'.join(query)}" if query else shown


def passwords(address: str) -> list[str]:
    """Return the passwords in a checked address, as they are and as they are written there."""
    parts = urlsplit(address)
    written = [parts.netloc.rpartition("@")[0].partition(":")[2]]
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    written += [value for name, _, value in pairs if unquote(name) in SECRETS]
    forms = {form for one in written for form in (one, unquote(one), quote(unquote(one), safe="")) if form}
    return sorted(forms, key=len, reverse=True)
