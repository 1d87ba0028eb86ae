{#-
    Loads that read what their batch touches, not the history. AutomateDV looks for the batch's keys in the
    whole target; here it is shown only the ranges of numbers in which these keys lie, and the target is
    partitioned by these ranges. docs/adr/0011-partitions-by-key-range.md says why.
-#}

{#- The config `partition_by` of a table that is partitioned by ranges of the whole number `number`. -#}
{% macro ranges_of(number) -%}
    {%- set width = var('key_range') -%}
    {#- one job may write 4,000 partitions; numbers beyond share the last one -#}
    {{ return({
        'field': number,
        'data_type': 'int64',
        'range': {'start': 0, 'end': 4000 * width, 'interval': width}
    }) }}
{%- endmacro %}

{#-
    `sql`, AutomateDV's SELECT for this model, with the target narrowed to the ranges of `number` that the rows
    of `stages` touch. Every row of every key of the batch is still seen, so the result is the same.
-#}
{% macro touching_keys(number, stages, sql) -%}
    {%- if not execute or not flags.INTROSPECT or not is_incremental() -%}
        {{ return(sql) }}
    {%- endif -%}
    {%- set relations = [] -%}
    {%- for stage in stages -%}
        {%- do relations.append(ref(stage)) -%}
    {%- endfor -%}
    {%- set seen = '(select * from ' ~ this ~ ' where ' ~ touched_ranges(number, relations) ~ ')' -%}
    {{ return(sql | replace(this | string, seen)) }}
{%- endmacro %}

{#-
    Condition on `number`, with constants, for BigQuery skips partitions for them alone: it lies between the
    first and the last that the stages have in a partition. The stages are built before and hold one batch.
    `column`: what the stages call the number, where that is not its own name.
-#}
{% macro touched_ranges(number, stages, column=none) -%}
    {%- set most = 100 -%}
    {%- set ranges = [] -%}
    {#- a build has looked before its first model; a dry run would be told of a column nobody knows -#}
    {%- if flags.WHICH == 'compile' and not known_in_this_run().get('vault_fits') -%}
        {%- do refuse_tables_unlike_their_models(0) -%}
        {%- do known_in_this_run().update({'vault_fits': true}) -%}
    {%- endif -%}
    {%- for stage in stages -%}
        {#- a stage that expired before a dry run tells nothing, so all would be read -#}
        {%- if flags.WHICH == 'compile' and load_relation(stage) is none -%}
            {{ return('true') }}
        {%- endif -%}
        {%- do ranges.extend(ranges_of_stage(stage, column or number)) -%}
    {%- endfor -%}
    {%- set ranges = ranges | unique | sort -%}
    {%- if not ranges -%}
        {{ return('false') }}
    {%- elif ranges | length > most -%}
        {%- set ranges = [(ranges | map('first') | min, ranges | map('last') | max)] -%}
    {%- endif -%}
    {%- set conditions = [] -%}
    {%- for range in ranges -%}
        {%- do conditions.append(number ~ ' between ' ~ range[0] ~ ' and ' ~ range[1]) -%}
    {%- endfor -%}
    {{ return(conditions | join(' or ')) }}
{%- endmacro %}

{#-
    The same for an incremental model that adds what a load brought to raw vault `tables`: none where it reads
    everything, as in a first build. What is added stays, so it is added when all that the model is made of has
    the batch: by a build that takes all that the batch feeds.
-#}
{% macro touched_by_load(number, tables, column=none) -%}
    {%- if not execute or not flags.INTROSPECT or not is_incremental() -%}
        {{ return(none) }}
    {%- elif not selects_pending_vault() -%}
        {{ return('false') }}
    {%- endif -%}
    {{ return(touched_ranges(number, stages_of(tables), column)) }}
{%- endmacro %}

{#-
    The first and the last number that a stage has in each partition. The first model of a run that wants them
    asks the warehouse, and leaves the answer for the others. Two that want them at the same time both ask, and
    are told the same.
-#}
{% macro ranges_of_stage(stage, number) -%}
    {%- set known = known_in_this_run() -%}
    {%- set question = (stage | string, number) -%}
    {%- if question not in known -%}
        {%- set found -%}
            select
                min({{ number }}) as first_number,
                max({{ number }}) as last_number
            from {{ stage }}
            where {{ number }} is not null
            group by div({{ number }}, {{ var('key_range') }})
        {%- endset -%}
        {%- set ranges = [] -%}
        {%- for row in run_query(found).rows -%}
            {%- do ranges.append((row['first_number'] | int, row['last_number'] | int)) -%}
        {%- endfor -%}
        {%- do known.update({question: ranges}) -%}
    {%- endif -%}
    {{ return(known[question]) }}
{%- endmacro %}

{#-
    What models of this run have found out and others need not ask again: a dict that all models and threads
    share. dbt has no place for such a thing but `graph`, where Elementary keeps its own, too; were it forgotten,
    each model would ask for itself.
-#}
{% macro known_in_this_run() -%}
    {{ return(graph.setdefault('known_in_a_run', {}).setdefault(invocation_id, {})) }}
{%- endmacro %}

{#- The stages that raw vault tables are loaded from, as relations. -#}
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
