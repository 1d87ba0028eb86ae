{{ config(meta={"is_auto_end_dating": true}) }}

{{ automate_dv.eff_sat(
    src_pk="link_assignment_hk",
    src_dfk="assignment_hk",
    src_sfk=["place_code_hk", "owner_code_hk"],
    src_start_date="start_date",
    src_end_date="end_date",
    src_eff="effective_from",
    source_model="stg_assignments",
    src_ldts="load_dts",
    src_source="record_source",
) }}
