"""Pure vocabulary of the platform: tenants, versions, reviews, schedules, runs.

Nothing here does input or output. The models are also the wire format: the service sends them
and :mod:`galley.client` receives them.
"""
