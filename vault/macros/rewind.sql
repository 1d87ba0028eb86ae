{#-
    Makes the vault independent of the order in which batches are completed. Satellites only add rows newer than
    their latest row, so they would skip a late batch, which completes after newer ones were loaded, and later rows
    could be wrong. Therefore all rows since the late batch are deleted, and it and all later batches are loaded again
    from raw, in order. Reasons: docs/adr/0008-a-late-batch-rewinds-the-vault.md.

    A usual load, with one batch newer than all others, deletes nothing.
-#}

{#- Before the first model: deletes every raw vault row since the first pending batch. -#}
{% macro rewind_to_first_pending() -%}
    {%- if not execute or flags.WHICH not in ['build', 'run'] or flags.FULL_REFRESH -%}
        {{ return('') }}
    {%- endif -%}
    {#- a partial build marks no batch as loaded; the next complete build corrects it -#}
    {%- if not selects_all_pending_models() -%}
        {{ return('') }}
    {%- endif -%}
    {%- set pending = run_query(pending_batches()).rows -%}
    {%- if pending | length > 1 -%}
        {%- set first = pending[0]['load_time'] -%}
        {%- set tables = tables_with_rows_since(timestamp_literal(first)) -%}
        {%- for table in tables -%}
            {%- do run_query(
                'delete from ' ~ table ~ ' where load_dts >= ' ~ timestamp_literal(first)
            ) -%}
        {%- endfor -%}
        {%- if tables -%}
            {%- do log(
                "Batch " ~ pending[0]['batch_id'] ~ " is late: deleted rows since " ~ first ~ " UTC from "
                ~ tables | length ~ " tables; loading " ~ pending | length ~ " batches in order.", info=true
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return('') }}
{%- endmacro %}

{#- Returns the existing raw vault tables that have a row at or after this load time; one query. -#}
{% macro tables_with_rows_since(load_time) -%}
    {%- set models = vault_models(['raw_vault']) -%}
    {%- set existing = columns_in_datasets(models | map(attribute='schema') | unique) -%}
    {%- set queries = [] -%}
    {%- for node in models if node.schema ~ '.' ~ node.alias in existing -%}
        {%- set relation = api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias
        ) -%}
        {%- do queries.append(
            "select '" ~ relation ~ "' as relation, count(*) as n from " ~ relation ~ " where load_dts >= "
            ~ load_time
        ) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for row in (run_query(queries | join(' union all ')).rows if queries else []) if row['n'] -%}
        {%- do found.append(row['relation']) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
