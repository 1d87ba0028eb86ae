"""Changes of the source that the simulator never makes, one set per load.

Rows are deleted and restored unchanged or changed; relationships change and change back; values differ only
in case, in a space, in NULL or ''.
"""

GO_AWAY = """
update sales.customers set buying_group_id = null, delivery_run = 'ab' where customer_id = 1;
update application.people set preferred_name = upper(preferred_name), fax_number = '' where person_id = 3;
update application.cities set state_province_id = 2
where city_id = (select min(city_id) from application.cities);
create table public.kept as select * from sales.special_deals where special_deal_id = 1;
delete from sales.special_deals where special_deal_id = 1;
create table public.kept_members as select * from warehouse.stock_item_stock_groups
where stock_item_stock_group_id in (1, 2);
delete from warehouse.stock_item_stock_groups where stock_item_stock_group_id in (1, 2);
update warehouse.colors set color_name = color_name || ' ' where color_id = 1;
insert into warehouse.colors select 900, 'Planted', 1;
update sales.orders set comments = '' where order_id = 1;
"""
COME_BACK = """
update sales.customers set delivery_run = 'AB' where customer_id = 1;
update application.people set fax_number = null where person_id = 3;
update application.cities set state_province_id = 1
where city_id = (select min(city_id) from application.cities);
insert into sales.special_deals select * from public.kept;
update public.kept_members set stock_group_id = 10 where stock_item_stock_group_id = 2;
insert into warehouse.stock_item_stock_groups select * from public.kept_members;
delete from warehouse.colors where color_id = 900;
update sales.orders set comments = null where order_id = 1;
"""
GO_AGAIN = """
delete from warehouse.stock_item_stock_groups where stock_item_stock_group_id = 1;
insert into warehouse.colors select 900, 'planted', 1;
update sales.orders set comments = 'null' where order_id = 1;
"""
EMPTIED = "update warehouse.stock_item_holdings set bin_location = '' where stock_item_id = 1"
