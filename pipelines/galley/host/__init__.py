"""The worker host: pulls leased work and owns what executes it.

Glossary
    lease     the right to execute one attempt, renewed by heartbeats
    runner    the process that executes one attempt (:mod:`galley.run`)
    spare     a runner that has its imports ready and waits for a job
"""
