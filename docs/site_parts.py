"""What the documentation site needs beyond Sphinx: links, formulas, names, theorems, and a check.

A page is written once and read in two places: in the repository, where links lead to files, and on
the site, where they lead to pages. A built page asks no other host for anything.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from enum import Enum, EnumType
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.ext.autodoc.importer import import_object
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import stringify_signature
from sphinx.util.nodes import make_refnode

from strongltn.theorems import Theorem, cover_theorems, network_theorems

DOCS = Path(__file__).parent.resolve()
_CODE_OR_BAR = re.compile(r"(`+[^`]+`+|>>>.*|\.\. math::[\s\S]*?(?=\n\s*\n|\Z))|\|")
_STANDS_FOR = re.compile(r"\[[^]]*\]\((\.\./[^)]+)\)\s*")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything with Sphinx."""
    app.connect("source-read", read_page)
    app.connect("autodoc-process-signature", annotations_as_written)
    app.connect("autodoc-process-docstring", plain_sentences, priority=100)  # before napoleon
    app.connect("autodoc-process-bases", public_bases)
    app.connect("autodoc-skip-member", keep_choices)
    app.connect("missing-reference", link_or_plain)
    app.connect("build-finished", ask_no_other_host)
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    app.add_post_transform(LinkNames)
    app.add_directive("theorems", EveryTheorem)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# --- pages and links ---------------------------------------------------------------------------


def read_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Let a page that is one link show what is linked, and turn links to files into pages."""
    page = DOCS / f"{name}.md"
    if not page.exists():
        return
    shown = _shown_by(page)
    if shown != page:
        app.env.note_dependency(shown)
        source[0] = shown.read_text(encoding="utf-8")
    pages = {_shown_by(other): other for other in DOCS.glob("*.md")}
    pages[DOCS.parent / "README.md"] = DOCS / "index.md"

    def rewritten(link: re.Match[str]) -> str:
        target = (shown.parent / link[1]).resolve()
        return f"]({os.path.relpath(pages.get(target, target), DOCS)}{link[2] or ''})"

    source[0] = re.sub(r"\]\((?!https:|#)([^)#\s]+)(#[^)\s]*)?\)", rewritten, source[0])


def _shown_by(page: Path) -> Path:
    """Return the file whose text a page shows: the one it links to and nothing else, or itself."""
    only_a_link = _STANDS_FOR.fullmatch(page.read_text(encoding="utf-8"))
    return (page.parent / only_a_link[1]).resolve() if only_a_link else page


# --- docstrings --------------------------------------------------------------------------------


def annotations_as_written(
    _app: Sphinx, what: str, _name: str, obj: Any, _options: Any, shown: str | None, _to: str | None
) -> tuple[str, str] | None:
    """Return a signature with the names of types that stand in the source, not what they mean."""
    if what not in ("function", "method", "class", "exception") or not shown:
        return None
    if isinstance(obj, EnumType):
        return "", ""
    try:
        signature = inspect.signature(obj)
    except (TypeError, ValueError):
        return None
    first, *others = (*signature.parameters.values(), None)
    if first is not None and first.name in ("self", "cls"):
        signature = signature.replace(parameters=[one for one in others if one is not None])
    result = signature.return_annotation
    plain = signature.replace(return_annotation=inspect.Signature.empty)
    return stringify_signature(plain), result if isinstance(result, str) else ""


def plain_sentences(
    _app: Sphinx, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Let ``|x|`` be an absolute value, and what stands before a colon be no type.

    Docstrings have no substitutions. Those of properties may begin with "Whether: ...".
    """
    text = _CODE_OR_BAR.sub(lambda found: found[1] or r"\|", "\n".join(lines))
    lines[:] = text.split("\n")
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]


def public_bases(_app: Sphinx, _name: str, _obj: Any, _options: Any, bases: list[Any]) -> None:
    """Show no private class as a base, but what it is made of."""
    while any(getattr(base, "__name__", "").startswith("_") for base in bases):
        bases[:] = [
            one
            for base in bases
            for one in (base.__bases__ if base.__name__.startswith("_") else (base,))
        ]


def keep_choices(
    _app: Sphinx, _what: str, name: str, obj: Any, _skip: bool, _options: Any
) -> bool | None:
    """Show every choice of an enumeration, those without a sentence of their own too."""
    return False if isinstance(obj, Enum) and obj.name == name else None


# --- names -------------------------------------------------------------------------------------


class LinkNames(SphinxPostTransform):
    """Make a link of each public name in code type, such as `TargetNetwork.from_module`."""

    default_priority = 200

    def run(self, **_kwargs: Any) -> None:
        """Replace every such name of a page."""
        for literal in list(self.document.findall(nodes.literal)):
            if not isinstance(literal.parent, nodes.reference):
                name = re.sub(r"\(.*\)$", "", literal.astext())
                link = _link(self.app.builder, name, self.env.docname, literal.deepcopy())
                if link is not None:
                    literal.replace_self(link)


def link_or_plain(
    app: Sphinx, _env: BuildEnvironment, node: Any, content: nodes.Element
) -> nodes.Node | None:
    """Link a name by its end, or leave it plain: parameters and types stand in code type as well.

    A full name of ours must exist.
    """
    if node.get("refdomain") != "py":
        return None
    name = node["reftarget"].removesuffix("()")
    link = _link(app.builder, name, node["refdoc"], content)
    return link or (content if _exists(name) else None)


def _link(builder: Builder, name: str, page: str, content: nodes.Element) -> nodes.reference | None:
    """Return a link to what is documented under a name, if that is one thing."""
    short = name.removeprefix("strongltn.")
    places = {
        (entry.docname, entry.node_id)
        for full, entry in builder.env.domains.python_domain.objects.items()
        if full == name
        or (full.endswith(f".{short}") and not entry.aliased and _is_telling(short, entry.objtype))
    }
    places |= {
        (citation.bibliography_key.docname, citation.citation_id)
        for citation in builder.env.get_domain("cite").citations  # type: ignore[attr-defined]
        if citation.key == name
    }
    if len(places) != 1:
        return None
    return make_refnode(builder, page, *places.pop(), content, name)


def _is_telling(name: str, kind: str) -> bool:
    """Whether a name means one thing wherever it stands, and is no parameter or command."""
    if "." in name:
        return True
    return kind in ("function", "class", "exception", "data") and bool(re.search("[A-Z_]", name))


def _exists(name: str) -> bool:
    if not name.startswith("strongltn."):
        return True
    module, rest = name, []
    while module:
        try:
            import_object(module, rest)
        except ImportError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
        else:
            return True
    return False


# --- formulas ----------------------------------------------------------------------------------


def inline_math(translator: Any, node: nodes.math) -> None:
    """Write a formula as MathML, which every browser draws without a script."""
    translator.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def display_math(translator: Any, node: nodes.math_block) -> None:
    """Write a formula that stands alone; a phone scrolls it."""
    translator.body.append(f'<div class="formula">{_mathml(node, as_block=True)}</div>')
    raise nodes.SkipNode


def _mathml(node: nodes.Element, *, as_block: bool) -> str:
    try:
        tex = re.sub(r"frac(\d)(\d)", r"frac{\1}{\2}", node.astext())  # docutils reads a 12
        text = str(tex2mathml(tex, as_block=as_block))
    except MathError as error:
        logging.getLogger(__name__).warning("no MathML: %s", error, location=node)
        return ""
    space = '<mspace width="0.17em"/>'  # browsers leave none around ln and its like
    return re.sub(r"(<mi>\w+</mi>)\s*<mo>&ApplyFunction;</mo>", rf"{space}\1{space}", text)


# --- theorems ----------------------------------------------------------------------------------


class EveryTheorem(SphinxDirective):
    """Show each theorem with its whole statement, under the module that proves it."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each module."""
        text = "\n".join(_theorem_lines())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def _theorem_lines() -> Iterator[str]:
    modules: dict[str, list[Theorem[Any]]] = {}
    for theorem in (*cover_theorems(), *network_theorems()):
        modules.setdefault(theorem.key.split(".")[0].lower(), []).append(theorem)
    yield ".. py:currentmodule:: None"
    for name, theorems in modules.items():
        module = import_module(f"strongltn.theorems.{name}")
        summary, _, proof = (inspect.getdoc(module) or "").partition("\n")
        yield from ("", summary.rstrip("."), "-" * len(summary), "", proof, "")
        for theorem in theorems:
            yield from (f".. py:data:: {theorem.key}", "", f"   {_plain(theorem.title)}.", "")
            for label, value in (*theorem.statement_parts(), ("proof", theorem.proof)):
                words, command, claims = value.partition("python -m ")
                code = f" ``{command}{claims}``" if command else ""
                yield f"   :{label.capitalize()}: {_plain(words)}{code}."
            yield from (f"   :Read: {_plain(theorem.source)}.", "")


def _plain(text: str) -> str:
    return re.sub(r"[\\*`|_]", r"\\\g<0>", text).rstrip(". ")


# --- no other host -----------------------------------------------------------------------------

_ASKS = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*?(?:src|href)\s*=\s*["'](?:https?:)?//[^"']*"""
    r"""|(?:@import|url\()\s*["']?(?:https?:)?//[^"')]*"""
)


def ask_no_other_host(app: Sphinx, failure: Exception | None) -> None:
    """Refuse a site that loads a script, a style, a font or a picture from elsewhere."""
    if failure is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*"):
            if path.suffix in (".html", ".css"):
                asked = _ASKS.search(path.read_text(encoding="utf-8"))
                if asked:
                    raise ExtensionError(f"{path} asks another host: {asked[0]}")
