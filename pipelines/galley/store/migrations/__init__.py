"""Alembic migrations; never edited once released."""
