"""The typed HTTP client of the service: used by the command line, the lab bridge and the widgets.

    client = Client("http://127.0.0.1:8000", token)
    run = client.start_run("oncology", "breast-cancer", {"folds": 5})
    for text in client.follow_log(run.id):
        print(text, end="")

It knows the domain and the errors and nothing else of Galley. Every method raises the
:class:`~galley.errors.PublicError` that the service answered with.
"""

from galley.client.client import Client
from galley.client.credentials import Credentials, find_credentials, save_credentials
from galley.client.modules import collect_modules

__all__ = ["Client", "Credentials", "collect_modules", "find_credentials", "save_credentials"]
