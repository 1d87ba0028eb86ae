{#- The newest snapshot; the rule is defined in snapshot_stock_position. -#}
select
    position.stock_item_hk,
    position.quantity_on_hand,
    position.on_order_quantity,
    position.needed_quantity,
    position.effective_quantity,
    position.reorder_level,
    position.target_stock_level,
    position.is_reorder_needed,
    position.outers_to_order,
    position.quantity_to_order,
    position.stock_value,
    position.load_dts
from {{ ref('snapshot_stock_position') }} as position
inner join {{ ref('bv_snapshot') }} as snapshot
    on position.load_dts = snapshot.load_dts
where snapshot.is_newest
