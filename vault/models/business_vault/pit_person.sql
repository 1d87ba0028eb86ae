{{ pit('person', {
    'details': 'sat_person__details',
    'personal': 'sat_person__personal',
    'logon': 'sat_person__logon',
    'status': 'sat_person__status',
}) }}
