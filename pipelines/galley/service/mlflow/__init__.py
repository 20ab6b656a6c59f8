"""The authenticating proxy in front of MLflow: a workspace per tenant, routes by allow-list."""
