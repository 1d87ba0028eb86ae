-- Rows for the example of the guide "Add a source table". The owner of the table would have created it like this:
create table if not exists warehouse.stock_item_reviews (
    stock_item_id integer primary key references warehouse.stock_items (stock_item_id),
    stars numeric(3, 2),
    review_count integer,
    last_edited_by integer references application.people (person_id),
    last_edited_when timestamp default now()
);

insert into warehouse.stock_item_reviews (stock_item_id, stars, review_count, last_edited_by)
select stock_item_id, 1 + stock_item_id % 5 * 0.75, stock_item_id % 7 + 1, 1
from warehouse.stock_items
where stock_item_id % 3 = 0;
