"""The test vectors of docs/hashing.md are correct, and the warehouse computes the same."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from config.settings import Settings
from warehouse.client import connect

from .conftest import VAULT, Row, Sandbox, make_project

DOCUMENT = Path(__file__).parents[2] / "docs" / "hashing.md"
LINE = re.compile(
    r"^\| (?P<kinds>[a-z ]+) \| `(?P<values>.+?)` \| `(?P<text>.*?)` \| `(?P<md5>[0-9a-f]{32})` \|$"
)


@dataclass(frozen=True)
class Vector:
    """One line of the table: input and expected result."""

    kinds: list[str]
    values: list[str]
    text: str
    md5: str


def read_vectors() -> list[Vector]:
    """Return the lines of the table in docs/hashing.md."""
    lines = (LINE.match(line) for line in DOCUMENT.read_text().splitlines())
    return [
        Vector(
            kinds=line["kinds"].split(),
            values=re.split(r", (?![^(]*\))", line["values"]),
            text=line["text"].replace("\\n", "\n").replace("\\t", "\t"),
            md5=line["md5"],
        )
        for line in lines
        if line
    ]


VECTORS = read_vectors()
# version of the rules -> number of its first vectors, and their SHA-256
FROZEN = {1: (40, "4144e73a4191adcaf20fcce0cf66ce5c556ba8b174dc80a57e6d9b728bd8df00")}


def test_the_document_has_the_version_that_builds_use() -> None:
    settings = yaml.safe_load((VAULT / "dbt_project.yml").read_text())
    (stated,) = re.findall(
        r"^These are the rules of \*\*version (\d+)\*\*", DOCUMENT.read_text(), re.MULTILINE
    )
    assert settings["vars"]["hash_version"] == int(stated) == max(FROZEN)


def test_the_vectors_of_a_version_never_change() -> None:
    """Existing vaults have these hashes. Append new vectors; a new version freezes its own vectors."""
    count, fingerprint = FROZEN[max(FROZEN)]
    frozen = [f"{vector.kinds} {vector.values} {vector.text!r} {vector.md5}" for vector in VECTORS[:count]]
    assert hashlib.sha256("\n".join(frozen).encode()).hexdigest() == fingerprint, (
        "hashes of a version have changed: raise hash_version in vault/dbt_project.yml, freeze the new"
    )


def test_the_document_has_vectors_for_every_kind() -> None:
    known = set(re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), re.MULTILINE))
    assert len(known) == 10
    assert {kind for vector in VECTORS for kind in vector.kinds} == known


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.text)
def test_the_hash_is_the_md5_of_the_text(vector: Vector) -> None:
    assert hashlib.md5(vector.text.encode()).hexdigest() == vector.md5


def test_different_vectors_have_different_texts_within_their_kinds() -> None:
    pairs = {(tuple(vector.kinds), vector.text) for vector in VECTORS}
    assert len(pairs) == len(VECTORS)


def as_query(number: int, vector: Vector) -> str:
    """Return a query for one vector: its text and hash, and its text as a business key."""
    columns = [[f"c{position}", kind] for position, kind in enumerate(vector.kinds)]
    values = ", ".join(f"{value} as c{position}" for position, value in enumerate(vector.values))
    encoded = f"{{{{ encode({columns}) }}}}"
    return (
        f"select {number} as number, {encoded} as encoded, md5({encoded}) as hash,\n"
        f"{{{{ encode_key({columns}) }}}} as encoded_key\nfrom (select {values})"
    )


@pytest.fixture(scope="module")
def encoded(settings: Settings, offline: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Return the warehouse's results for all vectors."""
    folder = tmp_path_factory.mktemp("hashing")
    models = folder / "models" / "marts"
    models.mkdir(parents=True)
    queries = [as_query(number, vector) for number, vector in enumerate(VECTORS)]
    (models / "vectors.sql").write_text("\nunion all\n".join(queries))
    project = make_project(folder / "project", folder / "models", offline)
    sandbox = Sandbox(connect(settings), settings, project, folder)
    sandbox.build()
    return sorted(sandbox.rows("marts", "vectors"), key=lambda row: row["number"])


@pytest.mark.services
@pytest.mark.parametrize("number", range(len(VECTORS)), ids=lambda number: VECTORS[number].text)
def test_the_warehouse_encodes_and_hashes_a_vector_alike(encoded: list[Row], number: int) -> None:
    vector, row = VECTORS[number], encoded[number]
    assert row["encoded"] == vector.text
    assert row["hash"] == bytes.fromhex(vector.md5)


@pytest.mark.services
def test_a_key_is_null_if_a_part_is_null(encoded: list[Row]) -> None:
    for vector, row in zip(VECTORS, encoded, strict=True):
        has_null = any("null" in value for value in vector.values)
        assert row["encoded_key"] == (None if has_null else vector.text)
