"""Documents to be printed: everything this product says on paper."""
