"""Find broken links between the documents."""

import re
from pathlib import Path

FENCED = re.compile(r"^ *```.*?^ *```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.M)


def broken(root: Path, page: Path) -> list[str]:
    """Return the links of a page whose file or heading does not exist within `root`."""
    text = FENCED.sub("", (root / page).read_text(encoding="utf-8"))
    return [link for link in LINK.findall(text) if not _leads_somewhere(root / page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path) if path else page
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in _anchors(target.read_text(encoding="utf-8"))


def _anchors(text: str) -> set[str]:
    """Return GitHub's anchors of the headings: lower case, no punctuation, dashes for spaces."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(FENCED.sub("", text)))
    return {heading.strip().replace(" ", "-") for heading in plain}
