"""A child of the test's process, in which there is no way back: its limits, files, namespaces."""

import json
import os
import traceback
from collections.abc import Callable
from typing import Any

import pytest

FORKS = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def in_a_child(act: Callable[[int], Any]) -> Any:
    """Return what a function returns in a child, as JSON keeps it.

    Args:
        act: called with the number of the file that the answer goes into, which has to stay open.
    """
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(write, json.dumps(act(write)).encode())
        except BaseException:
            os.write(write, json.dumps(traceback.format_exc()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        said = file.read()
    os.waitpid(child, 0)
    return json.loads(said)


def attempt(act: Callable, *arguments: Any) -> str:
    """Return "" if a call succeeds, else the type of its error."""
    try:
        act(*arguments)
    except Exception as error:
        return type(error).__name__
    return ""
