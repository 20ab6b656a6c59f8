"""The proof that a split gives what the unsplit notebook gives."""
