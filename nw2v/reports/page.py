"""One content, two forms: blocks of text, tables and pictures as Markdown and as HTML.

A block is a kind and its content:

========== =========================================================================
title      text: the page's heading
heading    text: a section's heading
text       text: a paragraph
list       a sequence of texts
code       text: a command, shown as it is
table      a sequence of rows of texts, the first one the header
pictures   the titles of the pictures that stand here; None: all of them
own        a pair of texts: the block as Markdown, and as HTML
========== =========================================================================
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

Block = tuple[str, Any]
Row = Sequence[str]
_Picture = TypeVar("_Picture")


def markdown_page(blocks: Iterable[Block], pictures: Mapping[str, str] | None = None) -> str:
    """Write blocks as Markdown.

    Parameters
    ----------
    blocks : iterable of (str, content)
    pictures : mapping of str to str, optional
        Titles and the files they are in.
    """
    parts = []
    for kind, content in blocks:
        if kind == "heading":
            parts.append(f"## {content}")
        elif kind == "title":
            parts.append(f"# {content}")
        elif kind == "code":
            parts.append(f"```\n{content}\n```")
        elif kind == "list":
            parts.append("\n".join(f"- {item}" for item in content))
        elif kind == "table":
            header, *rows = ([_cell(cell) for cell in row] for row in content)
            lines = ["| " + " | ".join(header) + " |"]
            lines.append("| --- |" + " ---: |" * (len(header) - 1))
            lines += ["| " + " | ".join(row) + " |" for row in rows]
            parts.append("\n".join(lines))
        elif kind == "pictures":
            chosen = _chosen(pictures, content)
            parts += [f"![{title}]({file})" for title, file in chosen.items()]
        elif kind == "own":
            parts.append(content[0])
        else:
            parts.append(content)
    return "\n\n".join(parts) + "\n"


def html_page(
    title: str, blocks: Iterable[Block], pictures: Mapping[str, bytes] | None = None
) -> str:
    """Write blocks as one HTML page with its pictures inside.

    Parameters
    ----------
    title : str
        What a browser calls the page.
    blocks : iterable of (str, content)
    pictures : mapping of str to bytes, optional
        Titles and PNG files.
    """
    parts = []
    for kind, content in blocks:
        if kind in ("title", "heading"):
            tag = "h1" if kind == "title" else "h2"
            parts.append(f"<{tag}>{html.escape(content)}</{tag}>")
        elif kind == "code":
            parts.append(f"<pre>{html.escape(content)}</pre>")
        elif kind == "list":
            items = "".join(f"<li>{html.escape(item)}</li>" for item in content)
            parts.append(f"<ul>{items}</ul>")
        elif kind == "table":
            header, *rows = content
            parts.append(
                "<table><thead>" + _html_row(header, "th") + "</thead><tbody>"
                + "".join(_html_row(row, "td") for row in rows) + "</tbody></table>"
            )  # fmt: skip
        elif kind == "pictures":
            chosen = _chosen(pictures, content)
            parts += [_html_picture(name, png) for name, png in chosen.items()]
        elif kind == "own":
            parts.append(content[1])
        else:
            parts.append(f"<p>{html.escape(content)}</p>")
    return _PAGE.format(title=html.escape(title), body="\n".join(parts))


def _chosen(
    pictures: Mapping[str, _Picture] | None, titles: Iterable[str] | None
) -> Mapping[str, _Picture]:
    there = pictures or {}
    return there if titles is None else {name: there[name] for name in titles if name in there}


def _cell(text: str) -> str:
    """Return a text as it can stand in a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _html_row(cells: Row, tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _html_picture(title: str, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(title)}" src="data:image/png;base64,{data}">'


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1F2937; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; }}
table {{ border-collapse: collapse; font-size: 0.85rem; display: block; overflow-x: auto; }}
th, td {{ padding: 0.3rem 0.6rem; border-bottom: 1px solid #E5E7EB; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
img {{ max-width: 100%; }}
.scores td {{ white-space: nowrap; vertical-align: top; }}
.scores td:first-child {{ white-space: normal; min-width: 9rem; }}
.best {{ font-weight: 700; background: #D1FAE5; }}
.alike {{ background: #ECFDF5; }}
.legend {{ font-size: 0.85rem; color: #6B7280; }}
pre {{ background: #F3F4F6; padding: 0.8rem; overflow-x: auto; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
