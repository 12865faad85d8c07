import base64

from nw2v.reports import html_page, markdown_page

BLOCKS = [
    ("title", "A <title>"),
    ("text", "Some text & more."),
    ("code", "nw2v train -m a=1,2 > x"),
    ("list", ["first", "<second>"]),
    ("table", [["name", "value"], ["a|b", "1"], ["two\nlines", "2"]]),
    ("pictures", ["Two", "none of this name"]),
    ("heading", "The rest"),
    ("pictures", None),
]


def test_markdown():
    text = markdown_page(BLOCKS, {"One": "one.png", "Two": "two.png"})
    assert text == (
        "# A <title>\n\nSome text & more.\n\n```\nnw2v train -m a=1,2 > x\n```\n\n"
        "- first\n- <second>\n\n"
        "| name | value |\n| --- | ---: |\n| a\\|b | 1 |\n| two lines | 2 |\n\n"
        "![Two](two.png)\n\n## The rest\n\n![One](one.png)\n\n![Two](two.png)\n"
    )


def test_a_page_needs_nothing_else_and_runs_nothing():
    page = html_page("A <title>", BLOCKS, {"One": b"png 1", "Two": b"png 2"})
    assert "<title>A &lt;title&gt;</title>" in page and "<h1>A &lt;title&gt;</h1>" in page
    assert "<ul><li>first</li><li>&lt;second&gt;</li></ul>" in page
    assert "<tr><td>a|b</td><td>1</td></tr>" in page
    data = [base64.b64encode(png).decode() for png in (b"png 1", b"png 2")]
    assert [page.count(f'src="data:image/png;base64,{png}"') for png in data] == [1, 2]
    assert "http" not in page and "<script" not in page
    assert page.index("<h2>The rest</h2>") > page.index("<table>")


def test_pictures_that_were_not_drawn_are_left_out():
    assert "![" not in markdown_page(BLOCKS)
    assert "<img" not in html_page("x", BLOCKS)
