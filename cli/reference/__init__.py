"""Generate the reference pages of docs/ from the code that they describe."""
