"""The locked environment of a version: resolved, installed once, found again by its digest."""
