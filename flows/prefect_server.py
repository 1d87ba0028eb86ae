"""The process of our own Prefect server: `python -m flows.prefect_server [PORT]`, as `prefect_api` starts it.

Writes its port to stdout, serves until stdin is closed, and so never outlives the process that holds the
other end of the pipe, not even when that one is killed.
"""

import os
import signal
import socket
import sys
import threading

GRACE_S = 5.0


def main() -> None:
    """Serve the Prefect API on that port of the loopback interface, by default a free one."""
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    print(listening.getsockname()[1], flush=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    import uvicorn  # noqa: PLC0415 - the port is known before the slow imports

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
