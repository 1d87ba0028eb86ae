{#-
    Differences between the local engine and BigQuery. Only this file may check which of the two is used.
    docs/architecture.md lists each difference by its name after `engine:`.
-#}

{#-
    engine: contract
    The column list of `create table (...) as select` for an enforced contract. The emulator cannot parse it, so it
    is omitted locally. dbt compares names and types with the query in both cases, and data tests check for nulls.
-#}
{% macro bigquery__get_table_columns_and_constraints() -%}
    {%- if target.name != 'local' -%}
        {{ default__get_table_columns_and_constraints() }}
    {%- endif -%}
{%- endmacro %}

{#-
    engine: descriptions
    Whether table and column descriptions are written to the warehouse. The emulator has no console to read them,
    and writing them takes three requests per model, a third of all requests of a first build.
-#}
{% macro has_descriptions() -%}
    {{ return(target.name != 'local') }}
{%- endmacro %}

{#-
    engine: catalogue
    Query of `dbt docs generate` for a dataset. The adapter reads __TABLES__ and COLUMN_FIELD_PATHS, which the
    emulator lacks; other views have the same data for tables without nested columns. Descriptions are not queried:
    dbt docs takes them from the YAML.
-#}
{% macro bigquery__get_catalog(information_schema, schemas) -%}
    {%- if target.name != 'local' -%}
        {{ return(dbt.bigquery__get_catalog(information_schema, schemas)) }}
    {%- endif -%}
    {{ return(run_query(local_catalogue(information_schema))) }}
{%- endmacro %}

{#- engine: catalogue - the same for selected tables; returns all tables of the dataset -#}
{% macro bigquery__get_catalog_relations(information_schema, relations) -%}
    {%- if target.name != 'local' -%}
        {{ return(dbt.bigquery__get_catalog_relations(information_schema, relations)) }}
    {%- endif -%}
    {{ return(run_query(local_catalogue(information_schema))) }}
{%- endmacro %}

{#- Query: tables of a dataset with columns and row counts, with the column names of dbt's own query. -#}
{% macro local_catalogue(information_schema) -%}
    with
        partitions as (
            select table_name, sum(total_rows) as row_count
            from {{ information_schema.replace(information_schema_view='PARTITIONS') }}
            group by table_name
        )

    select
        columns.table_catalog as table_database,
        columns.table_schema,
        columns.table_name,
        case tables.table_type when 'VIEW' then 'view' else 'table' end as table_type,
        '' as table_comment,
        columns.column_name,
        columns.ordinal_position as column_index,
        columns.data_type as column_type,
        '' as column_comment,
        '# Rows' as stats__num_rows__label,
        partitions.row_count as stats__num_rows__value,
        'Rows in this table when the documents were written' as stats__num_rows__description,
        partitions.row_count is not null as stats__num_rows__include
    from {{ information_schema.replace(information_schema_view='COLUMNS') }} as columns
    join {{ information_schema.replace(information_schema_view='TABLES') }} as tables
        on tables.table_name = columns.table_name
    left join partitions on partitions.table_name = columns.table_name
    order by columns.table_name, columns.ordinal_position
{%- endmacro %}
