"""What crosses between judge and student process, and the proxies that the judge has of objects.

`codec` has the format of messages, and `connection` asks and answers with them. In the judge,
`judge_connection` is its end; `proxy` and `special_methods` stand for the student's objects,
`student_errors` for their exceptions; `judge_classes` says what these are instances of, and
`judge_limits` what does not work there. `operators` lists the special methods for both sides.
"""
