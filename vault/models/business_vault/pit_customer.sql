{{ point_in_time('customer', {
    'details': 'sat_customer__details',
    'credit': 'sat_customer__credit',
    'personal': 'sat_customer__personal',
    'account': 'eff_sat_customer_account',
    'category': 'bv_sat_customer__category',
    'buying_group': 'bv_sat_customer__buying_group',
    'status': 'sat_customer__status',
}) }}
