"""What a rehearsal is, beside a run.

It goes through the same host, runner and engine (:mod:`galley.run`), with its author's rights and
without a cluster. What is its own is the evidence that reviewers see.
"""

from galley.rehearsal.evidence import evidence_of

__all__ = ["evidence_of"]
