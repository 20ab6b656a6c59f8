"""What enters a tenant's kernel: only the standard library, ipykernel and nbformat.

Each module is one file that works by itself, so that it can be read by path or copied into a
project where galley is not installed.
"""
