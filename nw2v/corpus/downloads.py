"""Files fetched from the web with a known checksum, and the corpora made of them."""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

from nw2v.errors import InputError

Progress = Callable[[int, int], None]

# Part of the key of these corpora: raise it when the text made of the same file changes.
READER_VERSION = 1

_CHUNK = 1 << 20
_CONNECTION_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Source:
    """A file on the web that holds a corpus.

    Attributes
    ----------
    file_name : str
        Its name in the cache.
    url : str
        Its address.
    known_hash : str
        "algorithm:hexadecimal digest" of the file.
    member : str
        What is read of an archive: a member's name, or for .tar.gz a pattern with wildcards.
    """

    file_name: str
    url: str
    known_hash: str
    member: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A corpus that is downloaded.

    Attributes
    ----------
    description : str
        What it is, in a few words.
    sources : tuple of Source
        Places that hold the same text; the next is tried where one cannot be reached.
    layout : {"words", "tokens"}
        "words": the text is written as it is; "tokens": it is tokenised text with capitals and
        punctuation, which is split into sentences of lower-case words.
    most_bytes : int
        More text than this is an error: a guard against archives made to fill the disk.
    """

    description: str
    sources: tuple[Source, ...]
    layout: str
    most_bytes: int


DOWNLOADS: dict[str, Download] = {
    # http://mattmahoney.net/dc/textdata.html; no HTTPS there, hence the checksum and the mirror
    # (that of gensim's downloader).
    "text8": Download(
        "the first 100 MB of cleaned English Wikipedia text (2006), 17 million words, one line",
        (
            Source(
                "text8.zip",
                "http://mattmahoney.net/dc/text8.zip",
                "sha256:a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
                "text8",
            ),
            Source(
                "text8.gz",
                "https://github.com/piskvorky/gensim-data/releases/download/text8/text8.gz",
                "md5:68799af40b6bda07dfa47a32612e5364",
            ),
        ),
        "words",
        110_000_000,
    ),
    # Merity et al. 2016, "Pointer sentinel mixture models" (arXiv:1609.07843); at its author's.
    "wikitext-2": Download(
        "WikiText-2 raw: good and featured articles of English Wikipedia, 2 million words",
        (
            Source(
                "wikitext-2-raw-v1.zip",
                "https://wikitext.smerity.com/wikitext-2-raw-v1.zip",
                "sha256:ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11",
                "wikitext-2-raw/wiki.train.raw",
            ),
        ),
        "tokens",
        20_000_000,
    ),
    "wikitext-103": Download(
        "WikiText-103 raw: good and featured articles of English Wikipedia, 100 million words",
        (
            Source(
                "wikitext-103-raw-v1.zip",
                "https://wikitext.smerity.com/wikitext-103-raw-v1.zip",
                "sha256:91c00ae287f0d699e18605c84afc9e45c192bc6b7797ff8837e5474655a33794",
                "wikitext-103-raw/wiki.train.raw",
            ),
        ),
        "tokens",
        700_000_000,
    ),
    # Chelba et al. 2013, arXiv:1312.3005.
    "lm1b": Download(
        "One Billion Word Benchmark: sentences of English news, 0.8 billion words, 1.8 GB to fetch",
        (
            Source(
                "1-billion-word-language-modeling-benchmark-r13output.tar.gz",
                "http://www.statmt.org/lm-benchmark/"
                "1-billion-word-language-modeling-benchmark-r13output.tar.gz",
                "sha256:01ba60381110baf7f189dfd2b8374de371e8c9a340835793f190bdae9e90a34e",
                "*/training-monolingual.tokenized.shuffled/news.en-*-of-*",
            ),
        ),
        "tokens",
        6_000_000_000,
    ),
}


class _Unreachable(InputError):
    """The file could not be had, but another place may have it."""


def fetch(name_of_file: str, url: str, known_hash: str, cache_dir: Path, description: str) -> Path:
    """Give the path of a file from the web, downloaded once, with a progress bar, and checked.

    Parameters
    ----------
    name_of_file : str
        Its name in `cache_dir/downloads`.
    url : str
        Where it is.
    known_hash : str
        "algorithm:hexadecimal digest", for example "sha256:...". A file that is there already is
        taken if it has it, wherever it came from.
    cache_dir : Path
        nw2v's cache folder; made if need be.
    description : str
        What it is, for error messages ("corpus text8").

    Raises
    ------
    InputError
        If it cannot be reached, is not the file expected, or cannot be written: one line with
        the address and what to do.
    """
    import pooch
    import requests

    from nw2v import __version__

    folder = Path(cache_dir) / "downloads"
    target = folder / name_of_file
    by_hand = f"download it by hand to {target}"
    downloader = pooch.HTTPDownloader(
        progressbar=True,
        chunk_size=_CHUNK // 16,
        timeout=_CONNECTION_SECONDS,
        # Some hosts turn away clients that do not name themselves.
        headers={"User-Agent": f"nw2v/{__version__}"},
    )
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # the bar says it all
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = not target.exists()
        pooch.retrieve(url, known_hash, name_of_file, folder, downloader=downloader)
        if new:
            target.chmod(0o644)  # pooch leaves it its owner's alone; a cache may be shared
    except requests.exceptions.RequestException as error:
        if error.response is not None:
            error.response.close()  # pooch leaves the connection open
        raise _Unreachable(
            f"{description}: cannot download {url} ({_reason(error)}); {by_hand}"
        ) from error
    except OSError as error:
        raise InputError(f"{description}: cannot write {folder}: {_reason(error)}") from error
    except ValueError as error:
        raise _Unreachable(
            f"{description}: what {url} sent is not the file expected (its checksum is not "
            f"{known_hash}); try again, or {by_hand}"
        ) from error
    finally:
        logger.setLevel(level)
    return target


def _reason(error: BaseException) -> str:
    """Say in a few words why a request or a file operation failed."""
    import requests

    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}".strip()
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refuses"
    if isinstance(error, requests.exceptions.SSLError):
        return "no trusted connection"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def key(name: str) -> str:
    """Key of a downloaded corpus: what its file holds and how it is read."""
    download = DOWNLOADS[name]
    content = f"{READER_VERSION} {download.layout} {download.sources[0].known_hash}"
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def write(name: str, file: IO[bytes], cache_dir: Path, progress: Progress | None = None) -> None:
    """Fetch the corpus `name` and write its text.

    Raises
    ------
    InputError
        If no source can be reached, or its file is not an archive that holds the text.
    """
    download = DOWNLOADS[name]
    failures: list[str] = []
    for source in download.sources:
        try:
            path = fetch(
                source.file_name, source.url, source.known_hash, cache_dir, f"corpus {name}"
            )
        except _Unreachable as error:
            failures.append(str(error))
            continue
        chunks = _chunks(path, source.member, download.most_bytes, progress)
        with closing(chunks):
            if download.layout == "words":
                for chunk in chunks:
                    file.write(chunk)
            else:
                for sentence in token_sentences(_lines(chunks)):
                    file.write(f"{sentence}\n".encode())
        return
    raise InputError(f"{failures[0]}, or use corpus=file corpus.path=FILE with a text of your own")


def _chunks(
    path: Path, member: str, most_bytes: int, progress: Progress | None
) -> Generator[bytes, None, None]:
    """Text of a file in pieces: of .gz what it holds, of an archive the member asked for."""
    read = 0
    try:
        for stream, size in _streams(path, member):
            while chunk := stream.read(_CHUNK):
                read += len(chunk)
                if read > most_bytes:
                    raise InputError(
                        f"{path} holds more than the {most_bytes:,} bytes of text expected; "
                        "delete it and download it again"
                    )
                yield chunk
                if progress is not None:
                    progress(read, max(size, read))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, gzip.BadGzipFile, KeyError) as error:
        raise InputError(
            f"{path} is damaged or is not the archive expected "
            f"({' '.join(str(error).split())}); delete it and download it again"
        ) from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if not read:
        raise InputError(f"{path} holds no {member or 'text'}; delete it and download it again")


def _streams(path: Path, member: str) -> Iterator[tuple[IO[bytes] | gzip.GzipFile, int]]:
    """Open what is to be read of a file, with its size in bytes (0 where that is not known)."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            yield stream, archive.getinfo(member).file_size
    elif path.name.endswith(".tar.gz"):
        # Read from front to back and never unpacked: names in it cannot lead anywhere.
        with tarfile.open(path, "r|gz") as archive_stream:
            for entry in archive_stream:
                if entry.isfile() and fnmatchcase(entry.name, member):
                    extracted = archive_stream.extractfile(entry)
                    if extracted is not None:
                        yield extracted, 0
    else:
        with gzip.open(path) as unzipped:
            yield unzipped, 0


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode("utf-8", "replace")
    yield rest.decode("utf-8", "replace")


_JOINED = re.compile(r" (?=n't\b)| (?='(?:s|t|re|ve|ll|d|m)\b)| @-@ ")
_SENTENCE_END = re.compile(r"(?<= )[.!?;](?= |$)")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


def token_sentences(lines: Iterable[str]) -> Iterator[str]:
    """Sentences of lower-case words from tokenised text, punctuation apart (" do n't . ").

    Headings of WikiText (" = Name = ") and sentences under three words are left out; clitics
    rejoin their word ("don't"), hyphenated words and numbers do not count as words.
    """
    for line in lines:
        if line.startswith(" = "):
            continue
        text = line.lower().replace("’", "'").replace(" @-@ ", "-")
        for part in _SENTENCE_END.split(_JOINED.sub("", text)):
            words = _WORD.findall(part)
            if len(words) >= 3:
                yield " ".join(words)
