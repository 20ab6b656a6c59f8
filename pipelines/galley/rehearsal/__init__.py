"""What a rehearsal is, beside a run: the notebook runs clean, and a split of it is proved.

It goes through the same host, runner and engine (:mod:`galley.run`), with its author's rights and
without a cluster. ``python -m galley.rehearsal`` is its runner process.
"""
