"""The limits of a submission and the configuration of its sandbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The resources that a submission may use.

    Attributes:
        call_seconds: wall time of one call from a test, halved after each timeout of the same
            function, but not below one second.
        cell_seconds: wall time of one of the student's cells.
        call_cpu_seconds, cell_cpu_seconds: their processor time. This limit is met before the wall
            time, and does not pass while other processes use the processors.
        submission_seconds: wall time of the whole submission; the last third is for its tests.
        memory: bytes of one process, and of all together.
        processes: processes and threads at once.
        files: number of files that it may make.
        file_bytes: bytes of each file, and of all together.
        output_bytes: bytes kept of a cell's output, half from its start and half from its end.
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
    """The configuration of a submission's processes.

    Attributes:
        limits: the resources that they may use.
        sandbox: "namespaces", "landlock" or "none".
        folder: its files, except notebooks, links and hidden ones, appear read-only in the working
            folder of the student process.
        figures: which of the course's figures are drawn, see `system.FIGURES`.
        course_folder: like `folder`, for the judge: only the course's own files.
        modules: names of the modules among the course's own files.
    """

    limits: Limits
    sandbox: str
    folder: str = ""
    figures: str = "graded"
    course_folder: str = ""
    modules: tuple[str, ...] = ()
