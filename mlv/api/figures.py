"""Figures as files: of Matplotlib and what is built on it, Plotly, Altair and Pillow."""

from __future__ import annotations

import io

from mlv.api.attachments import safe_name
from mlv.api.values import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DRAWN = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")
_PHOTOS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tiff")
_FORMATS = {".jpg": "jpeg", ".tif": "tiff"}


def draw_figure(name: Any, figure: Any) -> tuple[str, bytes]:
    """Return the name and the bytes of a figure.

    Raises:
        TypeError: It is none.
        Exception: Whatever the library that draws it raises.
    """
    if isinstance(figure, str) and not isinstance(name, str):
        name, figure = figure, name  # as MLflow orders them
    if hasattr(figure, "savefig"):
        return _save(name, figure.savefig, _DRAWN)
    if hasattr(getattr(figure, "figure", None), "savefig"):  # axes
        return _save(name, figure.figure.savefig, _DRAWN)
    if hasattr(figure, "to_html") and hasattr(figure, "to_json"):
        return _write_page(name, figure)
    if hasattr(figure, "save") and hasattr(figure, "getbands"):
        return _save(name, figure.save, _PHOTOS)
    message = f"{describe(figure)} is no figure"
    raise TypeError(message)


def _save(name: Any, save: Any, suffixes: tuple[str, ...]) -> tuple[str, bytes]:
    safe = safe_name(name, ".png", *suffixes)
    suffix = safe[safe.rindex(".") :].lower()
    buffer = io.BytesIO()
    save(buffer, format=_FORMATS.get(suffix, suffix[1:]))
    return safe, buffer.getvalue()


def _write_page(name: Any, figure: Any) -> tuple[str, bytes]:
    safe = safe_name(name, ".html", ".json")
    if safe.endswith(".json"):
        return safe, figure.to_json().encode()
    if type(figure).__module__.startswith("plotly"):
        # The library is megabytes long, and the same for every figure.
        return safe, figure.to_html(include_plotlyjs="cdn").encode()
    return safe, figure.to_html().encode()
