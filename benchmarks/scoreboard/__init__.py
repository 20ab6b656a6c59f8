"""Parts of the conversion benchmark; each says what it is for."""
