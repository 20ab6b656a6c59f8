"""The whole story, in a real browser against the whole platform."""
