{{ point_in_time('supplier', {
    'details': 'sat_supplier__details',
    'personal': 'sat_supplier__personal',
    'account': 'eff_sat_supplier_account',
    'category': 'bv_sat_supplier__category',
    'status': 'sat_supplier__status',
}) }}
