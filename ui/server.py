"""Listen on a port until Ctrl-C."""

import logging
import socket
import sys
import threading
import webbrowser
from collections.abc import Mapping
from typing import TYPE_CHECKING

from index.errors import RagError
from rag.settings import Settings

if TYPE_CHECKING:
    import uvicorn


def serve(settings: Settings, host: str, port: int, users: Mapping[str, str], *, open_browser: bool) -> None:
    """Serve the page. Raises RagError if the port is taken or the address is not this machine's."""
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}/"
    import uvicorn

    from ui.app import create_app
    from ui.desk import Desk

    app = create_app(Desk(settings), host=host, users=users)
    print(f"Open {address} (Ctrl-C stops)", file=sys.stderr, flush=True)
    if open_browser:
        threading.Timer(0.5, webbrowser.open, (address,)).start()
    config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.handle_exit = lambda *_: _exit(server)  # type: ignore[method-assign]
    server.run(sockets=[listening])


def _exit(server: "uvicorn.Server") -> None:
    """Stop. A page that is open waits for news for ever; that its connection is cut then is no error to report."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server.should_exit = True


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
        raise RagError(f"cannot listen on {host}, port {port}: {reason.lower()}; try another --port") from error
    return listening
