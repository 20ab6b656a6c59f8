"""A tenant's Dask cluster: where it comes from, behind one interface.

Dask executes what it is sent, so every cluster demands TLS with certificates of a CA that only
the tenant's files hold, and answers nothing over plain HTTP.
"""
