{{ code_list_dimension('payment_method') }}
