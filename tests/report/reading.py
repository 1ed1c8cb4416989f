"""A page as a browser takes it apart: elements with their attributes, and the text that is seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

APART = {"td", "th", "small"}  # what no space in the source keeps apart, but the page does
VOID = {"meta", "link", "br", "wbr", "img", "input"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)


class Page(HTMLParser):
    """Fails on elements that are closed in another order than they were opened, or not at all."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, [one.tag for one in self._open]

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        if tag in APART:
            self.handle_data(" ")
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open, tag
        assert self._open[-1].tag == tag, (tag, [one.tag for one in self._open])
        if tag in APART:
            self.handle_data(" ")
        self._open.pop()

    def handle_data(self, data):
        for element in self._open:
            element.parts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements by tag and attributes; `class_` is one of its classes."""
        wanted = attributes.pop("class_", None)
        return [
            one
            for one in self.elements
            if one.tag == tag
            and all(one.attributes.get(name) == value for name, value in attributes.items())
            and (wanted is None or wanted in (one.attributes.get("class") or "").split())
        ]

    @property
    def seen(self) -> str:
        """The text of the body, scripts apart."""
        body, scripts = self.all("body")[0].text, [one.text for one in self.all("script")]
        for script in scripts:
            body = body.replace(script, "")
        return body
