"""bqemulator, which the local warehouse runs, made faster and correct."""
