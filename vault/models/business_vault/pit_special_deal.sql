{{ pit('special_deal', {
    'details': 'sat_special_deal__details',
    'scope': 'eff_sat_special_deal',
    'status': 'sat_special_deal__status',
}) }}
