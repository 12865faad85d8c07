"""Documentation strings of one Python source file as English sentences.

Only the standard library is used and nothing of nw2v is imported, because this file also runs
alone, as the worker process of `nw2v.corpus.docstrings`: it reads paths from standard input and
answers each with the sentences of that file.
"""

from __future__ import annotations

import ast
import gc
import os
import re
import sys
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator

# ---------------------------------------------------------------------------------------------
# Strings that document something
# ---------------------------------------------------------------------------------------------

_DOCUMENTS = re.compile(r"doc|^Appender$|^Substitution$", re.IGNORECASE)
_MAY_DOCUMENT = frozenset({ast.Expr, ast.Call, ast.Assign, ast.AnnAssign})
_CALLS_WORTH_A_LOOK = re.compile(
    rb"(?i:doc)\w*\s*\(|Appender|Substitution|\b(?:help|description|doc|epilog|short_help)\s*="
)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
# Most nodes of a tree; not visiting them halves the time of a walk.
_LEAVES = frozenset({ast.Name, ast.Constant, ast.Load, ast.Store})
_DOCUMENTING_KEYWORDS = frozenset({"help", "description", "doc", "epilog", "short_help"})


def documentation_strings(source: bytes) -> list[str]:
    """Documentation strings of a module, in the order of the file.

    Besides the docstrings of modules, classes and functions: strings that stand alone as a
    statement (they document attributes), strings given to calls whose name speaks of
    documentation (`add_newdoc`, `Doc`, `Appender`), values of variables whose name does
    (`_shared_docs["rank"]`), and the help texts of options. The module is read, never imported.

    Parameters
    ----------
    source : bytes
        The source text.

    Returns
    -------
    list of str
        Empty where the source cannot be parsed.
    """
    try:
        with warnings.catch_warnings():
            # Invalid escapes in other people's strings are no news for the reader of a corpus.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: dict[tuple[int, int], str] = {}
    nodes: list[ast.AST] = [tree]
    # Only these calls are looked for inside expressions, and most files have none of them.
    inside_expressions = _CALLS_WORTH_A_LOOK.search(source) is not None
    while nodes:
        node = nodes.pop()
        kind = type(node)
        if kind in _MAY_DOCUMENT:
            for constant in _documenting_constants(node):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    found[constant.lineno, constant.col_offset] = constant.value
        for name in kind._fields if inside_expressions else _BLOCKS:
            value = getattr(node, name, None)
            if isinstance(value, list):
                nodes += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST) and type(value) not in _LEAVES:
                nodes.append(value)
    return [found[place] for place in sorted(found)]


def _documenting_constants(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr):
        yield node.value
    elif isinstance(node, ast.Call):
        documents = _DOCUMENTS.search(_last_name(node.func))
        if documents:
            for argument in node.args:
                yield from argument.elts if isinstance(argument, ast.Tuple) else [argument]
        for keyword in node.keywords:
            if documents or keyword.arg in _DOCUMENTING_KEYWORDS:
                yield keyword.value
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(_names_documentation(target) for target in targets):
            if isinstance(node.value, ast.Dict):
                yield from node.value.values
            else:
                yield node.value


def _names_documentation(target: ast.expr) -> bool:
    name = _last_name(target)
    # `topics` is pydoc's copy of the language reference.
    return name == "topics" or _DOCUMENTS.search(name) is not None


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


# ---------------------------------------------------------------------------------------------
# From the layout of a documentation string to its paragraphs
# ---------------------------------------------------------------------------------------------

_RULE = re.compile(r"([=\-~^\"'#*+.:_`<>])\1{2,}$")
_TABLE_RULE = re.compile(r"[=\-+| :]*(?:={2}|-{2})[=\-+| :]*$")
_PROMPT = re.compile(r">>>|\.\.\. |In ?\[\d*\]:|Out ?\[\d*\]:|[$%] \S")
_FENCE = re.compile(r"```+|~~~+")
_DIRECTIVE = re.compile(r"\.\. +(?:\|[^|]+\| +)?([\w:+-]+)::(?: +(.*))?$")
_VERSION_DIRECTIVES = frozenset(
    {"deprecated", "versionadded", "versionchanged", "versionremoved", "deprecated-removed"}
)
_PROSE_DIRECTIVES = _VERSION_DIRECTIVES | {
    *("note", "warning", "tip", "important", "attention", "caution", "hint", "danger", "error"),
    *("seealso", "admonition", "topic", "legacy", "container", "describe", "glossary", "todo"),
}
_VERSION = re.compile(r"^v?\d[\w.]*[:,]?\s*")
_FIELD = re.compile(r":(\w+)((?: +[^:]+)?):(?:\s+(.*))?$")
_SILENT_FIELDS = frozenset({"type", "rtype", "vartype", "meta", "canonical", "members"})
_BULLET = re.compile(r"(?:[-*+•]|\(?(?:\d{1,2}|[a-zA-Z#]|[ivx]{1,4})[.)])\s+(?=\S)")
_NUMPY_ENTRY = re.compile(r"[\w*`'\".,/\-\[\] ]{1,60}? ?: ?(?=\S)")
_GOOGLE_ENTRY = re.compile(r"[*`]{0,4}[\w.\-]{1,40}[*`]{0,4}(?: ?\([^)]{1,80}\))? ?: +(?=\S)")
_GOOGLE_SECTION = re.compile(
    r"(args|arguments|parameters|params|keyword args|keyword arguments|returns?|yields?|raises"
    r"|attributes|examples?|notes?|references?|see also|usage|warnings?|todo):{1,2}$",
    re.IGNORECASE,
)
_ENTRY_SECTIONS = frozenset(
    {
        *("parameters", "other parameters", "returns", "return", "yields", "raises", "attributes"),
        *("args", "arguments", "keyword args", "keyword arguments", "params", "receives"),
        *("warns", "methods", "keywords", "properties", "input", "output", "inputs", "outputs"),
    }
)
_CODE = re.compile(
    r"(?:from [\w.]+ import |import \w+(?:\.\w+)*(?: as \w+)?$|(?:async )?def \w+ ?\(|class \w+[(:]"
    r"|return [\w(\[]+$|print\(|@\w[\w.]*(?:\(.*\))?$|#|//|/\*|\*/|</?\w+[^>]*>$|[{}\[\]()|&]+,?$"
    r"|(?:for|if|while|with|elif|try|except|else)\b[^.]*:$"
    r"|[\w.\[\]'\",*]+(?: ?, ?[\w.]+)* ?[-+*/|&]?= ?\S"
    r"|[\w.]+\(.*\)[;:]?$|[\w.]+\([^)]*$|[\w.]+\[.*\]$"
    r"|SELECT |INSERT |UPDATE |DELETE FROM|CREATE |ALTER |DROP |WHERE |JOIN )"
)


def paragraphs(text: str) -> Iterator[str]:
    """Running text of a documentation string, a paragraph at a time, its markup still inside.

    Knows reStructuredText, numpydoc and Google's sections, field lists and Markdown fences.
    Left out: examples with a prompt and their output, code, literal blocks, tables, directives
    that hold no prose, section titles, references.
    """
    lines = _dedented(text)
    paragraph: list[str] = []
    start = 0  # indentation of the paragraph's first line
    section = ""
    index = 0

    def flushed() -> Iterator[str]:
        if paragraph:
            yield " ".join(paragraph)
            paragraph.clear()

    while index < len(lines):
        line = lines[index].rstrip()
        content = line.lstrip()
        indentation = len(line) - len(content)
        index += 1
        if not content:
            literal = bool(paragraph) and paragraph[-1].endswith("::")
            yield from flushed()
            if literal:
                index = _after_deeper(lines, index, start)
            continue
        if _PROMPT.match(content):
            yield from flushed()
            while index < len(lines) and lines[index].strip():
                index += 1
            continue
        if fence := _FENCE.match(content):
            yield from flushed()
            index = _after_fence(lines, index, fence.group())
            continue
        if _RULE.match(content):
            yield from flushed()
            continue
        if _underlined(lines, index) and len(content.split()) <= 8:
            yield from flushed()
            section = content.rstrip(":").lower()
            index += 1
            continue
        if _TABLE_RULE.match(content):
            paragraph.clear()  # the header of a table stands above its first rule
            while index < len(lines) and lines[index].strip():
                index += 1
            continue
        if content.startswith(("|", "+-")):
            yield from flushed()
            continue
        if content.startswith(".. ") or content == "..":
            yield from flushed()
            directive = _DIRECTIVE.match(content)
            name = directive.group(1).lower() if directive else ""
            if name not in _PROSE_DIRECTIVES:
                index = _after_deeper(lines, index, indentation)
                continue
            content = (directive.group(2) or "") if directive else ""
            if name in _VERSION_DIRECTIVES:
                content = _VERSION.sub("", content)
            if content:
                paragraph, start = [content], indentation
            continue
        if title := _GOOGLE_SECTION.match(content):
            yield from flushed()
            section = title.group(1).lower()
            continue
        if section.startswith("reference"):
            continue
        if field := _FIELD.match(content):
            yield from flushed()
            described = field.group(3) or ""
            if field.group(1) in _SILENT_FIELDS:
                index = _after_deeper(lines, index, indentation)
            elif described and not (not field.group(2) and len(described.split()) < 3):
                paragraph, start = [described], indentation
            continue
        if section == "see also":
            yield from flushed()
            _, colon, described = content.partition(" : ")
            if colon or (indentation and " " in content):
                paragraph, start = [described or content], indentation
            continue
        if section in _ENTRY_SECTIONS:
            deeper = index < len(lines) and _indentation(lines[index]) > indentation
            if _NUMPY_ENTRY.match(content) and " : " in content and (deeper or not indentation):
                yield from flushed()
                yield content.replace(" : ", " ", 1)
                continue
            if entry := _GOOGLE_ENTRY.match(content):
                yield from flushed()
                paragraph, start = [content[entry.end() :]], indentation
                continue
        if bullet := _BULLET.match(content):
            yield from flushed()
            paragraph, start = [content[bullet.end() :]], indentation
            continue
        if _CODE.match(content):
            yield from flushed()
            continue
        ends = bool(paragraph) and paragraph[-1].endswith((".", ":", "!", "?"))
        if paragraph and (indentation < start or (indentation > start and ends)):
            literal = paragraph[-1].endswith("::") and indentation > start
            yield from flushed()
            if literal:
                index = _after_deeper(lines, index, start)
                continue
        if not paragraph:
            start = indentation
        paragraph.append(content)
    yield from flushed()


def _dedented(text: str) -> list[str]:
    """Lines without the indentation that all but the first share (as PEP 257 says)."""
    first, _, rest = text.expandtabs().partition("\n")
    return [first.lstrip(), *textwrap.dedent(rest).split("\n")]


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 0


def _underlined(lines: list[str], index: int) -> bool:
    """Whether the line at `index` makes a title of the one before."""
    return index < len(lines) and _RULE.match(lines[index].strip()) is not None


def _after_deeper(lines: list[str], index: int, indentation: int) -> int:
    """Index after the block of blank lines and lines indented deeper than `indentation`."""
    while index < len(lines) and (
        not lines[index].strip() or _indentation(lines[index]) > indentation
    ):
        index += 1
    return index


def _after_fence(lines: list[str], index: int, fence: str) -> int:
    for end in range(index, len(lines)):
        if lines[end].strip().startswith(fence):
            return end + 1
    return len(lines)


# ---------------------------------------------------------------------------------------------
# From paragraphs to sentences of words
# ---------------------------------------------------------------------------------------------

# Paragraphs about rights, and those of generated files, say the same thing in every file.
_BOILERPLATE = (
    *("licensed under", "hereby granted", "redistribution", "copyright", "without warrant"),
    *("all rights reserved", "warranty of any kind", "apache license", "bsd license"),
    *("mit license", "license agreement", "licence agreement", "psf license", "public license"),
    *("autogenerated", "auto-generated", "generated by", "generated from", "do not edit"),
)
# In this order: markup first, then what is no word, then spelling. A rule is tried only on text
# that holds one of its signs, since most paragraphs hold few.
_MARKUP: tuple[tuple[frozenset[str], re.Pattern[str], str], ...] = tuple(
    (frozenset(signs), re.compile(pattern), replacement)
    for signs, pattern, replacement in (
        ("`", r":(?:math|eq|cite|cite:\w+|footcite):`[^`]*`", " "),
        ("`", r":(?:ref|doc|numref|term):`[^`<]*[_/][^`<]*`", " "),  # a label, no words
        ("$", r"\$[^$\s][^$]*\$", " "),
        ("~", r"(:[\w:+-]+:`)~[\w.]*\.(?=\w)", r"\1"),  # shown as its last part
        ("`", r":[\w:+-]+:`[~!]?([^`<]*?)\s*(?:<[^`>]*>)?`", r" `\1` "),
        ("]", r"!?\[([^\]]+)\]\([^)\s]+\)", r"\1"),  # Markdown links
        ("`", r"`([^`<]+?)\s*<[^`>]+>`__?", r"\1"),
        ("`", r"(`+)[\"']?([A-Za-z_][\w.]*)(?:[\"']|\([^`]*\)|=[^`]*)?\1", r"\2"),
        ("`", r"``.+?``", " "),
        ("`", r"`([A-Za-z][\w .'\-]*)`_{0,2}", r"\1"),
        ("`", r"`[^`]*`_{0,2}", " "),
        ("]", r"\[[\w#*.-]+\]_", " "),
        ("<&", r"<[^<>\s][^<>]*>|&\w+;", " "),
        (":@.", r"\b[a-z]+://\S+|\bwww\.\S+|\b[\w.+-]+@[\w.-]+", " "),
        ("%{|", r"%\(\w+\)[a-z]|%[a-z]\b|\$?\{[^{}]*\}|\|[\w ]+\|", " "),
        ("\\", r"\\[A-Za-z]+", " "),
        ("(", r"\b([A-Za-z_][\w.]*)\([^()]*\)", r"\1"),  # f(x, y) is f
        ("=<>", r"\b(\w+) ?[=!<>]=? ?[^\s,;.]+", r"\1"),  # axis=0 is axis
        ("/\\", r"(?<!\S)~?(?:\.{0,2}/|[A-Za-z]:\\)[\w./\\-]+", " "),  # paths
        (".", r"\b[eE]\.g\.?(?!\w),?", "for example"),
        (".", r"\b[iI]\.e\.?(?!\w),?", "that is"),
        (".", r"\b(etc|cf|al|resp|approx|[Ff]igs?|[Ee]qs?|[Ss]ec|no|vol|pp|ch|[DMS]r|St)\.", r"\1"),
        ("v", r"\bvs\b\.?", "versus"),
        ("w", r"\bw\.?r\.?t\b\.?", "with respect to"),
        (".…", r"\.{2,}|…", " "),
        ("'", r"'s\b(?<!it's)(?<!that's)(?<!let's)(?<!there's)(?<!here's)(?<!what's)", ""),
    )
)
_SENTENCE_END = re.compile(r"[.!?][\"')\]*]*(?:\s+|$)")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# Words that hold English sentences together: text that is long and has none is a list or code.
_FUNCTION_WORDS = frozenset(
    {
        *("a", "an", "the", "this", "that", "these", "those", "it", "its", "they", "their", "them"),
        *("of", "to", "in", "on", "at", "by", "for", "from", "with", "without", "as", "into"),
        *("over", "under", "between", "until", "after", "before", "per", "via", "there", "because"),
        *("and", "or", "but", "if", "when", "while", "than", "then", "else", "not", "no", "also"),
        *("is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "do", "does"),
        *("did", "can", "could", "will", "would", "may", "might", "must", "should", "so", "such"),
        *("you", "your", "we", "our", "he", "she", "his", "her", "which", "who", "whose", "what"),
        *("where", "how", "all", "any", "each", "both", "only", "same", "other", "use", "used"),
        *("using", "return", "returns"),
    }
)


def sentences(text: str) -> Iterator[str]:
    """English sentences of a documentation string: lower-case words, a space between.

    Words are runs of letters, with apostrophes inside; `snake_case` and hyphenated words fall
    into their parts; numbers, single letters (but "a" and "i") and possessive endings are left
    out, as are sentences under three words or with too few words for their symbols.
    """
    for paragraph in paragraphs(unicodedata.normalize("NFKC", text)):
        lowered = paragraph.lower()
        if any(phrase in lowered for phrase in _BOILERPLATE):
            continue
        plain = paragraph.replace("’", "'").replace("‘", "'")
        present = frozenset(plain)
        for signs, pattern, replacement in _MARKUP:
            if not signs.isdisjoint(present):
                plain = pattern.sub(replacement, plain)
        for part in _SENTENCE_END.split(plain):
            if sentence := _sentence(part):
                yield sentence


def _sentence(part: str) -> str:
    words = [word for word in _WORD.findall(part.lower()) if len(word) <= 30]
    if len(words) < 3:
        return ""
    letters = sum(map(len, words))
    if letters < 0.75 * sum(map(len, part.split())) or letters < 2.5 * len(words):
        return ""
    function_words = sum(word in _FUNCTION_WORDS for word in words)
    if len(words) > 8 and function_words * 10 < len(words):
        return ""
    return " ".join(words)


def file_sentences(path: str, seen: set[str]) -> list[str]:
    """Sentences of the documentation strings in a source file; none if it cannot be read.

    Strings in `seen` are left out, and the file's own are added to it: a documentation string
    that stands in many places is read once.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (pathlib would double a worker's start)
            source = file.read()
    except OSError:
        return []
    found: list[str] = []
    for text in documentation_strings(source):
        if text not in seen:
            seen.add(text)
            found += sentences(text)
    return found


def answer_requests() -> None:
    """Read a path a line from standard input; answer with a count and so many lines."""
    gc.disable()  # a syntax tree has no cycles, and looking for them costs a quarter of the time
    seen: set[str] = set()
    for request in sys.stdin.buffer:
        found = file_sentences(os.fsdecode(request.rstrip(b"\n")), seen)
        answer = "".join(f"{line}\n" for line in [str(len(found)), *found])
        sys.stdout.buffer.write(answer.encode("utf-8"))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    answer_requests()
