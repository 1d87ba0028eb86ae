{#-
    Profit (business_rules, section 12): the source computes it at invoicing with the cost at that time, which it does
    not store, so the cost is sales minus profit. Credit notes have negative amounts.
-#}
with lines_now as (
    {{ latest(ref('pit_invoice_line'), 'invoice_line_hk') }}
),

amounts as (
    select
        lines_now.invoice_line_hk,
        cast(details.extended_price - details.tax_amount as numeric(31, 2)) as sales_amount,
        cast(details.line_profit as numeric(31, 2)) as profit_amount,
        lines_now.load_dts
    from lines_now
    inner join {{ ref('sat_invoice_line__details') }} as details
        on {{ in_force('lines_now', 'details', 'invoice_line_hk', 'details') }}
    left join {{ ref('sat_invoice_line__status') }} as status
        on {{ in_force('lines_now', 'status', 'invoice_line_hk', 'status') }}
    where not coalesce(status.is_deleted, false)
)

select
    invoice_line_hk,
    sales_amount,
    cast(sales_amount - profit_amount as numeric(31, 2)) as cost_amount,
    profit_amount,
    {{ percent('profit_amount', 'sales_amount') }} as margin_percent,
    load_dts
from amounts
