"""The steps of a business day, each a function of the world and the moment, each returning what it did."""
