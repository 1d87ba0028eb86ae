{#- Profit of an invoice: the sum of its lines, see bv_sat_invoice_line__profit. -#}
with invoices_of_lines as (
    {{ relationships('invoice_line', 'invoice_line_hk', ['invoice_hk']) }}
),

lines_now as (
    {{ latest('invoices_of_lines', 'invoice_line_hk') }}
),

amounts as (
    select
        lines_now.invoice_hk,
        count(*) as invoice_lines,
        cast(sum(profit.sales_amount) as numeric(31, 2)) as sales_amount,
        cast(sum(profit.cost_amount) as numeric(31, 2)) as cost_amount,
        cast(sum(profit.profit_amount) as numeric(31, 2)) as profit_amount,
        max(greatest(profit.load_dts, lines_now.load_dts)) as load_dts
    from {{ ref('bv_sat_invoice_line__profit') }} as profit
    inner join lines_now
        on profit.invoice_line_hk = lines_now.invoice_line_hk
    group by lines_now.invoice_hk
)

select
    invoice_hk,
    invoice_lines,
    sales_amount,
    cost_amount,
    profit_amount,
    {{ percent('profit_amount', 'sales_amount') }} as margin_percent,
    load_dts
from amounts
