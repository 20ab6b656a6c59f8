"""What `galley up` starts and keeps running: proxy, hub, service and MLflow as one process tree.

    foreground   the process people start; it only passes signals on and cleans up
    supervisor   its one child: makes the state directory, starts and restarts the children
    children     proxy, hub, service, mlflow; worker hosts and single-user servers are theirs

Foreground and supervisor are both *subreapers*: an orphan below them becomes their child. Whichever
of the two dies, even by SIGKILL, the other one ends every process that is left.
"""
