"""Check the health of this container: exit code 0 if healthy, otherwise 1.

HEALTH_URL must answer 200. With HEALTH_POOL, the server at PREFECT_API_URL must have an online worker of this
host in that pool. `compose.yml` sets one of them for each service.
"""

import json
import os
import socket
import sys
import urllib.request

TIMEOUT_S = 8
# services of one compose file talk to each other directly, also if Docker sets a proxy in its containers
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """Return whether the URL answers 200."""
    with OPENER.open(url, timeout=TIMEOUT_S) as response:
        return bool(response.status == 200)


def works(api: str, pool: str) -> bool:
    """Return whether a worker of this container is online in the pool."""
    wanted = {"workers": {"status": {"any_": ["ONLINE"]}}}
    request = urllib.request.Request(
        f"{api}/work_pools/{pool}/workers/filter",
        data=json.dumps(wanted).encode(),
        headers={"content-type": "application/json"},
    )
    with OPENER.open(request, timeout=TIMEOUT_S) as response:
        names = [worker["name"] for worker in json.load(response)]
    return socket.gethostname() in names


def main() -> int:
    """Run the check that the environment selects; an error or no selection means unhealthy."""
    url, pool = os.environ.get("HEALTH_URL"), os.environ.get("HEALTH_POOL")
    try:
        if pool:
            return 0 if works(os.environ["PREFECT_API_URL"], pool) else 1
        return 0 if url and answers(url) else 1
    except (OSError, ValueError, KeyError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
