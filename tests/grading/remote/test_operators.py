"""Which special methods a class has of its own."""

import pytest

from utils.grading.remote import operators


class Vector:
    __hash__ = None

    def __add__(self, other): ...

    def __eq__(self, other): ...

    def __init_subclass__(cls): ...


class Hashed(Vector):
    __add__ = None  # a class takes back what its base has

    def __hash__(self): ...


@pytest.mark.parametrize(
    ("kind", "special"),
    [
        (object, ()),
        (Vector, ("__add__", "__eq__")),
        (Hashed, ("__eq__", "__hash__")),
        (type(iter([])), ("__iter__", "__next__")),
    ],
)
def test_special_methods_are_those_that_object_has_not_given(kind, special):
    assert operators.defined(kind) == special


def test_no_method_is_listed_twice_and_each_is_one_of_pythons():
    assert len(set(operators.ALL)) == len(operators.ALL)
    assert {"__add__", "__radd__", "__iadd__"} <= set(operators.ARITHMETIC)
    assert not {"__getattribute__", "__reduce__", "__class__", "__del__"} & set(operators.ALL)
