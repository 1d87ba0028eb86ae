{{ code_list_dimension('transaction_type') }}
