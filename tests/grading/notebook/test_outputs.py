"""What a cell shows: kept up to a limit while it runs, and cleaned when a submission reports it."""

import json

import pytest

from utils.grading.notebook.outputs import NoInput, Outputs, Stream, as_utf8, clean_outputs


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def display(data, **more):
    return {"output_type": "display_data", "data": data, "metadata": {}} | more


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ([], []),
        (["abcd"], ["abcd"]),
        (["ab", "cdef", "gh"], ["abcdefgh"]),
        (["0123456789"], ["0123\n[... 2 bytes of output are left out ...]\n6789"]),
    ],
)
def test_of_much_text_head_and_tail_are_kept(texts, shown):
    outputs = Outputs(8)
    for text in texts:
        outputs.write("stdout", text)
    assert outputs.take() == [stream(text) for text in shown]
    assert outputs.take() == []


def test_the_oldest_pieces_of_the_tail_go_first():
    outputs = Outputs(8)
    for name, text in (("stdout", "0123"), ("stderr", "45"), ("stdout", "67"), ("stderr", "89")):
        outputs.write(name, text)
    lost = "\n[... 2 bytes of output are left out ...]\n"
    assert outputs.take() == [stream(f"0123{lost}67"), stream("89", "stderr")]


def test_a_long_piece_after_short_ones_keeps_its_end():
    outputs = Outputs(10_000)
    for text in ("h" * 5_000, "a" * 100, "b" * 6_000):
        outputs.write("stdout", text)
    lost = "\n[... 1,100 bytes of output are left out ...]\n"
    assert outputs.take() == [stream("h" * 5_000 + lost + "b" * 5_000)]


def test_streams_are_told_apart_and_take_text_only():
    outputs = Outputs(100)
    out, err = Stream("stdout", outputs), Stream("stderr", outputs)
    assert (out.write("a"), err.write("bc"), err.write("d"), out.write("")) == (1, 2, 1, 0)
    assert outputs.take() == [stream("a"), stream("bcd", "stderr")]
    assert (out.writable(), out.isatty(), out.name) == (True, False, "<stdout>")
    with pytest.raises(TypeError, match="write\\(\\) needs a str, not bytes"):
        out.write(b"a")
    assert NoInput().read() == ""


def test_displays_are_updated_cleared_and_left_out_if_too_large():
    outputs = Outputs(200)
    outputs.add(display({"text/plain": "1"}, transient="a"))
    outputs.update("a", {"text/plain": "2"}, {"x": 1})
    outputs.update("b", {"text/plain": "3"}, {})
    outputs.add(display({"image/png": "x" * 200}))
    assert outputs.take() == [
        display({"text/plain": "2"}) | {"metadata": {"x": 1}},
        stream("[an output of 274 bytes is left out: image/png]\n"),
    ]
    outputs.write("stdout", "a")
    outputs.clear(wait=True)
    assert outputs.clear_next
    outputs.write("stdout", "b")
    assert outputs.take() == [stream("b")]
    outputs.write("stdout", "c")
    outputs.clear(wait=False)
    assert outputs.take() == []


ERROR = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["a"]}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([stream("a"), stream("b", "stdin"), stream(3), None], [stream("a")]),
        ([ERROR | {"traceback": ["a", 3], "more": 1}], [ERROR]),
        ([ERROR | {"traceback": None}], []),
        (
            [display({"text/plain": "a", "image/svg+xml": "<svg>", "text/html": 3, "x": "y"})],
            [display({"text/plain": "a"})],
        ),
        (
            [{"output_type": "execute_result", "data": {}}],
            [display({}) | {"output_type": "execute_result", "execution_count": None}],
        ),
        ([stream("a" * 30)], [stream("a" * 20)]),  # twice the limit
        ([stream("a" * 19), ERROR, stream("b")], [stream("a" * 19), stream("b")]),
        ([stream("\ud800")], [stream("?")]),
        ({"output_type": "stream"}, []),
    ],
)
def test_reported_outputs_are_those_of_a_notebook(given, kept):
    assert clean_outputs(json.dumps(given), 10) == kept


@pytest.mark.parametrize("text", ["", "{", "[" * 9000, "[" + " " * 10_200 + "]"])
def test_reported_outputs_that_cannot_be_read_are_none(text):
    assert clean_outputs(text, 10) == []


def test_half_of_a_character_is_replaced():
    assert as_utf8("é\udc80") == "é?"
