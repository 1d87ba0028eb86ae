{#-
    Checks before the first model of a load, and marks batches as loaded after the last one. Both cover all staging
    and raw vault models of this project, and incremental models of other layers, which also add rows per batch.
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
    Returns whether this run selects every one of these models that is affected by the pending batches.
-#}
{% macro selects_all_pending_models() -%}
    {%- if not vault_models(['staging', 'raw_vault']) or not has_ledger() -%}
        {{ return(false) }}
    {%- endif -%}
    {#- cached, since every point-in-time and bridge model needs it -#}
    {%- set cache = run_cache() -%}
    {%- if 'selects_all_pending_models' not in cache -%}
        {%- set tables_of = tables_of_pending_batches().values() | list -%}
        {%- set tables = none if none in tables_of else tables_of | sum(start=[]) | unique | list -%}
        {%- set needed = models_fed_by(tables) | map(attribute='unique_id') -%}
        {%- do cache.update({'selects_all_pending_models': not needed | reject('in', selected_resources) | list}) -%}
    {%- endif -%}
    {{ return(cache['selects_all_pending_models']) }}
{%- endmacro %}

{#- Returns {batch_id: raw tables with rows in the batch} of the pending batches; none means any table. -#}
{% macro tables_of_pending_batches() -%}
    {%- set cache = run_cache() -%}
    {%- if 'tables_of_pending_batches' not in cache -%}
        {%- set found = {} -%}
        {%- set loads = ledger_table('table_loads') -%}
        {%- set has_table_loads = load_relation(loads) is not none -%}
        {%- set query -%}
            with pending as (
                {{ pending_batches() }}
            )
            select
                pending.batch_id,
                {%- if has_table_loads %}
                replace(loads.table_name, '.', '__') as raw_table,
                coalesce(loads.rows_loaded, 0) > 0 as has_rows
                {%- else %}
                null as raw_table,
                false as has_rows
                {%- endif %}
            from pending
            {%- if has_table_loads %}
            left join {{ loads }} as loads on pending.batch_id = loads.batch_id
            {%- endif %}
        {%- endset -%}
        {%- for row in run_query(query).rows -%}
            {#- a batch without entries in table_loads may have rows of any table -#}
            {%- do found.setdefault(row['batch_id'] | int, none if row['raw_table'] is none else []) -%}
            {%- if row['has_rows'] -%}
                {%- do found[row['batch_id'] | int].append(row['raw_table']) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do cache.update({'tables_of_pending_batches': found}) -%}
    {%- endif -%}
    {{ return(cache['tables_of_pending_batches']) }}
{%- endmacro %}

{#- Returns the models that depend on one of these raw tables; all models if `tables` is none. -#}
{% macro models_fed_by(tables) -%}
    {%- set found = [] -%}
    {%- for node in vault_models(['staging', 'raw_vault']) -%}
        {%- set read = [] -%}
        {%- for id in raw_tables_of(node.unique_id) -%}
            {%- do read.append(graph.sources[id].identifier) -%}
        {%- endfor -%}
        {%- if tables is none or read | select('in', tables) | list -%}
            {%- do found.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#-
    Fails a run that would leave a raw vault table incomplete:
    - a full refresh of some models only: stages hold only pending batches, so older rows would be lost;
    - a table does not exist, but loaded batches had rows for it, which the stages no longer contain. For a new
      source table there are none, and its first load creates the table;
    - a table lacks a column of its model, which the load would not fill. dbt's `on_schema_change: fail` would
      detect it too, but needs a temporary table per model and load.
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
            "--full-refresh selects " ~ selected | length ~ " of the " ~ models | length
            ~ " models of staging, raw vault, points in time and bridges; the other tables would not match. "
            ~ "Run it without --select, or select none of these models."
        ) }}
    {%- elif not flags.FULL_REFRESH and has_ledger() -%}
        {%- do fail_on_schema_differences(loaded_batches()) -%}
    {%- endif -%}
{%- endmacro %}

{#- Fails if tables of the vault do not match their models; the message names the first ones. -#}
{% macro fail_on_schema_differences(loaded) -%}
    {%- set named = 2 -%}  {#- a longer message would be cut off before the fix -#}
    {%- set differences = schema_differences(vault_models(['raw_vault']), loaded) -%}
    {%- if differences -%}
        {%- set others = '; and ' ~ (differences | length - named) ~ ' more' if differences | length > named else '' -%}
        {{ exceptions.raise_compiler_error(
            "The raw vault does not match its models: " ~ differences[:named] | join('; ') ~ others
            ~ ". Run `wwi build --full-refresh`, which rebuilds them with their history."
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- Returns the differences between tables and models as texts; a table is only missing if it had loaded rows. -#}
{% macro schema_differences(models, loaded) -%}
    {%- set existing = columns_in_datasets(models | map(attribute='schema') | unique) -%}
    {%- set differences = [] -%}
    {%- for node in models -%}
        {%- set found = existing.get(node.schema ~ '.' ~ node.alias, []) -%}
        {%- set lacking = node.columns.keys() | map('lower') | reject('in', found) | list -%}
        {%- if not found and loaded and has_loaded_rows(node) -%}
            {%- do differences.append(node.alias ~ ' is missing') -%}
        {%- elif found and lacking -%}
            {%- do differences.append(node.alias ~ ' lacks column ' ~ lacking | join(', ')) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(differences) }}
{%- endmacro %}

{#- Returns whether loaded batches have raw rows for a raw vault model. -#}
{% macro has_loaded_rows(node) -%}
    {%- for id in raw_tables_of(node.unique_id) -%}
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

{#- Returns the ids of all raw tables that a model depends on, directly or indirectly. -#}
{% macro raw_tables_of(unique_id) -%}
    {%- set cache = run_cache().setdefault('raw_tables_of', {}) -%}
    {%- if unique_id not in cache -%}
        {%- set found = [] -%}
        {%- if unique_id in graph.sources and graph.sources[unique_id].source_name == 'wwi_raw' -%}
            {%- do found.append(unique_id) -%}
        {%- elif unique_id in graph.nodes -%}
            {%- for id in graph.nodes[unique_id].depends_on.nodes -%}
                {%- do found.extend(raw_tables_of(id)) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- do cache.update({unique_id: found | unique | list}) -%}
    {%- endif -%}
    {{ return(cache[unique_id]) }}
{%- endmacro %}

{#- Returns {dataset.table: [column names in lower case]} of the datasets. -#}
{% macro columns_in_datasets(datasets) -%}
    {%- set existing = {} -%}
    {%- for dataset in datasets -%}
        {%- set columns = run_query(
            'select table_name, lower(column_name) as column_name from `' ~ target.database
            ~ '`.`' ~ dataset ~ '`.INFORMATION_SCHEMA.COLUMNS'
        ) -%}
        {%- for row in columns.rows -%}
            {%- set table = dataset ~ '.' ~ row['table_name'] -%}
            {%- do existing.setdefault(table, []).append(row['column_name']) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(existing) }}
{%- endmacro %}

{% macro loaded_batches() -%}
    {{ return(run_query('select count(*) as n from ' ~ ledger_table('vault_loads')).rows[0]['n']) }}
{%- endmacro %}

{#-
    Last statement of a run: marks batches as loaded if every model affected by them succeeded in this run. Others
    stay pending; loading a batch twice does no harm. `results`: the results of the run.
-#}
{% macro record_vault_load(results) -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] -%}
        {{ return('') }}
    {%- endif -%}
    {%- set built = vault_models_built(results) -%}
    {%- if not vault_models(['staging', 'raw_vault']) or not has_ledger() -%}
        {{ return('') }}
    {%- endif -%}
    {%- set loaded = batches_built(built) -%}
    {%- if loaded -%}
        insert into {{ ledger_table('vault_loads') }} (batch_id, load_dts, invocation_id, loaded_at, hash_version)
        select batch_id, load_dts, '{{ invocation_id }}', current_timestamp(), {{ var('hash_version') }}
        from {{ ledger_table('batches') }}
        where batch_id in ({{ loaded | join(', ') }})
            and batch_id not in (select batch_id from {{ ledger_table('vault_loads') }})
    {%- endif -%}
{%- endmacro %}

{#- Returns the staging and raw vault models that succeeded in this run. -#}
{% macro vault_models_built(results) -%}
    {%- set needed = vault_models(['staging', 'raw_vault']) | map(attribute='unique_id') | list -%}
    {{ return(
        results | selectattr('status', 'equalto', 'success') | map(attribute='node')
        | selectattr('unique_id', 'in', needed) | list
    ) }}
{%- endmacro %}

{#-
    Returns the pending batches whose affected models are all among `nodes`, which were built. Each stage must have
    selected the batch: with clock skew, a batch may have been completed after the first stage ran its query.
    A full refresh needs all models.
-#}
{% macro batches_built(nodes) -%}
    {%- set code = {} -%}
    {%- for node in nodes -%}
        {%- do code.update({node.unique_id: node.compiled_code}) -%}
    {%- endfor -%}
    {%- set needed_by_tables = {} -%}
    {%- set tables_of = tables_of_pending_batches() -%}
    {%- set found = [] -%}
    {%- set pending = [] -%}
    {%- for row in run_query(pending_batches()).rows if row['batch_id'] | int in tables_of -%}
        {%- set tables = none if flags.FULL_REFRESH else tables_of[row['batch_id'] | int] -%}
        {%- if tables | string not in needed_by_tables -%}
            {%- do needed_by_tables.update({tables | string: models_fed_by(tables)}) -%}
        {%- endif -%}
        {%- set needed = needed_by_tables[tables | string] -%}
        {%- set missing = [] -%}
        {%- for node in needed -%}
            {%- set is_stage = 'macro.' ~ project_name ~ '.pending_load_dts' in node.depends_on.macros -%}
            {%- if node.unique_id not in code
                or (is_stage and timestamp_literal(row['load_time']) not in code[node.unique_id]) -%}
                {%- do missing.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if missing -%}
            {%- do pending.append([row['batch_id'], missing | length, needed | length]) -%}
        {%- else -%}
            {%- do found.append(row['batch_id']) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if pending and nodes -%}
        {%- do log(
            pending | length ~ " batches stay pending. For batch " ~ pending[0][0] ~ ", " ~ pending[0][1] ~ " of "
            ~ pending[0][2] ~ " affected models of staging, raw vault, points in time and bridges did not succeed in this run.", info=true
        ) -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
