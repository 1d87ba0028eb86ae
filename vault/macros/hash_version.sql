{#-
    The version of the hash rules (docs/hashing.md) is recorded for every loaded batch in `vault_loads`; null means
    version 1. Keys of different versions never match, so a vault has one version.
-#}

{#- Before the first model: fails a build with another version than the vault's. A full refresh hashes everything again. -#}
{% macro check_hash_version() -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] or flags.FULL_REFRESH
        or not vault_models(['raw_vault']) or not has_ledger() -%}
        {{ return('') }}
    {%- endif -%}
    {%- for version in hash_versions_in_vault() if version != var('hash_version') | int -%}
        {{ exceptions.raise_compiler_error(
            "The vault was hashed with version " ~ version ~ " of the hash rules, but this build uses version "
            ~ var('hash_version') ~ ": keys would not match. Run `wwi rebuild --force`, which rebuilds the vault "
            ~ "from raw, or use the release that built the vault."
        ) }}
    {%- endfor -%}
{%- endmacro %}

{#- Returns the hash versions of the loaded batches as a list. -#}
{% macro hash_versions_in_vault() -%}
    {%- set loads = ledger_table('vault_loads') -%}
    {%- set columns = adapter.get_columns_in_relation(loads) | map(attribute='name') | map('lower') | list -%}
    {%- if 'hash_version' not in columns -%}
        {{ exceptions.raise_compiler_error(
            "The ledger table " ~ loads ~ " was created by an earlier release and lacks the column hash_version. "
            ~ "Run `wwi ingest` first: it adds missing columns to the ledger."
        ) }}
    {%- endif -%}
    {{ return(
        run_query('select distinct coalesce(hash_version, 1) as v from ' ~ loads).columns[0].values()
        | map('int') | list
    ) }}
{%- endmacro %}

{#-
    After the last model of a full refresh: sets the version of all loaded batches. Other runs record the version
    when they mark a batch as loaded.
-#}
{% macro record_hash_version(results) -%}
    {%- if not execute or flags.WHICH not in ['build', 'run'] or not flags.FULL_REFRESH or not has_ledger() -%}
        {{ return('') }}
    {%- endif -%}
    {%- set needed = vault_models(['staging', 'raw_vault']) -%}
    {%- set built = vault_models_built(results) -%}
    {%- if built and built | length == needed | length -%}
        update {{ ledger_table('vault_loads') }}
        set hash_version = {{ var('hash_version') }}
        where coalesce(hash_version, 1) != {{ var('hash_version') }}
    {%- endif -%}
{%- endmacro %}
