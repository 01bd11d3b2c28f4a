"""How a test's patch is named and set: the same in both processes."""

import math
import types
from collections import OrderedDict

import numpy as np
import pytest

from utils.grading.remote.patches import address_of, found_at, set_name


@pytest.mark.parametrize(
    ("owner", "address"),
    [
        (math, "math"),
        (np.linalg, "numpy.linalg"),
        (OrderedDict, "collections:OrderedDict"),
        (types.SimpleNamespace, "types:SimpleNamespace"),
    ],
)
def test_an_address_leads_back_to_its_owner(owner, address):
    assert address_of(owner) == address
    assert found_at(address) is owner


@pytest.mark.parametrize(
    ("address", "error"),
    [("no_such_module", ImportError), ("math:cosine", AttributeError), ("", ValueError)],
)
def test_an_address_of_nothing_is_refused(address, error):
    with pytest.raises(error):
        found_at(address)


def test_a_name_is_set_and_deleted_and_one_that_is_not_there_stays_away():
    owner = types.ModuleType("owner")
    set_name(owner, "name", None)
    assert owner.name is None
    set_name(owner, "name")
    set_name(owner, "name")
    assert "name" not in vars(owner)
