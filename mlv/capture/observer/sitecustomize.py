"""Start the observer in a Python process that belongs to a run, then step aside.

The observer puts this directory first on `PYTHONPATH`, so that every Python of the
run imports this file at its start. It loads the audit hook beside its directory,
takes the directory off `sys.path`, and imports the `sitecustomize` that Python would
have found without it: the program sees its own module, or none.

This file must be understood by any Python that the run may start, 2.7 included; so it
has no annotations and no functions. Only Python 3.8 and newer are observed.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if entry != _HERE]

if sys.version_info >= (3, 8) and os.environ.get("MLV_RUN_OBSERVE") == "1":
    try:
        from importlib.machinery import SourceFileLoader

        _loader = SourceFileLoader(
            "_mlv_audit_hook", os.path.join(os.path.dirname(_HERE), "audit_hook.py")
        )
        _module = type(sys)("_mlv_audit_hook")
        # A plain import would need mlv on the path of the program.
        exec(_loader.get_code("_mlv_audit_hook"), _module.__dict__)  # type: ignore[arg-type]  # noqa: S102
        _module.install(os.environ["MLV_RUN_DIR"], os.environ["MLV_RUN_ROOT"])
    except Exception:  # noqa: BLE001, S110
        # Whatever is wrong with the observer, the program must run as if it were not there.
        pass

sys.modules.pop("sitecustomize", None)
# Raises as it would without us: `site` passes over the error that names this module,
# and reports every other one that the user's own file raises.
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
