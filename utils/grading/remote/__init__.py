"""The connection between judge and student process: its format, both its ends, and the proxies.

Both processes use `connection`, which asks and answers, `codec`, the format of messages,
`operators`, which lists what one may ask of an object, `patches`, which names what a test changes,
and `random_state`.

The judge's end is `judge_connection`; there `proxy` and `special_methods` stand for the student's
objects, `student_errors` for their exceptions, `judge_classes` says what these are instances of,
and `judge_limits` what does not work. The student process's end is `student_connection`;
`student_objects` has its proxies of the judge's objects, and says what the judge may know of its
own. Who uses the ends is in the package `judge`.

A test may patch builtins (`builtins.len = ...`), and what stands between it and the student's code
must go on with the right ones. So each module whose functions run while a test's patches are in
force has a copy of its own, which all functions below this line use:

    globals()["__builtins__"] = dict(vars(builtins))

These are most modules here, and in `judge` those that a test's code calls on its way to the student
process, or that put its patches in force. The others do without: `judge.judge`, `names` and
`verdict` run before a test cell or after `Effects.end`, and `random_state` within
`Effects.judging`, where all patches are lifted.
"""
