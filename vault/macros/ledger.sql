{#-
    The vault's side of the ledger in <prefix>_audit. Ingestion writes `batches`; `vault_loads` says
    which of them the raw vault holds and is written here alone, at the end of a run.
-#}

{% macro ledger_table(name) -%}
    {{ return(api.Relation.create(
        database=target.database, schema=target.schema ~ '_audit', identifier=name
    )) }}
{%- endmacro %}

{#-
    Query for the batches this run loads, batch_id and load_time as text: completed before the run
    began, so that every model of the run sees the same ones, and not in the vault yet; with
    --full-refresh all that are completed. A batch that comes late brings all after it along, for what
    they add depends on it: see rewind.sql.
-#}
{% macro pending_batches() -%}
    {%- set time_format = '%Y-%m-%d %H:%M:%S.%f' -%}
    with completed as (
        select batch_id, load_dts
        from {{ ledger_table('batches') }}
        where status = 'completed'
            and finished_at <= {{ timestamp_literal(run_started_at.strftime(time_format)) }}
    )
    select
        batch_id,
        format_datetime('%Y-%m-%d %H:%M:%E6S', datetime(load_dts, 'UTC')) as load_time
    from completed
    {%- if not flags.FULL_REFRESH %}
    where load_dts >= (
        select min(load_dts)
        from completed
        where batch_id not in (select batch_id from {{ ledger_table('vault_loads') }})
    )
    {%- endif %}
    order by load_time
{%- endmacro %}

{% macro timestamp_literal(text) -%}
    timestamp '{{ text }}+00:00'
{%- endmacro %}

{#-
    The load times of the pending batches as a comma-separated list of literals, for a predicate
    `load_dts in (...)`: BigQuery skips partitions for constants, not for a subquery.
    When nothing is pending, and when no warehouse may be asked, it is a time no batch has.
-#}
{% macro pending_load_dts() -%}
    {%- set nothing = timestamp_literal(var('start_of_time')) -%}
    {%- if not execute or not flags.INTROSPECT or not has_ledger() -%}
        {{ return(nothing) }}
    {%- endif -%}
    {%- set literals = [] -%}
    {%- for row in run_query(pending_batches()).rows -%}
        {%- do literals.append(timestamp_literal(row['load_time'])) -%}
    {%- endfor -%}
    {{ return(literals | join(', ') if literals else nothing) }}
{%- endmacro %}

{#- Whether the ledger is there. A run that builds needs it and stops; compiling does without. -#}
{% macro has_ledger() -%}
    {%- set ledger = ledger_table('vault_loads') -%}
    {%- set found = load_relation(ledger) is not none -%}
    {%- if not found and flags.WHICH in ['build', 'run', 'retry'] -%}
        {{ exceptions.raise_compiler_error(
            "The ledger table " ~ ledger ~ " does not exist, so nothing says which batches "
            ~ "to load. Run `wwi ingest` first: it makes the ledger and the first batch."
        ) }}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
