{#- The newest snapshot; the rule is defined in snapshot_customer_balance. -#}
select
    balance.customer_hk,
    balance.open_entries,
    balance.balance,
    balance.overdue_amount,
    balance.credit_limit,
    balance.credit_use_percent,
    balance.load_dts
from {{ ref('snapshot_customer_balance') }} as balance
inner join {{ ref('bv_snapshot') }} as snapshot
    on balance.load_dts = snapshot.load_dts
where snapshot.is_newest
