"""The attributes of dimensions in Postgres SQL on the source, and renames of everything that they refer to.

Each query returns the ID of a member and its current attributes in the source.
"""

SHOWN = {
    "dim_city": """
        select city_id as wwi_city_id, city_name as city, state_province_name as state_province,
            country_name as country, continent, sales_territory, region, subregion,
            coalesce(cities.latest_recorded_population, 0) as latest_recorded_population
        from application.cities
        join application.state_provinces using (state_province_id)
        join application.countries using (country_id)
    """,
    "dim_customer_unmasked": """
        select c.customer_id as wwi_customer_id, c.customer_name as customer,
            bill_to.customer_name as bill_to_customer, customer_category_name as category,
            coalesce(buying_group_name, 'N/A') as buying_group, full_name as primary_contact,
            c.delivery_postal_code as postal_code
        from sales.customers as c
        join sales.customers as bill_to on c.bill_to_customer_id = bill_to.customer_id
        join sales.customer_categories as category on c.customer_category_id = category.customer_category_id
        left join sales.buying_groups as buying on c.buying_group_id = buying.buying_group_id
        join application.people on c.primary_contact_person_id = person_id
    """,
    "dim_employee_unmasked": """
        select person_id as wwi_employee_id, full_name as employee, preferred_name, is_salesperson
        from application.people where is_employee
    """,
    "dim_payment_method": """
        select payment_method_id as wwi_payment_method_id, payment_method_name as payment_method
        from application.payment_methods
    """,
    # a deleted colour keeps its last name, see the last statement of RENAMED_AGAIN
    "dim_stock_item": """
        select stock_item_id as wwi_stock_item_id, stock_item_name as stock_item,
            coalesce(color_name, case color_id when 901 then 'Teal' end, 'N/A') as color,
            selling.package_type_name as selling_package, buying.package_type_name as buying_package,
            coalesce(brand, 'N/A') as brand, coalesce(size, 'N/A') as size, lead_time_days,
            quantity_per_outer, is_chiller_stock, coalesce(barcode, 'N/A') as barcode, tax_rate, unit_price,
            recommended_retail_price, typical_weight_per_unit
        from warehouse.stock_items
        left join warehouse.colors using (color_id)
        join warehouse.package_types as selling on unit_package_id = selling.package_type_id
        join warehouse.package_types as buying on outer_package_id = buying.package_type_id
    """,
    "dim_supplier_unmasked": """
        select supplier_id as wwi_supplier_id, supplier_name as supplier, supplier_category_name as category,
            full_name as primary_contact, supplier_reference, payment_days,
            delivery_postal_code as postal_code
        from purchasing.suppliers
        join purchasing.supplier_categories using (supplier_category_id)
        join application.people on primary_contact_person_id = person_id
    """,
    "dim_transaction_type": """
        select transaction_type_id as wwi_transaction_type_id, transaction_type_name as transaction_type
        from application.transaction_types
    """,
}

# one rename for each origin of attributes; no person that another test renames or erases
RENAMED = """
update application.countries set continent = 'Atlantis' where country_id = 182;
update application.state_provinces set sales_territory = 'Far North' where state_province_id = 4;
update sales.customer_categories set customer_category_name = 'Gift Shop' where customer_category_id = 5;
update sales.buying_groups set buying_group_name = 'Wing Toys' where buying_group_id = 2;
update sales.customers set customer_name = 'Renamed Ltd (Head Office)' where customer_id = (
    select max(bill_to_customer_id) from sales.customers where buying_group_id = 2
);
update application.people set full_name = 'Ada Once' where person_id = (
    select max(primary_contact_person_id) from sales.customers
    join application.people on person_id = primary_contact_person_id
    where buying_group_id = 2 and full_name != '[erased]'
);
update application.people set phone_number = '(206) 555-0199' where person_id = (
    select primary_contact_person_id from purchasing.suppliers where supplier_id = 6
);
update application.people set full_name = 'Bea Supplies' where person_id = (
    select primary_contact_person_id from purchasing.suppliers where supplier_id = 5
);
update purchasing.supplier_categories set supplier_category_name = 'Makers' where supplier_category_id = 2;
update warehouse.colors set color_name = 'Ink' where color_id = 3;
update warehouse.package_types set package_type_name = 'Parcel' where package_type_id = 9;
update application.payment_methods set payment_method_name = 'Money' where payment_method_id = 1;
update application.transaction_types set transaction_type_name = 'Invoice' where transaction_type_id = 1;
insert into warehouse.colors select 901, 'Teal', 1;
update warehouse.stock_items set color_id = 901 where stock_item_id = 20;
update warehouse.stock_items set color_id = null where stock_item_id = 21;
"""
# renamed back, renamed twice within a batch, together with another reference; a colour deleted while in use
RENAMED_AGAIN = """
update application.countries set continent = 'North America' where country_id = 182;
update warehouse.colors set color_name = 'Black' where color_id = 3;
update application.people set full_name = 'Ada Twice' where full_name = 'Ada Once';
update application.people set full_name = 'Ada Thrice' where full_name = 'Ada Twice';
update sales.customers set customer_name = 'Thirteen Ltd (Head Office)' where customer_id = 13;
update sales.customers set bill_to_customer_id = 13 where customer_id in (13, 14);
update warehouse.stock_items set color_id = 3 where stock_item_id = 21;
alter table warehouse.stock_items drop constraint fk_stock_items_color_id;
delete from warehouse.colors where color_id = 901;
"""
