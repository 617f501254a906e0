"""Start the observer in a Python process that belongs to a run, then step aside.

The observer puts this directory first on `PYTHONPATH`, so that every Python of the
run imports this file at its start. It makes `mlv` importable, loads the audit hook, takes
the directory off `sys.path`, and imports the `sitecustomize` that Python would have found
without it: the program sees its own module, or none.

This file must be understood by any Python that the run may start, 2.7 included; so it
has no annotations. Only Python 3.8 and newer are observed.
"""

# ruff: noqa: ANN001, ANN202, BLE001, S110
# `sitecustomize` is found by its name, not as a part of a package.

import atexit
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: F401 - in comments

_HERE = os.path.dirname(os.path.abspath(__file__))
_PARTS = os.path.dirname(_HERE)
_TOO_OLD = sys.version_info < (3, 8)


def _load(name):
    # type: (str) -> Any
    # A plain import would need mlv on the path of the program, perhaps another version.
    from _frozen_importlib_external import SourceFileLoader

    module = type(sys)("_mlv_" + name)
    loader = SourceFileLoader(module.__name__, os.path.join(_PARTS, name + ".py"))
    code = loader.get_code(module.__name__)  # type: Any
    exec(code, module.__dict__)  # noqa: S102
    return module


def _watch():
    # type: () -> None
    live = os.path.join(os.environ["MLV_RUN_DIR"], "observed")
    log = _load("observed_log").ObservedLog(live)
    naming = _load("observed_places")
    places = naming.Places(os.environ["MLV_RUN_ROOT"], live, naming.own_prefixes())
    processes = _load("observed_processes").Processes(log, places.escape, _HERE)
    code = _load("observed_code").ExecutedCode(log, places)

    def describe():
        # type: () -> Any
        return _load("frameworks").describe(places.escape)

    processes.note_beginning()
    handlers = dict(processes.handlers, **code.handlers)
    _load("audit_hook").install(log, places, handlers)
    # The first to register is the last to be called.
    atexit.register(lambda: processes.note_end(describe, ran=code.ran))


sys.path[:] = [entry for entry in sys.path if entry != _HERE]

# Whatever is wrong with the observer, the program must run as if it were not there.
if not _TOO_OLD and os.environ.get("MLV_RUN_DIR"):
    # Whatever the program wants for its own modules: to compile ours takes 10 ms each time.
    _before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        _load("client_finder").install(os.path.dirname(os.path.dirname(_PARTS)))
        if os.environ.get("MLV_RUN_OBSERVE") == "1":
            _watch()
    except Exception:
        pass
    sys.dont_write_bytecode = _before

sys.modules.pop("sitecustomize", None)
# Raises as it would without us: `site` passes over the error that names this module,
# and reports every other one that the user's own file raises.
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
