"""What a submission may use, and what its sandbox is to be like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        call_seconds: wall time of one call from a test; what has not answered once is given half
            of it the next time, and so on, but at least a second.
        cell_seconds: wall time of one of the student's cells.
        call_cpu_seconds, cell_cpu_seconds: processor time of the same. It decides sooner than the
            wall time, and does not pass while others keep the processors busy.
        submission_seconds: wall time of the whole submission; the last third is for its tests.
        memory: bytes of one process, and of all together.
        processes: processes and threads at once.
        files: how many files it may make.
        file_bytes: what they may hold, each and together.
        output_bytes: kept of a cell's output, half of it from the start and half from the end.
    """

    call_seconds: float = 10
    cell_seconds: float = 30
    call_cpu_seconds: float = 10
    cell_cpu_seconds: float = 30
    submission_seconds: float = 120
    memory: int = 1 << 30
    processes: int = 16
    files: int = 1000
    file_bytes: int = 64 << 20
    output_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) not in (int, float) or not value > 0:
                raise ValueError(f"limit {name} is {value!r}; it must be a number above 0")


@dataclass(frozen=True)
class SandboxConfig:
    """What a student process is to be like.

    Attributes:
        limits: what it may use.
        sandbox: "namespaces", "landlock" or "none".
        folder: whose files it finds in its working folder, read-only; notebooks and links excepted.
        figures: which of the course's figures are drawn, see `system.FIGURES`.
        course_folder: as `folder`, for the judge: the course's own files, and none of a student's.
        modules: names of the modules among the course's own files.
    """

    limits: Limits
    sandbox: str
    folder: str = ""
    figures: str = "graded"
    course_folder: str = ""
    modules: tuple[str, ...] = ()
