"""A version as a plain Ploomber project: built, packed, described; it runs without Galley."""
