"""The judge: convolutions that belong to no framework. Stands alone; needs NumPy only."""
