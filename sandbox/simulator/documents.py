"""The JSON documents that the source keeps in text columns."""

import json


def compact(document: object) -> str:
    """Return JSON without blanks and with letters as they are."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
