"""The operator's commands that are groups of their own, a file each; `cli` gathers them."""
