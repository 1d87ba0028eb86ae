{{ pit('order_line', {
    'details': 'sat_order_line__details',
    'progress': 'sat_order_line__progress',
    'order': 'eff_sat_order_line',
    'status': 'sat_order_line__status',
}) }}
