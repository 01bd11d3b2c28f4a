"""The connection between judge and student process: its format, both its ends, and the proxies.

Both processes use `connection`, which asks and answers, `codec`, the format of messages,
`operators`, which lists the special methods that may be used, `patches`, which names what a test
changes, and `random_state`.

The judge's end is `judge_connection`; there `proxy` and `special_methods` represent the student's
objects and `student_errors` their exceptions, `judge_classes` decides which classes these are
instances of, and `judge_limits` reports what does not work. The student process's end is
`student_connection`; `student_objects` has its proxies of the judge's objects, and describes the
student's own objects to the judge. The package `judge` uses both ends.

A test may patch builtins (`builtins.len = ...`), but the code between it and the student's code
needs the original ones. So each module whose functions run while a test's patches are in force
has its own copy, which all functions below this line use:

    globals()["__builtins__"] = dict(vars(builtins))

Most modules here have this line, and so do those in `judge` that a test's code calls on its way to
the student process, or that apply its patches. The others do not need it: `judge.judge`, `names`
and `verdict` run before a test cell or after `Effects.end`, and `random_state` within
`Effects.judging`, where all patches are lifted.
"""
