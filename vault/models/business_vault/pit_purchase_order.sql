{{ pit('purchase_order', {
    'details': 'sat_purchase_order__details',
    'progress': 'sat_purchase_order__progress',
    'personal': 'sat_purchase_order__personal',
    'supplier': 'eff_sat_purchase_order',
    'status': 'sat_purchase_order__status',
}) }}
