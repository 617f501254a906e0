"""Do one operation with Oxen, which has no command of its own. Runs in Oxen's own environment."""

import sys

from oxen import Repo  # type: ignore[import-not-found]
from oxen.user import config_user  # type: ignore[import-not-found]


def _track(repo: Repo, version: str) -> None:
    repo.add("data")
    try:
        repo.commit(version)
    except ValueError as error:
        if "no changes" not in str(error).lower():
            raise
    repo.checkout(version, create=True)
    repo.checkout("main")


if __name__ == "__main__":
    operation, *versions = sys.argv[1:]
    here = Repo(".")
    if operation == "init":
        config_user("Benchmark", "benchmark@example.com")
        here.init()
    elif operation == "track":
        _track(here, versions[0])
    elif operation == "switch":
        here.checkout(versions[0])
    elif operation == "restore":
        here.restore("data")
    else:
        print(here.status())
