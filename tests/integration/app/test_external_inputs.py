"""Inputs outside the repository: other directories, and URLs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mlv.app.reproduce.preflight import check_run
from mlv.core.digest import digest_of
from mlv.core.run import Input, Run
from mlv.errors import UnreadableFileError
from tests.support.repository import Repository
from tests.support.stored_objects import read_all


class _Server(ThreadingHTTPServer):
    """Serves one file, and counts how often it was asked."""

    content = b"first"
    etag: str | None = '"1"'
    announced: int | None = None
    later: bytes | None = None
    methods: list[str]
    logins: list[str | None]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.methods = []
        self.logins = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/train.csv"


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # type: ignore[mutable-override]  # what every handler does

    def do_GET(self) -> None:
        self._answer()
        self.wfile.write(self.server.content)
        if self.server.later is not None:
            self.server.content, self.server.etag = self.server.later, '"2"'

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server.methods.append(self.command)
        self.server.logins.append(self.headers["Authorization"])
        if self.path.startswith("/none"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(self.server.announced or len(self.server.content)))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    place.mkdir()
    (place / "a.csv").write_text("kept outside")
    return place


def test_url_is_an_input_by_its_digest(repo: Repository, server: _Server) -> None:
    run = repo.shell("true", urls=(server.url,))

    found = _only(run)
    assert (found.path, found.source, found.stored) == (server.url, "declared", False)
    assert found.fingerprint is not None
    assert found.fingerprint.digest == digest_of(b"first")
    assert run.problems == ()
    assert server.methods == ["GET", "HEAD"]


def test_url_is_stored_on_request(repo: Repository, server: _Server) -> None:
    run = repo.shell("true", urls=(server.url,), store_external=True)

    assert _only(run).stored
    assert any(data == b"first" for data in read_all(repo.root / ".mlv"))


def test_url_without_etag_is_read_again(repo: Repository, server: _Server) -> None:
    server.etag = None
    run = repo.shell("true", urls=(server.url,))

    assert not _only(run).changed
    assert server.methods == ["GET", "HEAD", "GET"]


def test_url_that_changes_is_flagged(repo: Repository, server: _Server) -> None:
    server.later = b"second"
    run = repo.shell("true", urls=(server.url,))

    after = _only(run).after
    assert after is not None
    assert after.digest == digest_of(b"second")
    assert run.problems[0].startswith(f"input {server.url} changed (while the command ran): ")


def test_credentials_of_a_url_are_used_and_not_recorded(repo: Repository, server: _Server) -> None:
    url = server.url.replace("http://", "http://me:hunter2@") + "?sig=hunter3"
    run = repo.shell("true", urls=(url,))

    assert server.logins == ["Basic bWU6aHVudGVyMg==", "Basic bWU6aHVudGVyMg=="]
    assert _only(run).path == server.url.replace("http://", "http://***@") + "?sig=***"
    assert run.problems == ()
    assert not any(b"hunter" in data for data in read_all(repo.root / ".mlv"))


def test_url_that_cannot_be_read_stops_the_run(repo: Repository, server: _Server) -> None:
    url = server.url.replace("http://", "http://me:hunter2@").replace("/train.csv", "/none")
    with pytest.raises(UnreadableFileError) as error:
        repo.shell("true", urls=(url,))

    assert "404" in error.value.message
    assert "hunter2" not in error.value.message
    assert repo.runs() == ()


def test_url_of_which_a_part_came_stops_the_run(repo: Repository, server: _Server) -> None:
    server.announced = 100
    with pytest.raises(UnreadableFileError, match="only 5 of 100 bytes came"):
        repo.shell("true", urls=(server.url,))


def test_url_of_another_file_system_is_read(repo: Repository, outside: Path) -> None:
    run = repo.shell("true", urls=(f"file://{outside}/a.csv",))

    fingerprint = _only(run).fingerprint
    assert fingerprint is not None
    assert fingerprint.digest == digest_of(b"kept outside")


def test_url_of_an_unknown_kind_says_so(repo: Repository) -> None:
    with pytest.raises(UnreadableFileError, match="'nosuch://x/y' cannot be read: "):
        repo.shell("true", urls=("nosuch://x/y",))


def test_plan_of_a_reproduction_names_a_url_that_differs(repo: Repository, server: _Server) -> None:
    run = repo.shell("true", urls=(server.url,))
    server.content = b"other"

    (blocker,) = check_run(repo.open(), run).blockers
    assert (blocker.code, blocker.message) == (
        "data.hash_mismatch",
        f"input {server.url} outside the repository is not what it was",
    )


def test_plan_of_a_reproduction_names_credentials_that_are_missing(
    repo: Repository, server: _Server
) -> None:
    run = repo.shell("true", urls=(server.url.replace("http://", "http://me:hunter2@"),))

    assert [each.code for each in check_run(repo.open(), run).blockers] == ["secret.missing"]


def test_file_outside_that_was_read_is_an_input(repo: Repository, outside: Path) -> None:
    run = repo.run(sys.executable, "-c", f"open({str(outside / 'a.csv')!r}).read()")

    found = _only(run)
    assert (found.path, found.source, found.stored) == (str(outside / "a.csv"), "observed", False)
    assert not any(data == b"kept outside" for data in read_all(repo.root / ".mlv"))


def test_file_outside_is_stored_on_request(repo: Repository, outside: Path) -> None:
    run = repo.run(
        sys.executable, "-c", f"open({str(outside / 'a.csv')!r}).read()", store_external=True
    )

    assert _only(run).stored
    assert any(data == b"kept outside" for data in read_all(repo.root / ".mlv"))


def test_many_files_outside_are_one_input_that_can_be_checked(
    repo: Repository, outside: Path
) -> None:
    for number in range(70):
        (outside / f"{number}.png").write_text(str(number))
    code = f"import glob; [open(n).read() for n in glob.glob({str(outside / '*.png')!r})]"
    first = repo.run(sys.executable, "-c", code)
    second = repo.run(sys.executable, "-c", code)
    before = check_run(repo.open(), second).blockers
    (outside / "7.png").write_text("edited")

    assert _only(first).partial
    assert second.inputs == first.inputs
    assert before == ()
    assert [each.code for each in check_run(repo.open(), second).blockers] == ["data.hash_mismatch"]


def test_declared_directory_outside_that_was_read_is_both(repo: Repository, outside: Path) -> None:
    code = f"open({str(outside / 'a.csv')!r}).read()"
    run = repo.run(sys.executable, "-c", code, inputs=[str(outside)])

    assert [(each.path, each.source) for each in run.inputs] == [(str(outside), "both")]


def test_reproduction_leaves_what_lies_outside_as_it_is(repo: Repository, outside: Path) -> None:
    code = f"open('copy', 'w').write(open({str(outside / 'a.csv')!r}).read())"
    repo.run(sys.executable, "-c", code)
    done = repo.mlv("reproduce", "last")

    assert (done.code, (outside / "a.csv").read_text()) == (0, "kept outside")


def _only(run: Run) -> Input:
    (found,) = run.inputs
    return found
