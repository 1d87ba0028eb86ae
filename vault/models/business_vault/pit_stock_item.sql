{{ pit('stock_item', {
    'details': 'sat_stock_item__details',
    'pricing': 'sat_stock_item__pricing',
    'supplier': 'eff_sat_stock_item_supplier',
    'status': 'sat_stock_item__status',
}) }}
