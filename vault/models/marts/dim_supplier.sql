select
    supplier_key,
    wwi_supplier_id,
    supplier,
    category,
    {{ masked('primary_contact') }},
    supplier_reference,
    payment_days,
    postal_code,
    valid_from,
    valid_to,
    is_deleted,
    lineage_key
from {{ ref('dim_supplier_unmasked') }}
