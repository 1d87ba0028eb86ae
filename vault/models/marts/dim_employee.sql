select
    employee_key,
    wwi_employee_id,
    {{ masked('employee') }},
    {{ masked('preferred_name') }},
    is_salesperson,
    {{ masked('photo', 'bytes') }},
    valid_from,
    valid_to,
    is_deleted,
    lineage_key
from {{ ref('dim_employee_unmasked') }}
