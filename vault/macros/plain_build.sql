{#-
    Hooks of a plain `dbt build` or `dbt run`, which has no load plan. They follow the same rules as `wwi build`
    (transform/loading/load.py), but read more, and refuse what only `wwi build` can do.
-#}

{#- The models that a load fills: staging, the raw vault, and other incremental models, which also add rows per batch. -#}
{% macro vault_models() -%}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
        if node.package_name == project_name
            and (node.fqn[1] in ['staging', 'raw_vault'] or node.config.materialized == 'incremental') -%}
        {%- do found.append(node) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro selects_whole_vault() -%}
    {{ return(not vault_models() | map(attribute='unique_id') | reject('in', selected_resources) | list) }}
{%- endmacro %}

{% macro is_plain_build() -%}
    {{ return(execute and flags.WHICH in ['build', 'run'] and not load_plan()) }}
{%- endmacro %}

{#- Before the first model. -#}
{% macro start_plain_build() -%}
    {%- if not is_plain_build() -%}
        {{ return('') }}
    {%- endif -%}
    {%- set models = vault_models() -%}
    {%- set selected = models | map(attribute='unique_id') | select('in', selected_resources) | list -%}
    {%- if not selected -%}
        {{ return('') }}
    {%- elif load_relation(ledger_table('vault_loads')) is none -%}
        {{ exceptions.raise_compiler_error("There is no ledger. Run `wwi ingest` first.") }}
    {%- elif flags.FULL_REFRESH and selected | length < models | length -%}
        {{ exceptions.raise_compiler_error("--full-refresh must select all models of the vault, or none of them.") }}
    {%- elif not flags.FULL_REFRESH -%}
        {%- do check_vault_tables(models) -%}
        {%- if selects_whole_vault() -%}
            {%- do rewind_vault(models) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return('') }}
{%- endmacro %}

{#- Fails if the vault has another hash version, or lacks a table or column. -#}
{% macro check_vault_tables(models) -%}
    {%- set loads = 'select distinct coalesce(hash_version, 1) as v from ' ~ ledger_table('vault_loads') -%}
    {%- set versions = run_query(loads).columns[0].values() | map('int') | list -%}
    {%- set differences = [] -%}
    {%- for version in versions if version != var('hash_version') | int -%}
        {%- do differences.append('it was hashed with version ' ~ version) -%}
    {%- endfor -%}
    {%- for node in models if versions and node.fqn[1] != 'staging' -%}
        {%- set table = load_relation(api.Relation.create(node.database, node.schema, node.alias)) -%}
        {%- if table is none -%}
            {%- do differences.append(node.alias ~ ' is missing') -%}
        {%- else -%}
            {%- set existing = adapter.get_columns_in_relation(table) | map(attribute='name') | map('lower') | list -%}
            {%- for column in node.columns | map('lower') | reject('in', existing) -%}
                {%- do differences.append(node.alias ~ ' lacks column ' ~ column) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if differences -%}
        {{ exceptions.raise_compiler_error(
            "The vault does not match its models: " ~ differences[0] ~ ". Run `wwi build`, which can load new tables "
            ~ "and names the command to run for everything else."
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- Deletes all rows since the first pending batch: docs/adr/0008-a-late-batch-rewinds-the-vault.md. -#}
{% macro rewind_vault(models) -%}
    {%- set pending = pending_batches() -%}
    {%- if run_query('select count(*) as n from (' ~ pending ~ ')').rows[0]['n'] > 1 -%}
        {%- for node in models if node.fqn[1] != 'staging' -%}
            {%- set table = load_relation(api.Relation.create(node.database, node.schema, node.alias)) -%}
            {%- if table is not none -%}
                {%- do run_query(
                    'delete from ' ~ table ~ ' where load_dts >= (select min(load_dts) from (' ~ pending ~ '))'
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- After the last model: marks the pending batches as loaded if every model of the vault succeeded. -#}
{% macro end_plain_build(results) -%}
    {%- if not is_plain_build() -%}
        {{ return('') }}
    {%- endif -%}
    {%- set built = results | selectattr('status', 'equalto', 'success') | map(attribute='node.unique_id') | list -%}
    {%- set models = vault_models() | map(attribute='unique_id') | list -%}
    {%- if not models or models | reject('in', built) | list -%}
        {{ return('') }}
    {%- endif -%}
    {%- set loads = ledger_table('vault_loads') -%}
    {%- if flags.FULL_REFRESH %}
    update {{ loads }} set hash_version = {{ var('hash_version') }} where true;
    {%- endif %}
    insert into {{ loads }} (batch_id, load_dts, invocation_id, loaded_at, hash_version)
    select batch_id, load_dts, '{{ invocation_id }}', current_timestamp(), {{ var('hash_version') }}
    from ({{ pending_batches() }})
    where batch_id not in (select batch_id from {{ loads }})
{%- endmacro %}
