{#-
    Ledger tables in <prefix>_audit that the vault uses. Ingestion writes `batches`. `vault_loads` lists the batches
    that the raw vault contains; the end of a build writes it.
-#}

{% macro ledger_table(name) -%}
    {{ return(api.Relation.create(
        database=target.database, schema=target.schema ~ '_audit', identifier=name
    )) }}
{%- endmacro %}

{% macro timestamp_literal(text) -%}
    timestamp '{{ text }}+00:00'
{%- endmacro %}

{#-
    Query for the pending batches of a plain build: completed before the run began, so that every model sees the same
    ones, and not in the vault; with --full-refresh all completed ones. A late batch makes all later ones pending
    again, since they depend on it.
-#}
{% macro pending_batches() -%}
    {%- set time_format = '%Y-%m-%d %H:%M:%S.%f' -%}
    with completed as (
        select batch_id, load_dts
        from {{ ledger_table('batches') }}
        where status = 'completed'
            and finished_at <= {{ timestamp_literal(run_started_at.strftime(time_format)) }}
    )
    select batch_id, load_dts
    from completed
    {%- if not flags.FULL_REFRESH %}
    where load_dts >= (
        select min(load_dts)
        from completed
        where batch_id not in (select batch_id from {{ ledger_table('vault_loads') }})
    )
    {%- endif %}
{%- endmacro %}
