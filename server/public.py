"""The address that people use: of this server, or of a reverse proxy before it ("https://docs.example.org/rag")."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from index.errors import RagError

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


class AddressError(RagError):
    """The server cannot be reached, or may not be, at the address that was given."""


@dataclass(frozen=True)
class Public:
    """Where the server listens, and the address that it has behind a proxy ("" if there is none)."""

    host: str = "127.0.0.1"
    url: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        except ValueError:
            is_url = False
        if self.url and not is_url:
            raise AddressError(f"{self.url!r} is no address of a site: write it like https://docs.example.org/rag")

    @property
    def is_local(self) -> bool:
        """Say whether only this machine gets in."""
        return self.host in LOCAL_HOSTS and not self.url

    @property
    def prefix(self) -> str:
        """Return the path that all others are below: "/rag", or "" if there is none."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def origin(self) -> str:
        """Return what a browser calls this site, "" if that is not known."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}".lower() if self.url else ""

    @property
    def is_secure(self) -> bool:
        """Say whether it is reached by TLS."""
        return self.origin.startswith("https:")

    def is_called(self, host: str) -> bool:
        """Say whether a request with this Host header is meant for us.

        That keeps a site out which has its own name lead to this machine (DNS rebinding).
        """
        name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
        if self.host in ALL_ADDRESSES and not self.url:
            return True  # by whatever name of this machine; there are passwords
        return name.lower() in {*LOCAL_HOSTS, self.host, urlsplit(self.url).hostname}
