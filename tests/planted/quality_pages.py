"""Pages to plant: those that servers, browsers and sites show in place of content; and pages of
content that look like them. Written as such pages are, without a look at what finds them.
"""

from __future__ import annotations

from typing import Final

_LONG = (
    "Servers answer each request with a number of three digits. The first tells the kind of the "
    "answer, the others what happened. Those that begin with a four say that the request was at "
    "fault, those with a five that the server was. "
) * 6


def _page(title: str, body: str, head: str = "") -> str:
    return (
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{title}</title>{head}</head>"
        f"<body>{body}</body></html>"
    )


_NAV: Final = (
    "<header><a href='/'>Home</a><nav><ul>"
    + "".join(f"<li><a href='/c/{name}'>{name.title()}</a></li>" for name in (
        "kitchen garden tools lighting bedroom office toys books outlet gifts brands stores"
    ).split())
    + "</ul></nav><form action='/search'><input type='search' name='q' placeholder='Search'>"
    "<button>Search</button></form></header>"
)  # fmt: skip
_FOOTER: Final = (
    "<footer><a href='/about'>About us</a> <a href='/terms'>Terms</a> <a href='/privacy'>Privacy"
    "</a> <p>© 2031 Example Stores Ltd. All prices include tax.</p></footer>"
)


def _styled(title: str, main: str) -> str:
    """A page with the navigation and footer of its site."""
    return _page(title, f"{_NAV}<main>{main}</main>{_FOOTER}")


ERRORS: Final = (
    _page("404 Not Found", "<center><h1>404 Not Found</h1></center><hr><center>nginx/1.25.3"
          "</center>"),
    _page("502 Bad Gateway", "<center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center>"),
    _page("504 Gateway Time-out", "<center><h1>504 Gateway Time-out</h1></center><hr>"),
    _page("404 Not Found", "<h1>Not Found</h1><p>The requested URL was not found on this server."
          "</p><hr><address>Apache/2.4.57 (Debian) Server at shop.test Port 443</address>"),
    _page("403 Forbidden", "<h1>Forbidden</h1><p>You don't have permission to access this resource."
          "</p>"),
    _page("500 Internal Server Error", "<h1>Internal Server Error</h1><p>The server encountered an "
          "internal error or misconfiguration and was unable to complete your request.</p>"),
    _page("503 Service Unavailable", "<h1>Service Unavailable</h1><p>The server is temporarily "
          "unable to service your request due to maintenance downtime or capacity problems.</p>"),
    _page("IIS 10.0 Detailed Error - 404.0 - Not Found", "<div id='content'><h2>Server Error in "
          "Application \"DEFAULT WEB SITE\"</h2><h3>HTTP Error 404.0 - Not Found</h3><h4>The "
          "resource you are looking for has been removed, had its name changed, or is temporarily "
          "unavailable.</h4></div>"),
    _page("HTTP Status 404 – Not Found", "<h1>HTTP Status 404 – Not Found</h1><hr class='line'/><p>"
          "<b>Type</b> Status Report</p><p><b>Message</b> The requested resource is not available"
          "</p><h3>Apache Tomcat/9.0.82</h3>"),
    _page("shop.test | 522: Connection timed out", "<div id='cf-wrapper'><h1><span>Connection timed"
          " out</span> <span>Error code 522</span></h1><h2>What happened?</h2><p>The initial "
          "connection between the network and the origin web server timed out.</p></div>"),
    _page("Access denied | shop.test used to restrict access", "<h1>Error 1020</h1><h2>Access "
          "denied</h2><p>This website is using a security service to protect itself.</p>"),
    _page("shop.test", "<div id='main-frame-error' class='interstitial-wrapper'><h1><span>This site"
          " can’t be reached</span></h1><p>Check if there is a typo in shop.test.</p><div class="
          "'error-code'>DNS_PROBE_FINISHED_NXDOMAIN</div><button>Reload</button></div>"),
    _page("Privacy error", "<body id='body' class='ssl'><h1>Your connection is not private</h1><p>"
          "Attackers might be trying to steal your information.</p><p>NET::ERR_CERT_DATE_INVALID"
          "</p><button>Back to safety</button>"),
    _page("Server Not Found", "<div id='errorPageContainer'><h1 class='title-text'>Hmm. We’re "
          "having trouble finding that site.</h1><p>We can’t connect to the server at shop.test."
          "</p><button id='neterrorTryAgainButton'>Try Again</button></div>"),
    _styled("Page not found - Example Stores", "<h1>Oops! Page not found</h1><p>Try the search, or "
            "go back to the <a href='/'>home page</a>.</p>"),
    _styled("Example Stores", "<h1>404</h1><p>Sorry, the page you are looking for does not exist."
            "</p>"),
    _styled("Example Stores", "<h1>We can't find the page you're looking for</h1><p>It may have "
            "moved.</p>"),
    _styled("Seite nicht gefunden | Beispielladen", "<h1>Seite nicht gefunden</h1><p>Die Adresse "
            "gibt es bei uns nicht.</p>"),
    _styled("Erreur 404", "<h1>La page demandée est introuvable</h1><p>Retour à l'accueil.</p>"),
    _styled("Tienda", "<h1>Error 404</h1><p>Página no encontrada.</p>"),
    _styled("Pagina non trovata", "<h2>404 - Pagina non trovata</h2>"),
    _styled("ページが見つかりません", "<h1>ページが見つかりません</h1>"
            "<p>URLをご確認ください。</p>"),
    _styled("404 - 页面不存在", "<h1>404</h1><p>抱歉,您访问的页面不存在</p>"),
    _styled("Страница не найдена", "<h1>Страница не найдена</h1><p>Проверьте адрес.</p>"),
)  # fmt: skip

BLANKS: Final = (
    "<html><head></head><body></body></html>",
    _page("Example Stores", "<div id='root'></div><script>start()</script>"),
    _page("Example Stores", "<noscript>You need to enable JavaScript to run this app.</noscript>"
          "<div id='app'></div>"),
    _page("", "<div class='spinner'><span></span><span></span></div>"),
    _page("Example Stores", "<div class='loader'>Loading...</div>"),
    _page("Shop", "<div class='center'><img src='spinner.gif' alt=''><p>Please wait…</p></div>"),
    _page("Laden", "<p>Bitte warten ...</p>"),
    _page("Boutique", "<div role='status'><svg></svg><span>Chargement en cours…</span></div>"),
    _page("Tienda", "<div>Cargando…</div>"),
    _page("店", "<p>読み込み中…</p>"),
    _page("Магазин", "<div class='l'>Загрузка...</div>"),
    _page("Shop", "<div style='display:none'><h1>Mugs</h1><p>From 4 Euro</p></div>"),
)  # fmt: skip

_LOGIN_FORM: Final = (
    "<form method='post'><label for='u'>{user}</label><input id='u' name='username' type='text'>"
    "<label for='p'>{word}</label><input id='p' name='password' type='password'>"
    "<label><input type='checkbox' name='remember'> {keep}</label>"
    "<button type='submit'>{press}</button></form><a href='/forgot'>{lost}</a>"
)


def _login(title: str, heading: str, *words: str) -> str:
    user, word, keep, press, lost = words
    form = _LOGIN_FORM.format(user=user, word=word, keep=keep, press=press, lost=lost)
    return _page(title, f"<h1>{heading}</h1>{form}")


_EN = ("Username", "Password", "Remember me", "Log in", "Forgot your password?")
LOGINS: Final = (
    _login("Log in - Tracker", "Log in", *_EN),
    _login("Sign in · Ledger", "Sign in to Ledger", "Email", "Password", "Keep me signed in",
           "Sign in", "Forgot password"),
    _styled("Customer Login", "<h1>Customer Login</h1>" + _LOGIN_FORM.format(
        user="Email", word="Password", keep="Show password", press="Sign In", lost="Forgot?")),
    _login("Anmelden", "Anmelden", "Benutzername", "Passwort", "Angemeldet bleiben", "Anmelden",
           "Passwort vergessen?"),
    _login("Connexion", "Connexion", "Identifiant", "Mot de passe", "Rester connecté",
           "Se connecter", "Mot de passe oublié ?"),
    _login("Iniciar sesión", "Iniciar sesión", "Usuario", "Contraseña", "Recordarme", "Entrar",
           "¿Olvidó su contraseña?"),
    _login("Accedi", "Accedi al tuo account", "Nome utente", "Password", "Ricordami", "Accedi",
           "Password dimenticata?"),
    _login("Inloggen", "Inloggen", "Gebruikersnaam", "Wachtwoord", "Onthouden", "Inloggen",
           "Wachtwoord vergeten?"),
    _login("Вход", "Вход в личный кабинет", "Логин", "Пароль", "Запомнить", "Войти",
           "Забыли пароль?"),
    _login("ログイン", "ログイン", "ユーザー名", "パスワード", "保存する", "ログイン",
           "お忘れの方"),
    _login("登录", "用户登录", "用户名", "密码", "记住我", "登录", "忘记密码"),
    _page("Sign in - Accounts", "<div><h1>Sign in</h1><p>to continue to Documents</p><form><input "
          "type='email' id='identifierId' name='identifier' aria-label='Email or phone'><a href="
          "'/forgot'>Forgot email?</a><button>Next</button></form></div>"),
    _page("Tracker", "<h1>Your session has expired</h1><p>For your security you were signed out."
          "</p><a href='/login'>Back to the start</a>"),
    _page("Tracker", "<h2>Please log in to continue</h2><a class='button' href='/sso'>Continue "
          "with SSO</a>"),
)  # fmt: skip

CAPTCHAS: Final = (
    _page("Just a moment...", "<h1>shop.test</h1><h2>Verify you are human by completing the action "
          "below.</h2><div class='cf-turnstile'><iframe src='https://challenge.test/t'></iframe>"
          "</div><p>shop.test needs to review the security of your connection before proceeding."
          "</p>"),
    _page("Attention Required!", "<h1>Please complete the security check to access shop.test</h1>"
          "<div class='h-captcha' data-sitekey='x'></div><p>Why do I have to complete this?</p>"),
    _page("https://shop.test/", "<form id='captcha-form'><div id='recaptcha' class='g-recaptcha'>"
          "</div></form><hr>Our systems have detected unusual traffic from your computer network."),
    _page("Robot Check", "<h4>Enter the characters you see below</h4><p>Sorry, we just need to make"
          " sure you're not a robot.</p><form><img src='/captcha/1.jpg'><input id='captchachars' "
          "type='text'><button>Continue shopping</button></form>"),
    _page("Access to this page has been denied", "<h1>Press &amp; Hold to confirm you are a human "
          "(and not a bot).</h1><div id='px-captcha'></div>"),
    _page("Pardon Our Interruption", "<h1>Pardon Our Interruption...</h1><p>As you were browsing, "
          "something about your browser made us think you were a bot.</p>"),
    _page("Security Check", "<h1>Are you a robot?</h1><div class='geetest_holder'></div>"),
    _page("Sicherheitsprüfung", "<h1>Bestätigen Sie, dass Sie kein Roboter sind</h1><div class="
          "'h-captcha'></div>"),
    _page("Vérification de sécurité", "<h1>Vérification de sécurité</h1><p>Cochez la case : je ne "
          "suis pas un robot.</p><div class='g-recaptcha'></div>"),
    _page("Проверка", "<h1>Подтвердите, что вы не робот</h1><div class='captcha'></div>"),
    _page("安全验证", "<h1>安全验证</h1><div id='captcha-box'></div><p>请完成验证后继续访问</p>"),
    _page("Verificación", "<h1>Verifica que eres humano</h1><div class='cf-turnstile'></div>"),
)  # fmt: skip

_CARDS: Final = "".join(
    f"<article><h3><a href='/p/{n}'>Mug number {n}</a></h3><p>Stoneware, holds {n}00 ml, safe in "
    f"the dishwasher.</p><span>{n},99 €</span><button>Add to cart</button></article>"
    for n in range(1, 13)
)
INNOCENT: Final = (
    # error-like
    _page("404 Not Found - HTTP | Web Docs", f"{_NAV}<main><h1>404 Not Found</h1><p>{_LONG}</p>"
          f"</main>{_FOOTER}"),
    _page("How to fix a 502 Bad Gateway", f"<h1>How to fix a 502 Bad Gateway</h1><p>{_LONG}</p>"),
    _styled("Peugeot 404 - Oldtimer", "<h1>Peugeot 404</h1><p>Built from 1960 to 1975. 4 doors, 72 "
            "PS, 1,150 kg.</p><button>Ask for a price</button>"),
    _styled("Search: unicorn", "<h1>No results found</h1><p>Nothing matches unicorn. Check the "
            "spelling.</p>"),
    _styled("Incident 500 - Desk", "<h1>Incident 500</h1><p>Printer on floor 3 prints blank pages."
            "</p><button>Assign</button><button>Close</button>"),
    _styled("Mug - Example Stores", "<h1>Blue mug</h1><h3>Unavailable</h3><p>Back in May. Stoneware"
            ", 300 ml.</p><button>Tell me when it is back</button>"),
    _page("Status", "<h1>All systems</h1><table><tr><td>Search</td><td>Service unavailable</td>"
          "</tr><tr><td>Orders</td><td>Working</td></tr></table><a href='/history'>History</a>"),
    _page("New ticket", "<h1>New ticket</h1><p class='error'>An error occurred: the title is "
          "missing.</p><form><input name='title'><input name='owner'><textarea name='text'>"
          "</textarea><button>Create</button></form>"),
    # blank-like
    _page("Canvas", "<canvas id='board' width='800' height='600'></canvas>"),
    _page("Film", "<video src='a.mp4' controls></video>"),
    _page("Pick", "<button aria-label='Red'></button><button aria-label='Blue'></button>"),
    _page("Orders", "<h1>Orders</h1><div class='spinner'>Loading…</div><button>New order</button>"),
    _page("Help", "<p>Loading a program takes a while; please wait until the light is green.</p>"
          "<a href='/next'>Next</a>"),
    # login-like
    _styled("Example Stores", f"<form class='head'><input name='user'><input type='password' name="
            f"'pw'><button>Sign in</button></form><h1>New in store</h1>{_CARDS}"),
    _page("Create account", "<h1>Create your account</h1><form><input name='email' type='email'>"
          "<input type='password' autocomplete='new-password'><input type='password' autocomplete="
          "'new-password' name='again'><button>Sign up</button></form><a href='/login'>Log in</a>"),
    _page("Settings", "<h1>Change password</h1><form><input type='password' name='old'><input type="
          "'password' name='new'><input type='password' name='again'><button>Save</button></form>"),
    _page("Checkout", "<h1>Checkout</h1><p>Already have an account? <a href='/login'>Sign in</a>"
          "</p><form><input name='name'><input name='street'><input name='city'><input name='zip'>"
          "<input name='email'><button>Continue as guest</button></form>"),
    _page("Wi-Fi", "<h1>Join the network Guest</h1><form><input type='password' name='key'><button>"
          "Join</button></form>"),
    _page("Blog", f"<h1>How we changed our login</h1><p>{_LONG}</p><form><input type='email' name="
          "'email'><button>Subscribe</button></form>"),
    # captcha-like
    _page("Contact", "<h1>Contact us</h1><form><input name='name'><input name='email'><textarea "
          "name='text'></textarea><div class='g-recaptcha' data-sitekey='k'></div><button>Send"
          "</button></form>"),
    _styled("Mugs", f"<h1>Mugs</h1>{_CARDS}<div class='grecaptcha-badge'>protected by reCAPTCHA"
            "</div>"),
    _page("Robots", f"<h1>Are you a robot?</h1><p>{_LONG}</p><p>{_LONG}</p>"),
    _page("Security", "<h1>Security settings</h1><form><label><input type='checkbox'> Ask for a "
          "captcha after three tries</label><select><option>Always</option><option>Never</option>"
          "</select><button>Save</button></form>"),
)  # fmt: skip
