{#-
    What surrounds a load of the raw vault: a check before the first model and a record after the
    last one. Both speak of all staging and raw_vault models of this project, and of the incremental models
    of other layers: they add what a batch brings, too, so what holds for the raw vault holds for them.
-#}

{% macro vault_models(layers) -%}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
        if node.package_name == project_name and (
            node.fqn[1] in layers or ('raw_vault' in layers and node.config.materialized == 'incremental')
        ) -%}
        {%- do found.append(node) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#-
    Whether this run takes every one of these models that the pending batches feed. Of the others a batch
    changes nothing, so it is whole without them.
-#}
{% macro selects_pending_vault() -%}
    {%- if not vault_models(['staging', 'raw_vault']) or not has_ledger() -%}
        {{ return(false) }}
    {%- endif -%}
    {#- every point in time and bridge wants to know, and the batches may be many -#}
    {%- set known = known_in_this_run() -%}
    {%- if 'selects_pending_vault' not in known -%}
        {%- set tables_of = tables_of_pending_batches().values() | list -%}
        {%- set tables = none if none in tables_of else tables_of | sum(start=[]) | unique | list -%}
        {%- set needed = models_fed_by(tables) | map(attribute='unique_id') -%}
        {%- do known.update({'selects_pending_vault': not needed | reject('in', selected_resources) | list}) -%}
    {%- endif -%}
    {{ return(known['selects_pending_vault']) }}
{%- endmacro %}

{#- The pending batches: {batch_id: tables of raw that it brought rows of}, or none for all of them. -#}
{% macro tables_of_pending_batches() -%}
    {%- set known = known_in_this_run() -%}
    {%- if 'tables_of_pending_batches' not in known -%}
        {%- set found = {} -%}
        {%- set loads = ledger_table('table_loads') -%}
        {%- set told = load_relation(loads) is not none -%}
        {%- set asked -%}
            with pending as (
                {{ pending_batches() }}
            )
            select
                pending.batch_id,
                {%- if told %}
                replace(loads.table_name, '.', '__') as raw_table,
                coalesce(loads.rows_loaded, 0) > 0 as has_rows
                {%- else %}
                null as raw_table,
                false as has_rows
                {%- endif %}
            from pending
            {%- if told %}
            left join {{ loads }} as loads on pending.batch_id = loads.batch_id
            {%- endif %}
        {%- endset -%}
        {%- for row in run_query(asked).rows -%}
            {#- a batch of which no table is told may hold anything -#}
            {%- do found.setdefault(row['batch_id'] | int, none if row['raw_table'] is none else []) -%}
            {%- if row['has_rows'] -%}
                {%- do found[row['batch_id'] | int].append(row['raw_table']) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do known.update({'tables_of_pending_batches': found}) -%}
    {%- endif -%}
    {{ return(known['tables_of_pending_batches']) }}
{%- endmacro %}

{#- The models of staging, raw vault, points in time and bridges that are made of these tables of raw; none: of any. -#}
{% macro models_fed_by(tables) -%}
    {%- set found = [] -%}
    {%- for node in vault_models(['staging', 'raw_vault']) -%}
        {%- set read = [] -%}
        {%- for id in sources_of(node.unique_id) -%}
            {%- do read.append(graph.sources[id].identifier) -%}
        {%- endfor -%}
        {%- if tables is none or read | select('in', tables) | list -%}
            {%- do found.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#-
    Stops a run that would leave a raw vault table without its history or without a column:
    - a full refresh of a part: staging may hold the newest batches only, the rest would be lost;
    - a table is new while batches that are marked as loaded brought rows for it: staging would not bring
      them again. Of a new source table there are none, and its first load makes the table;
    - a table lacks a column that its model declares: the load would leave it out. dbt's
      `on_schema_change: fail` would tell, too, for a second, temporary table per model and load.
-#}
{% macro check_vault_is_whole() -%}
    {%- if not execute or flags.WHICH not in ['build', 'run'] -%}
        {{ return('') }}
    {%- endif -%}
    {%- set models = vault_models(['staging', 'raw_vault']) -%}
    {%- set ids = models | map(attribute='unique_id') -%}
    {%- set selected = ids | select('in', selected_resources) | list -%}
    {%- if not selected -%}
        {{ return('') }}
    {%- elif flags.FULL_REFRESH and selected | length < models | length -%}
        {{ exceptions.raise_compiler_error(
            "--full-refresh takes " ~ selected | length ~ " of the " ~ models | length
            ~ " models of staging, raw vault, points in time and bridges; the tables of the rest would not fit. "
            ~ "Leave --select out, or select none of them."
        ) }}
    {%- elif not flags.FULL_REFRESH and has_ledger() -%}
        {%- do refuse_tables_unlike_their_models(loaded_batches()) -%}
    {%- endif -%}
{%- endmacro %}

{#- Stops when a table of the vault is not what its model wants, and names the first ones. -#}
{% macro refuse_tables_unlike_their_models(loaded) -%}
    {%- set named = 2 -%}  {#- of a longer message the end would be cut off, which says what to do -#}
    {%- set wrong = tables_unlike_their_models(vault_models(['raw_vault']), loaded) -%}
    {%- if wrong -%}
        {%- set others = '; and ' ~ (wrong | length - named) ~ ' more' if wrong | length > named else '' -%}
        {{ exceptions.raise_compiler_error(
            "The raw vault does not fit its models: " ~ wrong[:named] | join('; ') ~ others
            ~ ". Run `wwi build --full-refresh`, which gives them the history, too."
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- What is wrong with the tables, as a list of phrases; none is missing of which the vault has loaded nothing. -#}
{% macro tables_unlike_their_models(models, loaded) -%}
    {%- set held = columns_in_datasets(models | map(attribute='schema') | unique) -%}
    {%- set wrong = [] -%}
    {%- for node in models -%}
        {%- set found = held.get(node.schema ~ '.' ~ node.alias, []) -%}
        {%- set lacking = node.columns.keys() | map('lower') | reject('in', found) | list -%}
        {%- if not found and loaded and has_history(node) -%}
            {%- do wrong.append(node.alias ~ ' is missing') -%}
        {%- elif found and lacking -%}
            {%- do wrong.append(node.alias ~ ' lacks column ' ~ lacking | join(', ')) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(wrong) }}
{%- endmacro %}

{#- Whether batches that the vault has loaded brought rows of the source tables that a raw vault model is made of. -#}
{% macro has_history(node) -%}
    {%- for id in sources_of(node.unique_id) -%}
        {%- set source = graph.sources[id] -%}
        {%- set raw = api.Relation.create(
            database=source.database, schema=source.schema, identifier=source.identifier
        ) -%}
        {%- if load_relation(raw) is not none and run_query(
            'select count(*) as n from ' ~ raw ~ ' where batch_id in (select batch_id from '
            ~ ledger_table('vault_loads') ~ ')'
        ).rows[0]['n'] -%}
            {{ return(true) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}

{#- The tables of raw that a model is made of, by way of all that it reads, as ids of sources. -#}
{% macro sources_of(unique_id) -%}
    {%- set known = known_in_this_run().setdefault('sources_of', {}) -%}
    {%- if unique_id not in known -%}
        {%- set found = [] -%}
        {%- if unique_id in graph.sources and graph.sources[unique_id].source_name == 'wwi_raw' -%}
            {%- do found.append(unique_id) -%}
        {%- elif unique_id in graph.nodes -%}
            {%- for id in graph.nodes[unique_id].depends_on.nodes -%}
                {%- do found.extend(sources_of(id)) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- do known.update({unique_id: found | unique | list}) -%}
    {%- endif -%}
    {{ return(known[unique_id]) }}
{%- endmacro %}

{#- {dataset.table: [columns]} of the datasets, in lower case. -#}
{% macro columns_in_datasets(datasets) -%}
    {%- set held = {} -%}
    {%- for dataset in datasets -%}
        {%- set columns = run_query(
            'select table_name, lower(column_name) as column_name from `' ~ target.database
            ~ '`.`' ~ dataset ~ '`.INFORMATION_SCHEMA.COLUMNS'
        ) -%}
        {%- for row in columns.rows -%}
            {%- set table = dataset ~ '.' ~ row['table_name'] -%}
            {%- do held.setdefault(table, []).append(row['column_name']) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(held) }}
{%- endmacro %}

{% macro loaded_batches() -%}
    {{ return(run_query('select count(*) as n from ' ~ ledger_table('vault_loads')).rows[0]['n']) }}
{%- endmacro %}

{#-
    Marks batches as loaded, as the last statement of a run: those of which every staging and raw vault model
    that they feed succeeded in it. Others stay pending: loading them again does no harm, forgetting them
    would. `results` are the results of the run.
-#}
{% macro record_vault_load(results) -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] -%}
        {{ return('') }}
    {%- endif -%}
    {%- set done = vault_models_built(results) -%}
    {%- if not vault_models(['staging', 'raw_vault']) or not has_ledger() -%}
        {{ return('') }}
    {%- endif -%}
    {%- set loaded = batches_built(done) -%}
    {%- if loaded -%}
        insert into {{ ledger_table('vault_loads') }} (batch_id, load_dts, invocation_id, loaded_at, hash_version)
        select batch_id, load_dts, '{{ invocation_id }}', current_timestamp(), {{ var('hash_version') }}
        from {{ ledger_table('batches') }}
        where batch_id in ({{ loaded | join(', ') }})
            and batch_id not in (select batch_id from {{ ledger_table('vault_loads') }})
    {%- endif -%}
{%- endmacro %}

{#- The staging and raw vault models that succeeded in a run. -#}
{% macro vault_models_built(results) -%}
    {%- set needed = vault_models(['staging', 'raw_vault']) | map(attribute='unique_id') | list -%}
    {{ return(
        results | selectattr('status', 'equalto', 'success') | map(attribute='node')
        | selectattr('unique_id', 'in', needed) | list
    ) }}
{%- endmacro %}

{#-
    The numbers of the pending batches of which all that they feed is among these models, as they were built.
    Each stage must have asked for the batch: by a clock that runs behind ours, one may have been completed
    after the first stage asked. A full refresh is whole with all models only.
-#}
{% macro batches_built(nodes) -%}
    {%- set code = {} -%}
    {%- for node in nodes -%}
        {%- do code.update({node.unique_id: node.compiled_code}) -%}
    {%- endfor -%}
    {%- set needed_by_tables = {} -%}
    {%- set tables_of = tables_of_pending_batches() -%}
    {%- set found = [] -%}
    {%- set left = [] -%}
    {%- for row in run_query(pending_batches()).rows if row['batch_id'] | int in tables_of -%}
        {%- set tables = none if flags.FULL_REFRESH else tables_of[row['batch_id'] | int] -%}
        {%- if tables | string not in needed_by_tables -%}
            {%- do needed_by_tables.update({tables | string: models_fed_by(tables)}) -%}
        {%- endif -%}
        {%- set needed = needed_by_tables[tables | string] -%}
        {%- set lacking = [] -%}
        {%- for node in needed -%}
            {%- set asks = 'macro.' ~ project_name ~ '.pending_load_dts' in node.depends_on.macros -%}
            {%- if node.unique_id not in code
                or (asks and timestamp_literal(row['load_time']) not in code[node.unique_id]) -%}
                {%- do lacking.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if lacking -%}
            {%- do left.append([row['batch_id'], lacking | length, needed | length]) -%}
        {%- else -%}
            {%- do found.append(row['batch_id']) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if left and nodes -%}
        {%- do log(
            left | length ~ " batches stay pending. Of what batch " ~ left[0][0] ~ " feeds, " ~ left[0][1] ~ " of "
            ~ left[0][2] ~ " models of staging, raw vault, points in time and bridges did not succeed in this run.", info=true
        ) -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
