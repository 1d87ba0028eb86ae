{#-
    Ledger tables in <prefix>_audit that the vault uses. Ingestion writes `batches`. `vault_loads` lists the batches
    that the raw vault contains; only macro record_vault_load writes it, at the end of a run.
-#}

{% macro ledger_table(name) -%}
    {{ return(api.Relation.create(
        database=target.database, schema=target.schema ~ '_audit', identifier=name
    )) }}
{%- endmacro %}

{#-
    Query for the pending batches: batch_id, and load_time as text. A batch is pending if it was completed before
    the run began, so that every model sees the same ones, and is not in the vault; with --full-refresh all completed
    batches are. A late batch makes all later ones pending again, since they depend on it: see rewind.sql.
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
    Load times of the pending batches as a comma-separated list of literals, for `load_dts in (...)`: BigQuery prunes
    partitions for constants, not for a subquery. If nothing is pending, or without access to the warehouse, it is a
    time that no batch has.
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

{#- Returns whether the ledger exists. Runs that build models fail without it; compiling does not need it. -#}
{% macro has_ledger() -%}
    {%- set ledger = ledger_table('vault_loads') -%}
    {%- set found = load_relation(ledger) is not none -%}
    {%- if not found and flags.WHICH in ['build', 'run', 'retry'] -%}
        {{ exceptions.raise_compiler_error(
            "The ledger table " ~ ledger ~ " does not exist, so the pending batches are unknown. "
            ~ "Run `wwi ingest` first: it creates the ledger and loads the first batch."
        ) }}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
