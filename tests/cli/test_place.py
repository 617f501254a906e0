"""Paths are shown relative to where the person stands."""

from __future__ import annotations

from mlv.cli.render.place import quote_path, show_path
from tests.support.repository import Repository


def test_paths_are_relative_to_the_current_directory(repo: Repository) -> None:
    repo.write("src/a.txt", "one\n")
    repo.shell("echo 1 > src/a.txt; echo 2 > b.txt", outputs=["src/a.txt", "b.txt"])
    repo.write("src/a.txt", "edited\n")

    shown = repo.mlv("diff", "last", directory="src").stdout
    planned = repo.mlv("rollback", "last", "--dry-run", directory="src").stdout

    rows = [line.split() for line in shown.splitlines()]
    assert [row[0] for row in rows if row[1:2] == ["output"]] == ["a.txt"]
    assert planned.split("\n")[0].startswith("replace a.txt")
    assert "../b.txt" in repo.mlv("show", "last", directory="src").stdout
    assert "src/a.txt" in repo.mlv("show", "last").stdout


def test_url_stays_as_it_is() -> None:
    url = "http://127.0.0.1:8000/a//b.csv"
    assert (show_path(url), quote_path(url)) == (url, url)
