{{ point_in_time('city', {
    'details': 'sat_city__details',
    'population': 'sat_city__population',
    'state_province': 'bv_sat_city__state_province',
    'country': 'bv_sat_city__country',
    'status': 'sat_city__status',
}) }}
