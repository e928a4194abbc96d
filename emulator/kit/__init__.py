"""The field kit: one file for a machine that has nothing but Python, and vantages on other machines. No probing."""
