"""The central office's side: asks many sites for their status, checks what each box signed, and shows it."""
