{#-
    What a load reads. `wwi build` makes a load plan (transform/loading/plan.py) and passes it in WWI_LOAD_PLAN. A
    plain `dbt build` has no plan: it asks the ledger for the pending batches, reads its targets completely, and gives
    the same tables (plain_build.sql).
-#}

{#- Returns the plan; without one, nothing. `load_times`: SQL literals. `touched`: {model: {raw column: condition}}. -#}
{% macro load_plan() -%}
    {#- only at run time: dbt would parse the models again whenever a variable that it read while parsing changes -#}
    {%- if execute and env_var('WWI_LOAD_PLAN', '') -%}
        {{ return(fromjson(env_var('WWI_LOAD_PLAN'))) }}
    {%- endif -%}
{%- endmacro %}

{#- Load times of the pending batches, for `load_dts in (...)`: BigQuery prunes partitions for the plan's literals. -#}
{% macro pending_load_dts() -%}
    {%- set plan = load_plan() -%}
    {%- if execute and not plan -%}
        select load_dts from ({{ pending_batches() }})
    {%- else -%}
        {{ plan['load_times'] | join(', ') or timestamp_literal(var('start_of_time')) }}
    {%- endif -%}
{%- endmacro %}

{#- Returns the config `partition_by` of a table partitioned by ranges of the integer column `number`. -#}
{% macro key_ranges(number) -%}
    {%- set width = var('key_range') -%}
    {#- a job can write 4,000 partitions; larger numbers share the last one -#}
    {{ return({
        'field': number,
        'data_type': 'int64',
        'range': {'start': 0, 'end': 4000 * width, 'interval': width}
    }) }}
{%- endmacro %}

{#-
    Returns `sql`, AutomateDV's SELECT for this model, with the target limited to the key ranges that the load
    touches. AutomateDV has no parameter for it: docs/adr/0011-partitions-by-key-range.md.
-#}
{% macro pruned_target(sql) -%}
    {%- if load_plan() and is_incremental() -%}
        {%- set touched = touched_keys(config.get('partition_by')['field'] | replace('`', '')) -%}
        {{ sql | replace(this | string, '(select * from ' ~ this ~ ' where ' ~ touched ~ ')') }}
    {%- else -%}
        {{ sql }}
    {%- endif -%}
{%- endmacro %}

{#-
    Returns the condition on the source key of this incremental model that the load touches a row; nothing if the
    whole table is built. It is `false` in a build that does not load all tables that the model depends on: the model
    adds no rows then, since its rows never change. `column`: the source key in raw.
-#}
{% macro touched_keys(column) -%}
    {%- if execute and is_incremental() -%}
        {%- set plan = load_plan() -%}
        {%- if plan -%}
            {{ plan['touched'][model.name][column] }}
        {%- else -%}
            {{ 'true' if selects_whole_vault() else 'false' }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
