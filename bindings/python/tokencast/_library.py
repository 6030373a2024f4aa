"""Loads the generated module, which loads the Rust library.

The generated code looks for the library in the folder of its own ``__file__``. A wheel carries it there; a checkout
names cargo's folder in ``TOKENCAST_LIB_DIR``, and the module is told that it lies there.
"""

import atexit
import importlib.util
import os
import sys
from pathlib import Path

_HERE = Path(__file__).parent


def _load():
    name = f"{__package__}._generated"
    spec = importlib.util.spec_from_file_location(name, _HERE / "_generated.py")
    module = importlib.util.module_from_spec(spec)
    folder = os.environ.get("TOKENCAST_LIB_DIR")
    if folder:
        module.__file__ = str(Path(folder) / "_generated.py")
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        del sys.modules[name]
        raise ImportError(
            "the library tokencast_ffi is neither beside the module nor in the folder that TOKENCAST_LIB_DIR names"
        ) from error
    return module


generated = _load()

# A thread of Rust's that calls Python while it shuts down would end the process with an abort.
atexit.register(generated.shut_down)
