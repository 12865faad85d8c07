"""Reports as pages: the same blocks as Markdown, and as HTML that needs nothing else."""

from nw2v.reports.page import Block, html_page, markdown_page

__all__ = ["Block", "html_page", "markdown_page"]
