"""Read and check Holistics AML files."""
