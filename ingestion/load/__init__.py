"""Load the staged files of a batch into raw and complete the batch."""
