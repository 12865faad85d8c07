"""Downloads, against a server on this machine: right and wrong files, no server, odd archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nw2v.corpus import downloads
from nw2v.corpus.downloads import DOWNLOADS, Download, Source, fetch, token_sentences
from nw2v.errors import InputError

TEXT = b" anarchism originated as a term of abuse first used against early"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(**members: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


class Server:
    """Serves a folder and remembers what was asked for, and by whom."""

    def __init__(self, folder):
        self.folder = folder
        self.requests: list[tuple[str, str]] = []
        asked = self.requests

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *arguments):
                asked.append((self.path, self.headers["User-Agent"]))

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.http.daemon_threads = False  # closing the server waits for its answers
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def put(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return f"{self.address}/{name}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder)
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


@pytest.fixture
def nobody():
    """An address where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_file_is_fetched_once(server, tmp_path, capfd):
    url = server.put("a.txt", b"content")
    for _ in range(2):
        path = fetch("b.txt", url, sha256(b"content"), tmp_path / "cache", "corpus a")
        assert path == tmp_path / "cache" / "downloads" / "b.txt"
        assert path.read_bytes() == b"content"
    (request,) = server.requests
    assert request[0] == "/a.txt"
    assert request[1].startswith("nw2v/")
    assert "Downloading" not in capfd.readouterr().err


def test_a_file_put_there_by_hand_is_taken(tmp_path, nobody):
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"content")
    path = fetch("a.txt", f"{nobody}/a.txt", sha256(b"content"), tmp_path, "corpus a")
    assert path.read_bytes() == b"content"


def test_a_file_with_the_wrong_content_is_fetched_again(server, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"half of the con")
    url = server.put("a.txt", b"content")
    assert fetch("a.txt", url, sha256(b"content"), tmp_path, "a").read_bytes() == b"content"


def error_of(*arguments) -> str:
    with pytest.raises(InputError) as raised:
        fetch(*arguments)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_errors_say_what_where_and_what_to_do(server, tmp_path, nobody):
    url = server.put("a.txt", b"content")
    by_hand = f"download it by hand to {tmp_path / 'downloads' / 'a.txt'}"

    message = error_of("a.txt", url, sha256(b"other"), tmp_path, "corpus a")
    assert message.startswith(f"corpus a: what {url} sent is not the file expected")
    assert message.endswith(by_hand)
    assert not list((tmp_path / "downloads").iterdir())

    message = error_of("a.txt", f"{nobody}/a.txt", sha256(b"x"), tmp_path, "corpus a")
    assert message == f"corpus a: cannot download {nobody}/a.txt (no connection); {by_hand}"

    message = error_of("a.txt", f"{url}.absent", sha256(b"x"), tmp_path, "corpus a")
    assert "the server answers 404" in message

    (tmp_path / "a_file").write_text("")
    message = error_of("a.txt", url, sha256(b"content"), tmp_path / "a_file", "corpus a")
    assert message.startswith(f"corpus a: cannot write {tmp_path / 'a_file' / 'downloads'}")


def make(monkeypatch, layout, *sources, most_bytes=1000):
    monkeypatch.setitem(DOWNLOADS, "fake", Download("a fake", sources, layout, most_bytes))


def written(tmp_path, progress=None) -> bytes:
    file = io.BytesIO()
    downloads.write("fake", file, tmp_path, progress)
    return file.getvalue()


def test_a_member_of_a_zip_is_written_as_it_is(server, tmp_path, monkeypatch):
    content = zipped(**{"text8": TEXT, "../evil": b"evil"})
    url = server.put("t.zip", content)
    make(monkeypatch, "words", Source("t.zip", url, sha256(content), "text8"))
    calls = []
    assert written(tmp_path, lambda *call: calls.append(call)) == TEXT
    assert calls == [(len(TEXT), len(TEXT))]
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == ["t.zip"]


def test_the_mirror_is_tried(server, tmp_path, monkeypatch, nobody):
    content = gzip.compress(TEXT)
    url = server.put("t.gz", content)
    make(
        monkeypatch,
        "words",
        Source("t.zip", f"{nobody}/t.zip", "sha256:00", "text8"),
        Source("t.gz", url, f"md5:{hashlib.md5(content).hexdigest()}"),
    )
    assert written(tmp_path) == TEXT


def test_without_a_network_one_line_says_what_to_do(tmp_path, monkeypatch, nobody):
    make(
        monkeypatch,
        "words",
        Source("t.zip", f"{nobody}/t.zip", "sha256:00", "text8"),
        Source("u.gz", f"{nobody}/u.gz", "sha256:00"),
    )
    with pytest.raises(InputError) as raised:
        written(tmp_path)
    assert str(raised.value) == (
        f"corpus fake: cannot download {nobody}/t.zip (no connection); download it by hand to "
        f"{tmp_path / 'downloads' / 't.zip'}, or use corpus=file corpus.path=FILE with a text of "
        "your own"
    )


TOKENS = """
 = Valkyria Chronicles III = \n
 Senjō no Valkyria 3 is a role @-@ playing game . Released in 2011 , it 's " good " ; it does n't
 end here , don 't you think ? Yes .
"""


def test_tokens_become_sentences(server, tmp_path, monkeypatch):
    content = zipped(**{"w/wiki.train.raw": TOKENS.encode()})
    url = server.put("w.zip", content)
    make(monkeypatch, "tokens", Source("w.zip", url, sha256(content), "w/wiki.train.raw"))
    monkeypatch.setattr(downloads, "_CHUNK", 16)  # lines and letters cut by chunks come together
    assert written(tmp_path).decode().splitlines() == [
        "senjō no valkyria is a role playing game",
        "released in it's good",
        "end here don't you think",
    ]


def test_members_of_a_tar_that_match_are_read_in_turn(server, tmp_path, monkeypatch):
    content = tarred(
        **{
            "x/train/news-1": b"The first sentence of it .\n",
            "x/heldout/news-1": b"The held out sentence .\n",
            "/x/train/news-2": b"The second of them .\nA third one too .",
        }
    )
    url = server.put("x.tar.gz", content)
    make(monkeypatch, "tokens", Source("x.tar.gz", url, sha256(content), "*x/train/news-*"))
    assert written(tmp_path).decode().splitlines() == [
        "the first sentence of it",
        "the second of them",
        "a third one too",
    ]


@pytest.mark.parametrize(
    ("name", "content", "member", "expected"),
    [
        ("a.zip", zipped(text8=b"x" * 2000), "text8", "more than the 1,000 bytes"),
        ("a.zip", zipped(other=TEXT), "text8", "There is no item named 'text8'"),
        ("a.zip", zipped(text8=b""), "text8", "holds no text8"),
        ("a.zip", b"no archive", "text8", "File is not a zip file"),
        ("a.gz", b"no archive", "", "is damaged or is not"),
        ("a.gz", gzip.compress(TEXT)[:-20], "", "is damaged or is not"),
        ("a.gz", gzip.compress(b"x" * 2000), "", "more than the 1,000 bytes"),
        ("a.tar.gz", tarred(other=TEXT), "text*", r"holds no text\*"),
        ("a.tar.gz", tarred(text8=b"x" * 2000), "text*", "more than the 1,000 bytes"),
        ("a.tar.gz", b"no archive", "text*", "is damaged or is not"),
    ],
    ids=range(10),  # by themselves they would hold the archives, which have a time in them
)
def test_archives_that_are_not_as_expected(
    server, tmp_path, monkeypatch, name, content, member, expected
):
    url = server.put(name, content)
    make(monkeypatch, "words", Source(name, url, sha256(content), member))
    with pytest.raises(InputError, match=expected) as raised:
        written(tmp_path)
    assert str(tmp_path / "downloads" / name) in str(raised.value)
    assert "delete it and download it again" in str(raised.value)


def test_token_sentences_of_nothing():
    assert list(token_sentences([])) == []
    assert list(token_sentences(["", " = Heading = ", " . ; ! ", "two words ."])) == []


def test_the_key_follows_the_file(monkeypatch):
    make(monkeypatch, "words", Source("a", "u", "sha256:1"))
    keys = {downloads.key("fake")}
    make(monkeypatch, "words", Source("a", "elsewhere", "sha256:1"))
    assert downloads.key("fake") in keys
    make(monkeypatch, "words", Source("a", "u", "sha256:2"))
    keys.add(downloads.key("fake"))
    make(monkeypatch, "tokens", Source("a", "u", "sha256:2"))
    keys.add(downloads.key("fake"))
    assert len(keys) == 3


@pytest.mark.parametrize("name", list(DOWNLOADS))
def test_the_registry_is_well_formed(name):
    download = DOWNLOADS[name]
    assert download.description
    assert download.layout in {"words", "tokens"}
    for source in download.sources:
        algorithm, digest = source.known_hash.split(":")
        assert len(digest) == 2 * hashlib.new(algorithm).digest_size
        assert int(digest, 16)
        assert source.url.startswith(("http://", "https://"))
        assert source.file_name.endswith((".zip", ".gz"))
        assert "/" not in source.file_name
