"""From a published notebook to a live version: rehearsal, gates, deployment.

Glossary
    gate      one approval that the tenant's policy asks for, frozen when the version is published
    settle    turn the end of a rehearsal into the version's next state
    deploy    make an approved version the live one, and its schedule the one in force
"""

from __future__ import annotations

from galley.review.decide import decide, withdraw
from galley.review.deploy import deploy
from galley.review.publish import publish
from galley.review.refusals import check_publish
from galley.review.rehearsal import finish_rehearsal, settle_rehearsals
from galley.review.secret_checks import secret_checks

__all__ = [
    "check_publish",
    "decide",
    "deploy",
    "finish_rehearsal",
    "publish",
    "secret_checks",
    "settle_rehearsals",
    "withdraw",
]
