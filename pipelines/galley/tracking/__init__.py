"""Experiment tracking: MLflow, its server and what is written to it."""
