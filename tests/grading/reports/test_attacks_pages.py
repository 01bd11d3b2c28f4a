"""Texts that change their meaning when they are read a second time, in Chromium."""

import pytest

from utils.grading.reports import safe_html
from utils.grading.reports.safe_html import Pictures

pytestmark = [pytest.mark.slow, pytest.mark.browser]

EVIL = "http://evil.example/"
HIT = "window.hit(1)"
IMG = f"<img src=x onerror={HIT}>"
TEXTS = [
    f'<svg></p><style><a id="</style>{IMG}">',
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src onerror={HIT}">',
    f"<form><math><mtext></form><form><mglyph><style></math>{IMG}",
    f'<math><annotation-xml encoding="application/xhtml+xml"><svg><foreignObject>{IMG}',
    f'<svg><desc><style><a title="</style>{IMG}">',
    f'<select><template><style><!--</style><a rel="--></style></template></select>{IMG}">',
    *(f'<{tag}><p title="</{tag}>{IMG}"></{tag}>' for tag in ("noembed", "xmp", "noframes")),
    f"<plaintext>{IMG}",
    f'<a href="#" ping="{EVIL}">x</a><link rel=dns-prefetch href="{EVIL}">',
    f'<p style="font-weight:var(--x,url({EVIL}))">x</p>',
    f'<p style="text-align:left}}@import url({EVIL})">',
    *(f'<a href="{scheme}:{HIT}">x</a>' for scheme in ("vbscript", "jav\tascript", "\1javascript")),
    f'<a href="blob:{EVIL}">x</a><a href="//evil.example/">x</a>',
    '<p id=about class="checks tr lost" name=grades>x</p><form name=formgrader><input name=grades>',
    f"$\\text{{<script>{HIT}</script>}}$ $\\mathrm{{</mtext></math>{IMG}}}$",
    f"\\begin{{align}}</math>{IMG}\\end{{align}}",
    f'$\\color{{red" onclick="{HIT}}}{{x}}$ $\\hspace{{1em" onmouseover="{HIT}}}$',
    f"$\\text{{&amp;lt;img src=x onerror={HIT}&amp;gt;}}$ $&lt;img src=x onerror={HIT}&gt;$",
    f'<p title="`a` $${IMG}$$">',
    f'[$x$](<{EVIL}"onmouseover={HIT}>) ![a](attachment:a"onerror="{HIT})',
    f'```" onclick="{HIT}\nx\n```',
    f"<!-- --!>{IMG}--> <![CDATA[{IMG}]]> <?xml {IMG}?> <% {IMG} %>",
    f'<script type=speculationrules>{{"prefetch":[{{"urls":["{EVIL}"]}}]}}</script>',
    f"<template shadowrootmode=open>{IMG}</template><div popover onbeforetoggle={HIT}></div>",
    f"<video poster={EVIL}><source onerror={HIT}></video><input type=image src={EVIL}>",
    f'<math><maction actiontype="statusline" xlink:href="javascript:{HIT}">x</maction></math>',
    f"<svg><animate onbegin={HIT} attributeName=x dur=1s><set onend={HIT}>",
]


def ways(text: str) -> list[str]:
    return [
        safe_html.markdown(text, Pictures()),
        safe_html.markdown(text, Pictures(), links=False),
        safe_html.clean(text, Pictures()),
    ]


def test_what_is_cleaned_stays_so(browser):
    shown = [html for text in TEXTS for html in ways(text)]
    page, seen = browser.new_page(), []
    page.expose_function("hit", lambda *_: seen.append("a script ran"))
    page.on("request", lambda request: seen.append(request.url))
    page.on("popup", lambda _: seen.append("a window"))
    page.set_content(f"<body>{''.join(f'<section>{html}</section>' for html in shown)}</body>")
    page.evaluate(
        """() => document.querySelectorAll('section *').forEach(one => {
            for (const kind of ['mouseover', 'focus', 'toggle']) one.dispatchEvent(new Event(kind));
            if (one.tagName === 'A' && !/^https?:/.test(one.href)) one.click();
        })"""
    )
    page.wait_for_timeout(300)
    assert seen == []
    assert page.locator("body > *").count() == page.locator("section").count() == len(shown)
    left = page.evaluate(
        """() => [...document.querySelectorAll('section *')].flatMap(one =>
            [...one.attributes].map(a => a.name === 'style' ? a.value : a.name)
            .filter(name => /^(on|id$|class$|name$|src|target|ping)|url|position/.test(name)))"""
    )
    assert left == []
    assert page.locator("section :is(script, style, form, input, svg, template, link)").count() == 0
    page.close()
