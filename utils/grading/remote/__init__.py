"""What crosses between judge and student process, and the proxies that the judge has of objects.

`codec` has the format of messages, and `connection` asks and answers with them. In the judge,
`judge_connection` is its end; `proxy` and `special_methods` stand for the student's objects,
`student_errors` for their exceptions; `judge_classes` says what these are instances of, and
`judge_limits` what does not work there. `operators` lists the special methods for both sides.

A test may patch builtins (`builtins.len = ...`), and what stands between it and the student's code
must go on with the right ones. So each module whose functions run while a test's patches are in
force has a copy of its own, which all functions below this line use:

    globals()["__builtins__"] = dict(vars(builtins))

These are most modules here, and in `judge` those that a test's code calls on its way to the student
process, or that put its patches in force. The others do without: `judge.judge`, `names` and
`verdict` run before a test cell or after `Effects.end`, and `random_state` within
`Effects.judging`, where all patches are lifted.
"""
