"""All names of generated objects.

One pattern per kind of object, singular nouns, lower snake case. Two underscores separate the object from its
source system, schema or topic.
"""

from metadata.words import RESERVED_WORDS

SOURCE_SYSTEM = "wwi"
RAW_SOURCE = "wwi_raw"
AUDIT_SOURCE = "wwi_audit"
# Environment variable: prefix of the raw datasets, when dbt writes to datasets with another prefix.
RAW_PREFIX = "WWI_RAW_PREFIX"
# Environment variable: the load plan of a build, for dbt: transform/loading/plan.py.
LOAD_PLAN = "WWI_LOAD_PLAN"

LOAD_DTS = "load_dts"
RECORD_SOURCE = "record_source"
CHANGE_TYPE = "change_type"
BATCH_ID = "batch_id"
HASHDIFF = "hashdiff"
IS_DELETED = "is_deleted"
STATUS = "status"

# The zero key: the hash key of a NULL reference in a link. The encoded text of NULL is `~,`.
ZERO_KEY_SQL = "md5('~,')"

RESERVED_COLUMNS = frozenset({BATCH_ID, LOAD_DTS, RECORD_SOURCE, CHANGE_TYPE, HASHDIFF, IS_DELETED})


def raw_table(schema: str, table: str) -> str:
    """`sales__customers`."""
    return f"{schema}__{table}"


def record_source(schema: str, table: str) -> str:
    """`wwi.sales.customers`, the value of record_source."""
    return f"{SOURCE_SYSTEM}.{schema}.{table}"


def stage(table: str) -> str:
    """`stg_wwi__customers`."""
    return f"stg_{SOURCE_SYSTEM}__{table}"


def status_stage(table: str) -> str:
    """`stg_wwi__customers__status`."""
    return f"{stage(table)}__{STATUS}"


def hub(concept: str) -> str:
    """`hub_customer`."""
    return f"hub_{concept}"


def link(relationship: str) -> str:
    """`link_customer_account`."""
    return f"link_{relationship}"


def event_link(event: str) -> str:
    """`nh_link_stock_movement`: a non-historized link."""
    return f"nh_link_{event}"


def effectivity(relationship: str) -> str:
    """`eff_sat_customer_account`: an effectivity satellite."""
    return f"eff_sat_{relationship}"


def satellite(concept: str, topic: str) -> str:
    """`sat_customer__credit`."""
    return f"sat_{concept}__{topic}"


def status_topic(aspect: str | None) -> str:
    """`status`, or `holding_status` for a second table of the same hub."""
    return f"{aspect}_{STATUS}" if aspect else STATUS


def reference(code_list: str) -> str:
    """`ref_color`."""
    return f"ref_{code_list}"


def reference_status(code_list: str) -> str:
    """`ref_color__status`."""
    return f"{reference(code_list)}__{STATUS}"


def role(foreign_key: str) -> str:
    """`bill_to_customer` for the column `bill_to_customer_id`."""
    return foreign_key.removesuffix("_id")


def hash_key(concept: str) -> str:
    """`customer_hk`: the hash key of a hub, a code list or a role in a link."""
    return f"{concept}_hk"


def link_hash_key(relationship: str) -> str:
    """`link_customer_account_hk`."""
    return hash_key(link(relationship))


def stage_hashdiff(model: str) -> str:
    """`sat_customer__credit_hashdiff`: one stage feeds several satellites, each with its own hashdiff."""
    return f"{model}_{HASHDIFF}"


def encoded(hashed: str) -> str:
    """`customer_hk_text`: the encoded text that a hash is computed from."""
    return f"{hashed}_text"


def quoted_in_source(name: str) -> str:
    """Quote a column, table or schema name for Postgres if it is a reserved word."""
    return f'"{name}"' if name in RESERVED_WORDS else name


def quoted(column: str) -> str:
    """Quote a column name for BigQuery if it is a reserved word."""
    return f"`{column}`" if column in RESERVED_WORDS else column
