{#-
    The version of the hash rules (docs/hashing.md) that a vault was built with stands beside every batch that
    it holds, in `vault_loads`; one without a number is of the first version. Keys of two versions would never
    meet, so a vault has one.
-#}

{#- Before the first model: stops a build by other rules than the vault's. A full refresh hashes all anew. -#}
{% macro check_hash_version() -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] or flags.FULL_REFRESH
        or not vault_models(['raw_vault']) or not has_ledger() -%}
        {{ return('') }}
    {%- endif -%}
    {%- for version in versions_held() if version != var('hash_version') | int -%}
        {{ exceptions.raise_compiler_error(
            "The vault was hashed by version " ~ version ~ " of the rules, this build hashes by version "
            ~ var('hash_version') ~ ": a key would not find itself again. Run `wwi rebuild --force`, which hashes everything "
            ~ "anew from raw, or build with the release that wrote the vault."
        ) }}
    {%- endfor -%}
{%- endmacro %}

{#- The versions that the vault's batches were hashed by, as a list. -#}
{% macro versions_held() -%}
    {%- set marks = ledger_table('vault_loads') -%}
    {%- set columns = adapter.get_columns_in_relation(marks) | map(attribute='name') | map('lower') | list -%}
    {%- if 'hash_version' not in columns -%}
        {{ exceptions.raise_compiler_error(
            "The ledger table " ~ marks ~ " was made by an earlier release and lacks the column hash_version. "
            ~ "Run `wwi ingest` first: it adds what the ledger lacks."
        ) }}
    {%- endif -%}
    {{ return(
        run_query('select distinct coalesce(hash_version, 1) as v from ' ~ marks).columns[0].values()
        | map('int') | list
    ) }}
{%- endmacro %}

{#-
    After the last model of a full refresh: every batch is hashed by this version now. Batches that are loaded
    beside others got theirs when they were marked.
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
