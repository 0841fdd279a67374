#!/usr/bin/env python3
"""Is the report in DIR what it says it is?

report.html and junit.xml are well-formed XML; the page parses as HTML, too,
with every element closed; every link leads to a file beside it or a place in
it; nothing is fetched from outside and nothing is a script; whatever a picture
shows is also said in words; the numbers of both agree.
"""
import os
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr"}
# What may carry an address, and elements that run or fetch something.
ADDRESSES = {"href", "src", "action", "data", "poster", "xlink:href", "srcset", "background"}
FORBIDDEN = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video", "foreignobject"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.wrong, self.style = [], [], [], [], ""
        self.text, self.cases = [], 0

    def handle_starttag(self, tag, attrs):
        self.look(tag, dict(attrs))
        if len(attrs) != len(dict(attrs)):
            self.wrong.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.look(tag, dict(attrs))

    def look(self, tag, attrs):
        if tag in FORBIDDEN:
            self.wrong.append(f"a <{tag}>")
        for name, value in attrs.items():
            if name.startswith("on") or name == "style":
                self.wrong.append(f"<{tag} {name}=...>")
            if name in ADDRESSES:
                self.links.append(value)
            if "url(" in (value or "") and not re.fullmatch(r"url\(#[a-z]+\)", value) and name not in ("title", "aria-label"):
                self.wrong.append(f"<{tag} {name}={value!r}>")
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "svg" and self.open[-1:] != ["svg"]:
            if attrs.get("aria-hidden") != "true" and not attrs.get("aria-label"):
                self.wrong.append("a picture without words")
        self.cases += tag == "details" and attrs.get("class", "").startswith("case ")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing at line {self.getpos()[0]}")

    def handle_comment(self, data):
        self.wrong.append(f"a comment: {data!r}")

    def handle_data(self, data):
        self.text.append(data)
        if self.open[-1:] == ["style"]:
            self.style += data


def check_links(directory, page):
    for link in page.links:
        if link.startswith("#"):
            if link[1:] not in page.ids:
                yield f"{link}: no such place in the page"
            continue
        parts = urllib.parse.urlsplit(link)
        if parts.scheme or parts.netloc or parts.query or not link.startswith("./"):
            yield f"{link}: leads out of the report"
            continue
        if not os.path.isfile(os.path.join(os.fsencode(directory), urllib.parse.unquote_to_bytes(parts.path))):
            yield f"{link}: no such file"


def check_html(directory, raw):
    text = raw.decode("utf-8")
    for c in text:
        if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0:
            yield f"report.html: character U+{ord(c):04X}"
    tree = ElementTree.fromstring(text)
    page = Page()
    page.feed(text)
    page.close()
    yield from page.wrong
    if page.open:
        yield f"never closed: {page.open}"
    if len(set(page.ids)) != len(page.ids):
        yield "an id twice"
    if re.search(r"@import|url\(|expression|https?:", page.style):
        yield "the style sheet fetches something"
    # An HTML parser and an XML parser must read the same words.
    if "".join(tree.itertext()).strip() != "".join(page.text).strip():
        yield "HTML and XML read it differently"
    yield from check_links(directory, page)
    if not page.links:
        yield "no link at all"


def check_junit(raw, cases):
    root = ElementTree.fromstring(raw)
    suite = root.find("testsuite")
    found = suite.findall("testcase")
    for name, count in (
        ("tests", len(found)),
        ("failures", len(suite.findall("testcase/failure"))),
        ("skipped", len(suite.findall("testcase/skipped"))),
    ):
        if int(suite.get(name)) != count:
            yield f"junit.xml: {name}={suite.get(name)}, but there are {count}"
    if len(found) != cases:
        yield f"junit.xml has {len(found)} scenarios, report.html {cases}"
    for case in found:
        names = [p.get("name") for p in case.findall("properties/property")]
        if "boots" not in names or len(set(names)) != len(names):
            yield f"junit.xml: {case.get('name')}: properties {names}"
        out = case.findtext("system-out")
        for line in (out or "").splitlines():
            path = re.fullmatch(r"\[\[ATTACHMENT\|(.*)\]\]", line)
            if not path:
                yield f"junit.xml: {case.get('name')}: {line!r}"
            elif "\ufffd" not in line and not os.path.isfile(path.group(1)):
                yield f"junit.xml: {path.group(1)}: no such file"


def main(directory):
    with open(os.path.join(directory, "report.html"), "rb") as f:
        html = f.read()
    with open(os.path.join(directory, "junit.xml"), "rb") as f:
        junit = f.read()
    wrong = list(check_html(directory, html))
    page = Page()
    page.feed(html.decode("utf-8"))
    wrong += check_junit(junit, page.cases)
    for line in wrong[:20]:
        print(f"{directory}: {line}")
    if not wrong:
        print(f"{directory}: {page.cases} scenarios, {len(page.links)} links, {len(html)} bytes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
