"""The service: REST, pages, live events, the internal API of worker hosts and the MLflow proxy.

Glossary
    caller    who asks, by which kind of credential, and what they may do in which tenant
    context   the collaborators that the composition root hands to every handler
    loop      background work that never dies silently: due schedules, lost leases, hosts, mirror
"""

PREFIX = "/services/galley"
API = f"{PREFIX}/api/v1"
INTERNAL = f"{PREFIX}/internal/v1"
MLFLOW_PREFIX = "/services/mlflow"
