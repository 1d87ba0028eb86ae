{{ pit('invoice', {
    'details': 'sat_invoice__details',
    'delivery': 'sat_invoice__delivery',
    'personal': 'sat_invoice__personal',
    'order': 'eff_sat_invoice_order',
    'status': 'sat_invoice__status',
}) }}
