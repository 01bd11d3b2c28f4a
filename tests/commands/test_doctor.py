"""`doctor`: whether all that the course needs is here, and what to do where it is not."""

import pytest

from utils.commands import doctor


def test_it_finds_a_damaged_data_folder(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "nothing here"))
    assert doctor.main([]) == 1
    printed = capsys.readouterr().out
    assert "nothing here" in printed
    assert "NO" in printed


@pytest.mark.parametrize(
    ("mounts", "hidden"),
    [
        ("proc /proc proc rw,nosuid,hidepid=invisible 0 0\n", True),
        ("/dev/sda / ext4 rw 0 0\nproc /proc proc rw,hidepid=2 0 0\n", True),
        ("proc /proc proc rw,hidepid=2 0 0\nproc /proc proc rw 0 0\n", False),
        ("proc /proc proc rw,relatime 0 0\nproc /elsewhere proc rw,hidepid=2 0 0\n", False),
        ("", False),
    ],
)
def test_it_says_whether_landlock_alone_hides_the_number_of_processes(mounts, hidden):
    good, _, said = doctor.other_processes(mounts)
    assert good == hidden
    assert "hidepid=2" in said  # how it is, or what to do


def test_it_is_content_with_this_machine(monkeypatch, capsys):
    monkeypatch.setenv("MNIST_DIR", "digits")
    status = doctor.main([])
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert "numpy" in printed
    assert "gives digits" in printed


@pytest.mark.parametrize("amiss", [0, 1])
@pytest.mark.parametrize("sandboxes", [[], ["namespaces"]])
def test_the_last_line_says_whether_mnist_is_here(amiss, sandboxes):
    def last(mnist: bool) -> str:
        return doctor.conclusion(amiss, sandboxes, mnist).splitlines()[-1]

    assert last(True) == "MNIST is present."
    assert last(False).startswith("MNIST is not here: ")
