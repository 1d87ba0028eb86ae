{#-
    The versions that differ from the one before: within the load, or, for a key's first row of the
    load, from the newest version in the satellite. So A-B-A gives three rows, and A-A one.
    Rows not newer than the satellite's newest version of their key are left out, which makes a
    repeated load harmless; the model says so with meta `apply_source_filter: true`.
-#}
{% macro sat(src_pk, src_hashdiff, src_payload, src_ldts, src_source, source_model, src_extra_columns=[]) -%}
    {%- if execute and not config.get('meta', {}).get('apply_source_filter') -%}
        {{ exceptions.raise_compiler_error(
            "sat: set meta `apply_source_filter: true` in the config of " ~ this.identifier
            ~ "; the offline package requires it."
        ) }}
    {%- endif -%}
    {%- set columns = automate_dv.flat([
        src_pk, src_hashdiff, src_payload, src_extra_columns, src_ldts, src_source
    ]) -%}
    {%- set hashdiff = automate_dv.named(src_hashdiff) %}
with delivered as (
    select
    {%- for column in columns %}
        {{ automate_dv.staged(column) }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ ref(source_model) }}
    where {{ src_pk }} is not null
)
{%- if is_incremental() %},

newest as (
    select
        {{ src_pk }},
        {{ hashdiff }},
        {{ src_ldts }}
    from {{ this }}
    where {{ src_pk }} in (select {{ src_pk }} from delivered)
    qualify row_number() over (partition by {{ src_pk }} order by {{ src_ldts }} desc) = 1
)
{%- endif %}

select
    {%- for column in columns %}
    delivered.{{ automate_dv.named(column) }}{{ ',' if not loop.last }}
    {%- endfor %}
from delivered
{%- if is_incremental() %}
left join newest on delivered.{{ src_pk }} = newest.{{ src_pk }}
where newest.{{ src_pk }} is null or delivered.{{ src_ldts }} > newest.{{ src_ldts }}
{%- endif %}
qualify delivered.{{ hashdiff }} is distinct from {% if is_incremental() %}coalesce({% endif %}
    lag(delivered.{{ hashdiff }}) over (
        partition by delivered.{{ src_pk }} order by delivered.{{ src_ldts }}
    )
    {{- ',\n    newest.' ~ hashdiff ~ '\n)' if is_incremental() }}
{%- endmacro %}
