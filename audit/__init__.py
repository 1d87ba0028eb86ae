"""Read the warehouse and say how it is: status, reconciliation, verification, trace. Nothing is changed."""
