"""What can be done, one file per noun: the rules and the transactions."""
