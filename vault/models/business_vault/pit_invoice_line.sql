{{ pit('invoice_line', {
    'details': 'sat_invoice_line__details',
    'invoice': 'eff_sat_invoice_line',
    'status': 'sat_invoice_line__status',
}) }}
