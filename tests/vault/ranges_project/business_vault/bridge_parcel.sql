{%- set number = "parcel_id" %}
{{ config(
    materialized="incremental",
    partition_by=key_ranges(number),
    meta={"growing": {"depot": "depot"}},
) }}

{{ bridge_rows('parcel', 'parcel_depot', number, {'depot': 'depot'}) }}
