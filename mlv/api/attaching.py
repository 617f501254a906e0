"""Keep figures, tables and texts with a run."""

from __future__ import annotations

from mlv.api.guard import never_raises

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Attaching:
    """What an active run can keep beside its metrics; none of it raises into the training."""

    @property
    def directory(self) -> str | None:
        """Where what is logged goes; None when it goes nowhere."""
        raise NotImplementedError

    @never_raises
    def log_figure(self, name: str, figure: Any) -> None:
        """Keep a figure of Matplotlib, Plotly or Pillow as an attachment.

        Args:
            name: What to call it; `plots/loss` is the figure `loss` in the directory `plots`. A
                suffix such as `.png`, `.svg` or `.pdf` decides the format.
            figure: The figure, axes or image.
        """
        from mlv.api.figures import draw_figure

        self._attach(draw_figure, name, figure)

    @never_raises
    def log_table(self, name: str, data: Any, columns: Any = None) -> None:
        """Keep a table as an attachment, as CSV.

        Args:
            name: What to call it; the suffix `.tsv` separates cells by tabs.
            data: Rows, each a sequence or a mapping; or columns by name; or a data frame.
            columns: The names of the columns, where `data` does not hold them.
        """
        from mlv.api.tables import format_table

        self._attach(lambda name, data: format_table(name, data, columns), name, data)

    @never_raises
    def log_text(self, name: str, text: str) -> None:
        """Keep a text as an attachment."""
        from mlv.api.attachments import format_text

        self._attach(format_text, name, text)

    @never_raises
    def log_dict(self, name: str, mapping: Any) -> None:
        """Keep a mapping as an attachment, as JSON."""
        from mlv.api.attachments import format_dict

        self._attach(format_dict, name, mapping)

    def _attach(
        self, make: Callable[[Any, Any], tuple[str, bytes]], name: Any, content: Any
    ) -> None:
        if self.directory is not None:
            from mlv.api.attachments import write_attachment

            file_name, data = make(name, content)
            write_attachment(self.directory, file_name, data)
