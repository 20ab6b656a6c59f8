"""Executing one attempt: a Ploomber DAG whose tasks are papermill-equal notebook runs.

Glossary
    job       what the host hands to one runner process: the project, the limits, where to report
    task      one notebook of the DAG, executed in a kernel of its own
    compute   where tasks are executed: the tenant's Dask cluster, or the runner's own process
    journal   the files through which the runner tells the host how far it is
"""
