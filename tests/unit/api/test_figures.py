from __future__ import annotations

from typing import Any

import pytest

from mlv.api.figures import draw_figure


@pytest.fixture
def matplotlib() -> Any:  # noqa: ANN401 - it publishes no types here
    found = pytest.importorskip("matplotlib", reason="Matplotlib is not installed")
    found.use("agg")
    return found


@pytest.mark.parametrize(
    ("name", "file_name", "head"),
    [
        ("loss", "loss.png", b"\x89PNG"),
        ("plots/loss.svg", "plots/loss.svg", b"<?xml"),
        ("loss.pdf", "loss.pdf", b"%PDF"),
    ],
)
def test_figure_of_matplotlib_is_drawn(
    matplotlib: object, name: str, file_name: str, head: bytes
) -> None:
    from matplotlib.figure import Figure  # type: ignore[import-not-found]

    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([1, 2])
    for given in (figure, axes):
        found, data = draw_figure(name, given)
        assert (found, data[: len(head)]) == (file_name, head)
    assert draw_figure(figure, name)[0] == file_name


def test_figure_of_plotly_is_a_page() -> None:
    graphs = pytest.importorskip("plotly.graph_objects", reason="Plotly is not installed")
    figure = graphs.Figure(graphs.Scatter(y=[1, 2]))
    name, page = draw_figure("loss", figure)
    assert (name, b"plotly" in page, len(page) < 100_000) == ("loss.html", True, True)
    assert draw_figure("loss.json", figure)[1].startswith(b"{")


def test_image_of_pillow_is_saved() -> None:
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = images.new("RGB", (2, 2))
    assert draw_figure("x", image)[1][:4] == b"\x89PNG"
    assert draw_figure("x.jpg", image)[1][:2] == b"\xff\xd8"


def test_what_is_no_figure_is_refused() -> None:
    with pytest.raises(TypeError, match="5 is no figure"):
        draw_figure("x", 5)
