-- Outers ordered and received, by supplier.
select
    vendor.supplier,
    calendar.fiscal_year_label,
    sum(purchase.ordered_outers) as ordered_outers,
    sum(purchase.received_outers) as received_outers,
    count(*) as purchase_lines,
    countif(not purchase.is_order_finalized) as open_lines
from {marts}.fct_purchase as purchase
inner join {marts}.dim_date as calendar
    on purchase.date_key = calendar.date
inner join {marts}.dim_supplier as vendor
    on purchase.supplier_key = vendor.supplier_key
where not purchase.is_deleted
group by supplier, fiscal_year_label
order by supplier, fiscal_year_label
