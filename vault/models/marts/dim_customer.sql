-- Customers in a buying group are stores or head offices; their names are not personal data.
with stores as (
    select distinct customer as name
    from {{ ref('dim_customer_unmasked') }}
    where buying_group != 'N/A'
)

select
    customer_key,
    wwi_customer_id,
    {{ masked('customer', readable='customer in (select name from stores)') }},
    {{ masked('bill_to_customer', readable='bill_to_customer in (select name from stores)') }},
    category,
    buying_group,
    {{ masked('primary_contact') }},
    {{ masked('postal_code') }},
    valid_from,
    valid_to,
    is_deleted,
    lineage_key
from {{ ref('dim_customer_unmasked') }}
