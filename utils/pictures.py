"""A figure as PNG and as HTML: small, the same bytes each time, with its sentence."""

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

_CSS_DPI = 96  # an inch of a web page
# The picture brings its own white card, so it looks the same on a dark page; it shrinks to fit.
_CARD = (
    "box-sizing: border-box; max-width: 100%; height: auto; padding: 10px; "
    "background: white; border-radius: 6px"
)
_COLOURS, _GREYS = 64, 64  # in a saved picture: smooth edges at a third of the bytes
_SHORTEST_SENTENCE = 5  # words


def captioned(fig: Figure, sentence: str) -> str:
    """Return the figure with its caption as HTML, as `show` displays it, and close it.

    Raises:
        ValueError: `sentence` is not a sentence.
    """
    page = with_caption(img_tag(committed_png(fig), sentence, *page_size(fig)), sentence)
    plt.close(fig)
    return page


def img(fig: Figure, alt: str) -> str:
    """Return the figure as HTML with alternative text, for the inside of a widget, and close it.

    Raises:
        ValueError: `alt` is not a sentence.
    """
    quickly = png(fig, compress_level=1)  # it only goes to the browser on the same machine
    page = img_tag(base64.b64encode(quickly).decode(), alt, *page_size(fig))
    plt.close(fig)
    return page


def png(fig: Figure, compress_level: int = 6) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes.

    Args:
        fig: the figure.
        compress_level: from 0, quick and large, to 9.
    """
    drawn = io.BytesIO()
    options = {"compress_level": compress_level}
    fig.savefig(drawn, format="png", metadata={"Software": None}, pil_kwargs=options)
    return drawn.getvalue()


def check_sentence(sentence: str) -> None:
    words = len(sentence.split())
    if not (sentence[:1].isupper() and sentence.endswith(".") and words >= _SHORTEST_SENTENCE):
        raise ValueError(
            "the caption of a figure must be a full sentence that begins with a capital letter, "
            f"ends in '.' and has {_SHORTEST_SENTENCE} words or more, not {sentence!r}"
        )


def img_tag(data: str, alt: str, width: int, height: int) -> str:
    check_sentence(alt)
    return (
        f'<img alt="{html.escape(alt)}" width="{width}" height="{height}" style="{_CARD}" '
        f'src="data:image/png;base64,{data}">'
    )


def with_caption(picture: str, sentence: str) -> str:
    caption = html.escape(sentence, quote=False)
    return (
        f'<figure style="margin: 0.5em 0">{picture}'
        f'<figcaption style="margin-top: 0.3em">{caption}</figcaption></figure>'
    )


def committed_png(fig: Figure) -> str:
    """Return a figure as PNG in base64, of few colours: for outputs, where bytes count."""
    quickly = png(fig, compress_level=0)  # it is compressed once it has fewer colours
    return base64.b64encode(fewer_colours(quickly)).decode()


def fewer_colours(data: bytes) -> bytes:
    """Return a PNG with a palette of greys that stay grey and the best of the other colours."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))  # (height, width, 3)
    levels = np.rint(np.arange(256) * (_GREYS - 1) / 255).astype(np.uint8)  # (256,)
    indices = levels[pixels[..., 0]]  # (height, width)
    ramp = np.rint(np.arange(_GREYS) * 255 / (_GREYS - 1)).astype(np.uint8)
    palette = np.repeat(ramp, 3).tolist()
    coloured = (pixels != pixels[..., :1]).any(axis=-1)  # (height, width)
    if coloured.any():
        row = Image.fromarray(pixels[coloured][np.newaxis])
        few = row.quantize(_COLOURS, dither=Image.Dither.NONE)
        indices[coloured] = np.asarray(few).ravel() + _GREYS
        palette += few.getpalette() or []
    image = Image.fromarray(indices)
    image.putpalette(palette)
    small = io.BytesIO()
    image.save(small, format="PNG", optimize=True)
    return small.getvalue()


def page_size(fig: Figure) -> tuple[int, int]:
    """Return width and height in the pixels of a web page."""
    width, height = fig.get_size_inches()
    return round(width * _CSS_DPI), round(height * _CSS_DPI)
