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

{#- Whether this run takes all of these models, and there are any. -#}
{% macro selects_whole_vault() -%}
    {%- set models = vault_models(['staging', 'raw_vault']) | map(attribute='unique_id') | list -%}
    {{ return(models != [] and models | reject('in', selected_resources) | list == []) }}
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
            ~ " models of staging, raw vault and points in time; the tables of the rest would not fit. "
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
    {%- for source in sources_of(node) -%}
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

{#- The tables of raw that a raw vault model reads by way of its stages. -#}
{% macro sources_of(node) -%}
    {%- set found = [] -%}
    {%- for id in node.depends_on.nodes -%}
        {%- if id in graph.sources and graph.sources[id].source_name == 'wwi_raw' -%}
            {%- do found.append(graph.sources[id]) -%}
        {%- elif id in graph.nodes and graph.nodes[id].fqn[1] == 'staging' -%}
            {%- do found.extend(sources_of(graph.nodes[id])) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
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
    Marks batches as loaded, as the last statement of a run, when every staging and every raw vault
    model of the project succeeded in it. Otherwise they stay pending: loading them again does no
    harm, forgetting them would. `results` are the results of the run.
-#}
{% macro record_vault_load(results) -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] -%}
        {{ return('') }}
    {%- endif -%}
    {%- set needed = vault_models(['staging', 'raw_vault']) -%}
    {%- set done = vault_models_built(results) -%}
    {%- if not done or not has_ledger() -%}
        {{ return('') }}
    {%- elif done | length < needed | length -%}
        {%- do log(
            "No batch is marked as loaded: " ~ done | length ~ " of " ~ needed | length
            ~ " models of staging, raw vault and points in time succeeded. Pending batches stay pending.", info=true
        ) -%}
        {{ return('') }}
    {%- endif -%}
    {%- set loaded = batches_in_every_stage(done) -%}
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
    The numbers of the batches that each stage has asked for. Asking the ledger again is not enough:
    by a clock that runs behind ours, a batch may have been completed after the first stage asked.
-#}
{% macro batches_in_every_stage(nodes) -%}
    {%- set asked = [] -%}
    {%- for node in nodes
        if 'macro.' ~ project_name ~ '.pending_load_dts' in node.depends_on.macros -%}
        {%- do asked.append(node.compiled_code) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for row in run_query(pending_batches()).rows -%}
        {%- set lacking = [] -%}
        {%- for code in asked if timestamp_literal(row['load_time']) not in code -%}
            {%- do lacking.append(code) -%}
        {%- endfor -%}
        {%- if asked and not lacking -%}
            {%- do found.append(row['batch_id']) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
