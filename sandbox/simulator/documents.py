"""Write the JSON documents that the source stores in text columns."""

import json


def compact(document: object) -> str:
    """Return JSON without spaces and without ASCII escapes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
