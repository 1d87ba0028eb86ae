with accounts as (
    {{ relationships('customer_account', 'customer_hk', ['delivery_city_hk']) }}
),

accounts_now as (
    {{ latest('accounts', 'customer_hk') }}
)

select
    accounts_now.customer_hk,
    city.city_id as delivery_city_id
from accounts_now
inner join {{ ref('hub_city') }} as city
    on accounts_now.delivery_city_hk = city.city_hk
