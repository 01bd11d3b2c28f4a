"""Names that both sides know: the special methods that proxies forward, and other attributes."""

COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")
_ARITHMETIC = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow", "lshift",
    "rshift", "and", "xor", "or",
)  # fmt: skip
ARITHMETIC = tuple(f"__{how}{name}__" for name in _ARITHMETIC for how in ("", "r", "i"))
# Operators and conversions of a single object: those of numbers, and those of any object.
NUMERIC = (
    "__neg__", "__pos__", "__abs__", "__invert__", "__round__", "__trunc__", "__floor__",
    "__ceil__", "__int__", "__float__", "__complex__", "__index__",
)  # fmt: skip
CONVERSIONS = (
    "__bool__", "__hash__", "__repr__", "__str__", "__format__", "__bytes__", "__reversed__",
)  # fmt: skip
ACCESS = (
    "__call__", "__len__", "__getitem__", "__setitem__", "__delitem__", "__contains__", "__iter__",
    "__next__", "__enter__", "__exit__",
)  # fmt: skip
# Attributes of a test's functions that the student's code may read, as `functools.wraps` does.
OF_FUNCTIONS = ("__name__", "__qualname__", "__doc__")
# Functions of `inspect` that run in the process that has the object.
INSPECTED = (
    "getsource", "getsourcelines", "getdoc", "isgeneratorfunction", "iscoroutinefunction",
    "isasyncgenfunction", "isabstract", "isdatadescriptor", "ismethoddescriptor",
)  # fmt: skip
LIBRARY_FUNCTION = "library function"  # type name of a function defined in a module
ALL = (*ACCESS, *COMPARISONS, *ARITHMETIC, *NUMERIC, *CONVERSIONS)
_ALL = frozenset(ALL)


def defined(kind: type) -> tuple[str, ...]:
    """Return a class's special methods, sorted, without those inherited from `object`."""
    found: dict[str, bool] = {}
    for base in reversed(kind.__mro__[:-1]):
        names = vars(base)
        for name in _ALL & names.keys():
            found[name] = names[name] is not None
    return tuple(sorted(name for name in found if found[name]))
