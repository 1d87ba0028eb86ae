{{ pit('supplier_transaction', {
    'details': 'sat_supplier_transaction__details',
    'settlement': 'sat_supplier_transaction__settlement',
    'supplier': 'eff_sat_supplier_transaction',
    'status': 'sat_supplier_transaction__status',
}) }}
