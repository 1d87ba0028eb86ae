"""The reference pages of docs/, written from the code that they describe."""
