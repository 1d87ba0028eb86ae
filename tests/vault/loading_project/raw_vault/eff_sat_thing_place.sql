{{ config(meta={"apply_source_filter": true}) }}

{{ automate_dv.sat(
    src_pk="thing_hk",
    src_hashdiff={"source_column": "eff_sat_thing_place_hashdiff", "alias": "hashdiff"},
    src_payload=["link_thing_place_hk"],
    src_ldts="load_dts",
    src_source="record_source",
    source_model="stg_wwi__things",
) }}
