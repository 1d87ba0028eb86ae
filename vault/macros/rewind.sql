{#-
    What makes the vault the same whatever order batches come in. A load adds to the newest state, so a batch
    that comes late, after newer ones were loaded, would be left out by the satellites, and whatever it
    undoes or repeats would stand wrong after it. Therefore the vault goes back to before the late batch and
    takes it and all after it again, in order, from raw. docs/adr/0008-a-late-batch-rewinds-the-vault.md has
    the reasons.

    Nothing is done in a usual load: one batch that is newer than all others cannot find anything newer.
-#}

{#- Before the first model: takes out every row of the raw vault from the first pending batch on. -#}
{% macro rewind_to_first_pending() -%}
    {%- if not execute or flags.WHICH not in ['build', 'run'] or flags.FULL_REFRESH -%}
        {{ return('') }}
    {%- endif -%}
    {#- a part of the vault marks no batch: what it leaves wrong, the next build of all takes back -#}
    {%- if not selects_pending_vault() -%}
        {{ return('') }}
    {%- endif -%}
    {%- set pending = run_query(pending_batches()).rows -%}
    {%- if pending | length > 1 -%}
        {%- set first = pending[0]['load_time'] -%}
        {%- set ahead = tables_with_rows_since(timestamp_literal(first)) -%}
        {%- for table in ahead -%}
            {%- do run_query(
                'delete from ' ~ table ~ ' where load_dts >= ' ~ timestamp_literal(first)
            ) -%}
        {%- endfor -%}
        {%- if ahead -%}
            {%- do log(
                "Batch " ~ pending[0]['batch_id'] ~ " comes late: " ~ ahead | length ~ " tables went back to "
                ~ "before " ~ first ~ ", and " ~ pending | length ~ " batches are loaded in order.", info=true
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return('') }}
{%- endmacro %}

{#- The relations that the raw vault has of its models and that hold a row of this time or later, in one query. -#}
{% macro tables_with_rows_since(moment) -%}
    {%- set models = vault_models(['raw_vault']) -%}
    {%- set held = columns_in_datasets(models | map(attribute='schema') | unique) -%}
    {%- set questions = [] -%}
    {%- for node in models if node.schema ~ '.' ~ node.alias in held -%}
        {%- set relation = api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias
        ) -%}
        {%- do questions.append(
            "select '" ~ relation ~ "' as relation, count(*) as n from " ~ relation ~ " where load_dts >= "
            ~ moment
        ) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for row in (run_query(questions | join(' union all ')).rows if questions else []) if row['n'] -%}
        {%- do found.append(row['relation']) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
