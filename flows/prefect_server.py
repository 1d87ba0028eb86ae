"""Run a Prefect server as a child process: `python -m flows.prefect_server [PORT]`, started by `prefect_api`.

It prints its port and serves until stdin is closed. So it ends with its parent, even if that is killed.
"""

import os
import signal
import socket
import sys
import threading

GRACE_S = 5.0


def main() -> None:
    """Serve the Prefect API on this port of the loopback interface; default: a free port."""
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    print(listening.getsockname()[1], flush=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    import uvicorn  # noqa: PLC0415 - print the port before slow imports

    config = uvicorn.Config(
        "prefect.server.api.server:create_app",
        factory=True,
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    threading.Timer(GRACE_S, os._exit, args=[1]).start()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
