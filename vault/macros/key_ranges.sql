{#-
    Partition pruning by key range. AutomateDV looks up the keys of a batch in the whole target table. The target is
    partitioned by ranges of its integer key, and here AutomateDV reads only the ranges that the batch touches.
    Reasons: docs/adr/0011-partitions-by-key-range.md.
-#}

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
    Returns `sql`, AutomateDV's SELECT for this model, with the target limited to the ranges of `number` that occur
    in `stages`. These ranges contain every row of every key of the batch, so the result is the same.
-#}
{% macro pruned_target(number, stages, sql) -%}
    {%- if not execute or not flags.INTROSPECT or not is_incremental() -%}
        {{ return(sql) }}
    {%- endif -%}
    {%- set relations = [] -%}
    {%- for stage in stages -%}
        {%- do relations.append(ref(stage)) -%}
    {%- endfor -%}
    {%- set pruned = '(select * from ' ~ this ~ ' where ' ~ touched_ranges(number, relations) ~ ')' -%}
    {{ return(sql | replace(this | string, pruned)) }}
{%- endmacro %}

{#-
    Condition: `number` is between the first and last value that the stages have in a partition. It uses constants,
    since BigQuery prunes partitions only for constants. The stages were built before and hold the pending batches.
    `column`: name of the number in the stages, if it differs.
-#}
{% macro touched_ranges(number, stages, column=none) -%}
    {%- set max_ranges = 100 -%}
    {%- set ranges = [] -%}
    {#- a build checks this before its first model; in a dry run BigQuery would only report an unknown column -#}
    {%- if flags.WHICH == 'compile' and not run_cache().get('schema_checked') -%}
        {%- do fail_on_schema_differences(0) -%}
        {%- do run_cache().update({'schema_checked': true}) -%}
    {%- endif -%}
    {%- for stage in stages -%}
        {#- without the stage, which may have expired, a dry run assumes that everything is read -#}
        {%- if flags.WHICH == 'compile' and load_relation(stage) is none -%}
            {{ return('true') }}
        {%- endif -%}
        {%- do ranges.extend(stage_key_ranges(stage, column or number)) -%}
    {%- endfor -%}
    {%- set ranges = ranges | unique | sort -%}
    {%- if not ranges -%}
        {{ return('false') }}
    {%- elif ranges | length > max_ranges -%}
        {%- set ranges = [(ranges | map('first') | min, ranges | map('last') | max)] -%}
    {%- endif -%}
    {%- set conditions = [] -%}
    {%- for range in ranges -%}
        {%- do conditions.append(number ~ ' between ' ~ range[0] ~ ' and ' ~ range[1]) -%}
    {%- endfor -%}
    {{ return(conditions | join(' or ')) }}
{%- endmacro %}

{#-
    The same condition for an incremental model on raw vault `tables`; none if the model reads everything, as in a
    first build. Added rows are never changed, so they are only added by a build that selects every model affected by
    the pending batches; any other build adds nothing.
-#}
{% macro touched_by_load(number, tables, column=none) -%}
    {%- if not execute or not flags.INTROSPECT or not is_incremental() -%}
        {{ return(none) }}
    {%- elif not selects_all_pending_models() -%}
        {{ return('false') }}
    {%- endif -%}
    {{ return(touched_ranges(number, stages_of(tables), column)) }}
{%- endmacro %}

{#-
    Returns the first and last number of a stage in each partition, as a list of pairs. The result is cached for
    the run. Concurrent models may run the query twice; the result is the same.
-#}
{% macro stage_key_ranges(stage, number) -%}
    {%- set cache = run_cache() -%}
    {%- set cache_key = (stage | string, number) -%}
    {%- if cache_key not in cache -%}
        {%- set query -%}
            select
                min({{ number }}) as first_number,
                max({{ number }}) as last_number
            from {{ stage }}
            where {{ number }} is not null
            group by div({{ number }}, {{ var('key_range') }})
        {%- endset -%}
        {%- set ranges = [] -%}
        {%- for row in run_query(query).rows -%}
            {%- do ranges.append((row['first_number'] | int, row['last_number'] | int)) -%}
        {%- endfor -%}
        {%- do cache.update({cache_key: ranges}) -%}
    {%- endif -%}
    {{ return(cache[cache_key]) }}
{%- endmacro %}

{#-
    Returns a dict that all models and threads of this run share, as a cache for query results. It is kept in `graph`,
    as the package Elementary does, since dbt offers no other place. Without it each model would run its own query.
-#}
{% macro run_cache() -%}
    {{ return(graph.setdefault('run_cache', {}).setdefault(invocation_id, {})) }}
{%- endmacro %}

{#- Returns the stages that the raw vault tables are loaded from, as relations. -#}
{% macro stages_of(tables) -%}
    {%- set found = {} -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name in tables -%}
        {%- for id in node.depends_on.nodes
            if id in graph.nodes and graph.nodes[id].fqn[1] == 'staging' -%}
            {%- set parent = graph.nodes[id] -%}
            {%- do found.update({parent.alias: api.Relation.create(
                database=parent.database, schema=parent.schema, identifier=parent.alias
            )}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found.values() | list) }}
{%- endmacro %}
