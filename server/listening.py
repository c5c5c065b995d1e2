"""Listen on a port until Ctrl-C."""

import logging
import socket
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING

from rag.garbage import collect_as_usual
from rag.settings import Settings
from server.public import AddressError, Public

if TYPE_CHECKING:
    import uvicorn

    from ui.places import Places

DRAIN_SECONDS = 30.0

logger = logging.getLogger("rag")


def serve(settings: Settings, public: Public, port: int, *, open_browser: bool, with_page: bool = True) -> None:
    """Serve until Ctrl-C. Raises AddressError if others would get in unasked, or the port is taken."""
    check_guarded(settings, public)
    listening = _listen(public.host, port)
    address = public.url or _address(listening)
    import uvicorn

    from server.app import create_app
    from ui.desk import Desk

    desk = Desk(settings)
    app = create_app(desk, public=public, with_page=with_page)
    print(f"Open {address} (Ctrl-C stops)", file=sys.stderr, flush=True)
    if open_browser:
        threading.Timer(0.5, webbrowser.open, (address,)).start()
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
        proxy_headers=bool(public.url),  # only a proxy on this machine is believed who it comes from
    )
    server = uvicorn.Server(config)
    server.handle_exit = lambda *_: _exit(server, desk.places)  # type: ignore[method-assign]
    collect_as_usual()
    server.run(sockets=[listening])


def check_guarded(settings: Settings, public: Public) -> None:
    """Refuse to let others in as long as there is no user. Raises AddressError."""
    from server.accounts import Accounts

    if not public.is_local and not Accounts.of(settings).any():
        where = public.url or public.host
        raise AddressError(f"{where} lets others in: make a user first (`rag user add NAME`), or leave the address out")


def _exit(server: "uvicorn.Server", places: "Places") -> None:
    """Stop, once what is being answered is; at once when told a second time.

    A page that is open waits for news for ever; that its connection is cut then is no error to report.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    if places.is_closed:
        server.should_exit = True
        return

    def stop() -> None:
        places.drain(DRAIN_SECONDS)
        server.should_exit = True

    threading.Thread(target=stop, name="stopping", daemon=True).start()


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AddressError(f"cannot listen on {host}, port {port}: {reason.lower()}; try another --port") from error
    return listening
