{#-
    What the local engine cannot do like BigQuery: the one file of the vault that may ask which of the two
    it runs on. docs/architecture.md lists each difference by the name that stands behind `engine:` here.
-#}

{#-
    engine: contract
    The column list of `create table (...) as select` that dbt writes for an enforced contract. The
    emulator cannot read it, so locally it is left out; names and types are compared with the query's
    before either way, and the data tests look for nulls.
-#}
{% macro bigquery__get_table_columns_and_constraints() -%}
    {%- if target.name != 'local' -%}
        {{ default__get_table_columns_and_constraints() }}
    {%- endif -%}
{%- endmacro %}

{#-
    engine: descriptions
    Whether somebody may read descriptions in the warehouse itself. The emulator has no console, and to write
    them takes three requests a model, a third of all that a first build makes.
-#}
{% macro descriptions_are_read() -%}
    {{ return(target.name != 'local') }}
{%- endmacro %}

{#-
    engine: catalogue
    What `dbt docs generate` asks of a dataset. The adapter reads __TABLES__ and COLUMN_FIELD_PATHS, which the
    emulator does not have; what it has says the same of tables without nested columns. Descriptions are not
    asked for: the documents show those of the YAML.
-#}
{% macro bigquery__get_catalog(information_schema, schemas) -%}
    {%- if target.name != 'local' -%}
        {{ return(dbt.bigquery__get_catalog(information_schema, schemas)) }}
    {%- endif -%}
    {{ return(run_query(local_catalogue(information_schema))) }}
{%- endmacro %}

{#- engine: catalogue - the same when only some tables are wanted -#}
{% macro bigquery__get_catalog_relations(information_schema, relations) -%}
    {%- if target.name != 'local' -%}
        {{ return(dbt.bigquery__get_catalog_relations(information_schema, relations)) }}
    {%- endif -%}
    {{ return(run_query(local_catalogue(information_schema))) }}
{%- endmacro %}

{#- The tables of one dataset with their columns and numbers of rows, named as dbt's own query names them. -#}
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
