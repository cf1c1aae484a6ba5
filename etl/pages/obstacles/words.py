"""What error pages, sign-in pages and captchas say of themselves, in several languages.

All patterns are for text in lower case with plain apostrophes and single spaces (`folded`).
"""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u00a0": " "})
_EDGES: Final = " .,:;!?…-–—|·•»«\"'()[]。！？"
_PARTS: Final = re.compile(r"\s+[-–—|·•»«:/]+\s+|\s*[|·•»«｜]\s*|:\s+")


def folded(text: str) -> str:
    """A text in lower case, with plain apostrophes and single spaces, without signs around it."""
    return " ".join(text.translate(_SIGNS).lower().split()).strip(_EDGES)


def parts(title: str) -> list[str]:
    """A title as a whole and its parts, between which stand dashes, bars or colons."""
    whole = folded(title)
    pieces = [piece.strip(_EDGES) for piece in _PARTS.split(whole)]
    return [piece for piece in dict.fromkeys((whole, *pieces)) if piece]


def _any(*phrases: str) -> str:
    return "(?:" + "|".join(phrases) + ")"


_CODE: Final = r"(?:40[0-9]|41[0-9]|42[0-9]|431|451|50[0-8]|51[01]|52[0-7])(?:\.\d{1,2})?"

_SHORT: Final = _any(
    r"(?:the )?(?:requested )?(?:page|file|url|document|resource|site|website|server)? ?"
    r"(?:was |is |could )?not (?:be )?found",
    "bad request", "authorization required", "access(?: is)? denied",
    "method not allowed", "not acceptable", r"request time-?\s?out", "page gone",
    "too many requests", "internal server error", "server error",
    "application error", "runtime error", "bad gateway", "invalid response",
    r"(?:service|site|website|page|server) ?(?:temporarily )?unavailable",
    r"gateway time-?\s?out", r"connection timed out", r"(?:web ?)?server is (?:down|returning an "
    r"unknown error)", "origin is unreachable", "origin dns error", "not implemented",
    "nicht gefunden", r"(?:seite|datei) (?:wurde )?(?:leider )?nicht gefunden",
    "zugriff verweigert",
    r"(?:interner )?serverfehler", "dienst nicht verfügbar",
    "page (?:non trouvée|introuvable)", "accès (?:refusé|interdit)",
    r"erreur interne(?: du serveur)?", "service indisponible",
    "página no encontrada", "no encontrado", "no se encontró la página", "acceso denegado",
    r"error(?: interno)? del servidor", "servicio no disponible",
    "pagina non trovata", "accesso negato", r"errore(?: interno)? del server",
    "página não encontrada", "não encontrad[oa]", "acesso negado", r"erro interno(?: do servidor)?",
    "pagina niet gevonden", "niet gevonden", "toegang geweigerd",
    r"(?:nie znaleziono strony|strona nie (?:została znaleziona|istnieje))", "brak dostępu",
    "odmowa dostępu", "błąd serwera", "страница не найдена", "не найдено",
    "доступ запрещ[её]н", r"(?:внутренняя )?ошибка сервера", "sidan hittades inte",
    "siden (?:blev )?ikke fundet", "siden ble ikke funnet", "sivua ei löydy", "sayfa bulunamadı",
    "stránka nenalezena", "stránka nebyla nalezena", "az oldal nem található",
    "η σελίδα δεν βρέθηκε", "không tìm thấy trang", "halaman tidak ditemukan",
    "ページが見つかりません(?:でした)?", "お探しのページは見つかりません(?:でした)?",
    "ページは存在しません", "アクセスが拒否されました", "サーバーエラー",
    "页面(?:不存在|未找到|找不到)", "找不到页面", "找不到頁面", "頁面不存在", "访问被拒绝",
    "服务器错误", "페이지를 찾을 수 없습니다", "접근이 거부되었습니다",
    "الصفحة غير موجودة", "הדף לא נמצא",
)  # fmt: skip
_WEAK: Final = _any(
    "unauthorized", "forbidden", "gone", "(?:internal )?error", "(?:temporarily )?unavailable",
    "fehler", "verboten", "erreur", "prohibido", "errore", "erro", "błąd", "ошибка",
    "エラー", "오류",
)  # fmt: skip
_FILL: Final = _any(
    "oops", "o+ps", "whoops", "uh oh", "oh no", "sorry", "we're sorry", "http", "error", "status",
    "code", "抱歉", "the", "an", "a", "entschuldigung",
    "leider", "désolé", "lo sentimos", "hoppla", "ups",
)  # fmt: skip
_PIECE: Final = rf"(?:{_CODE}|{_SHORT}|{_WEAK}|{_FILL})"
_GAP: Final = r"[\s.,:;!?…\-–—|·•'\"()\[\]。！]*"

ONLY_ERROR: Final = re.compile(rf"(?:{_PIECE}{_GAP})+")
"""A text that says nothing but that there is an error, if it also says which (`SAYS_ERROR`)."""
SAYS_ERROR: Final = re.compile(rf"(?<![\w.]){_CODE}(?![\w.]\w)|{_SHORT}")
SAYS_LITTLE: Final = re.compile(_WEAK)
"""A word that says so only where a page says nothing else."""
BARE_CODE: Final = re.compile(rf"(?:(?:http|error|status|code|fehler|erreur)\s*)*{_CODE}")

_FOUND_NOT: Final = r"(?:can't|cannot|can not|could not|couldn't|weren't able to|are unable to)"
ERROR_SENTENCE: Final = re.compile(
    _any(
        rf"we {_FOUND_NOT} (?:seem to )?find (?:the|that|this|your) page",
        rf"(?:the|this|that) page (?:you (?:are|were|requested|have requested)? ?[\w' ]*"
        rf"(?:{_FOUND_NOT} be found|(?:does not|doesn't|no longer) exists?|(?:was|is) not found|"
        r"(?:isn't|is not|is no longer) available)|"
        rf"{_FOUND_NOT} be found|(?:does not|doesn't|no longer) exists?|"
        r"(?:isn't|is not|is no longer) available|isn't working|is not working)",
        r"this (?:site|webpage) (?:can't be reached|is not available)",
        r"your connection (?:is not|isn't) private", r"did not connect: potential security issue",
        r"(?:we're|we are) having trouble finding that site", r"unable to connect",
        r"there is no internet connection|no internet|you're offline",
        r"(?:the )?server (?:encountered|has encountered) an? (?:internal )?error",
        r"an? (?:unexpected|internal|server)(?: server)? error (?:has )?occurred",
        r"(?:an|a client-side) (?:error|exception) (?:has )?occurred",
        r"^something went wrong(?: on our end)?$", r"^that's an error$",
        r"(?:die|diese) (?:gewünschte |angeforderte |gesuchte )?(?:web)?seite "
        r"(?:existiert nicht|ist nicht (?:verfügbar|erreichbar)|konnte (?:leider )?nicht (?:"
        r"gefunden|geladen) werden|wurde (?:leider )?nicht gefunden)",
        r"la page (?:que vous (?:cherchez|recherchez|demandez) )?(?:demandée )?(?:n'existe (?:pas|"
        r"plus)|est introuvable|n'a pas été trouvée)", r"ce site est inaccessible",
        r"la página (?:que (?:busca|buscas|solicitó) )?(?:solicitada )?(?:no (?:existe|está "
        r"disponible|se ha encontrado|fue encontrada))", r"no se puede acceder a este sitio",
        r"la pagina (?:richiesta |che stai cercando )?non (?:esiste|è (?:disponibile|stata "
        r"trovata))",
        r"a página (?:solicitada |que você (?:procura|está procurando) )?não (?:existe|foi "
        r"encontrada|está disponível)",
        r"de(?:ze)? pagina (?:die (?:u|je) zoekt )?(?:bestaat niet|is niet (?:beschikbaar|"
        r"gevonden)|"
        r"kan niet worden gevonden)", r"страница (?:не существует|недоступна|была удалена)",
        r"не удается получить доступ к сайту", r"お探しのページ",
        r"您(?:访问|請求|请求)的(?:页面|頁面)",
        r"无法访问此网站", r"요청하신 페이지",
    )
)  # fmt: skip
"""A sentence that an error page has as its title or heading."""

_WAIT: Final = _any(
    r"(?:the )?(?:page|app|application|content|site|data)? ?(?:is )?(?:still )?loading"
    r"(?: (?:the )?(?:page|app|application|content|data))?",
    "please wait", "one moment(?: please)?", "just a (?:moment|second)", "initiali[sz]ing",
    "starting", "redirecting(?: you)?", "wird geladen", "lädt", "laden", "seite wird geladen",
    "bitte warten", "einen moment(?: bitte)?", "chargement(?: en cours)?", "veuillez patienter",
    "cargando", "espere(?: por favor)?", "por favor,? espere", "caricamento(?: in corso)?",
    "attendere(?: prego)?", "a? ?carregar", "carregando", "aguarde", "bezig met laden",
    "even geduld(?: a\\.?u\\.?b)?", "ładowanie", "wczytywanie", "proszę czekać",
    "(?:идёт |идет )?загрузка", "подождите", "пожалуйста,? подождите", "yükleniyor",
    "lütfen bekleyin", "laddar", "indlæser", "laster", "ladataan", "načítání", "načítá se",
    "読み込み中(?:です)?", "ロード中", "お待ちください", "加载中",
    "正在加载", "載入中", "请稍候", "請稍候",
    "로딩 ?중", "불러오는 중", "đang tải", "memuat", "جار التحميل",
)  # fmt: skip
ONLY_WAITING: Final = re.compile(rf"(?:{_WAIT}[\s.,:;!…·%\d。]*)+")
"""A text that says nothing but to wait."""

_SIGN_IN: Final = _any(
    r"log[ -]?in", r"sign[ -]?in", r"log[ -]?on", r"sign[ -]?on", r"anmeld(?:en|ung)", "einloggen",
    r"se connecter", r"connectez-vous", "connexion", "identifiez-vous", "s'identifier",
    "iniciar? (?:de )?sesi[oó]n", "inicia sesión", "acceder", "ingresar", "ingrese",
    "accedi", "effettua l'accesso", "accesso", "entrar", "iniciar sessão", "fazer login",
    "acesse sua conta", "inloggen", "aanmelden", "zaloguj(?: się)?", "logowanie",
    "войти", "вход", "авторизация", "giriş(?: yap)?", "oturum aç", "logga in", "log ind",
    "logg inn", "kirjaudu(?: sisään)?", "přihlásit(?: se)?", "přihlášení", "bejelentkezés",
    "autentificare", "conectare", "σύνδεση", "đăng nhập", "masuk",
    "ログイン", "サインイン", "登录", "登錄", "登入",
    "로그인", "เข้าสู่ระบบ", "تسجيل الدخول", "התחברות",
)  # fmt: skip
SIGN_IN: Final = re.compile(rf"(?<!\w){_SIGN_IN}(?![a-z])")
"""A word for signing in."""
ACCOUNT: Final = re.compile(
    rf"(?<!\w){_SIGN_IN}(?![a-z])|log(?:ged|ging)[ -]?in|sign(?:ed|ing)[ -]?in|passw|password|"
    r"passwort|kennwort|mot de passe|contraseña|senha|wachtwoord|hasło|парол|parola|パスワード|"
    r"密码|密碼|비밀번호|credential|authenticat|my account|user ?name|sign[ -]?up|register|registr"
)
"""Words of an objective that is about signing in, or about an account."""
MUST_SIGN_IN: Final = re.compile(
    _any(
        r"(?:you (?:must|need to|have to)|please) (?:first )?(?:be )?(?:log(?:ged)?|sign(?:ed)?)"
        r"[ -]?(?:in|on)(?: first| again)?(?: to\b.*)?$",
        r"(?:log|sign)[ -]?in (?:is )?required", r"(?:log|sign)[ -]?in to continue",
        r"(?:your )?session (?:has )?(?:expired|timed out)", r"you have been (?:logged|signed) out",
        r"bitte (?:melden sie sich|melde dich) an", r"anmeldung erforderlich",
        r"(?:ihre )?sitzung ist abgelaufen", r"veuillez vous (?:connecter|identifier)",
        r"(?:votre )?session a expiré", r"(?:debe|debes) iniciar sesión",
        r"(?:su |la |tu )?sesión ha (?:expirado|caducado)", r"(?:la )?sessione (?:è )?scaduta",
        r"(?:sua |a )?sessão expirou", r"(?:uw |je )?sessie is verlopen", r"sesja wygasła",
        r"войдите,? чтобы продолжить", r"ログインしてください",
        r"请先登录", r"請先登入", r"로그인이 필요합니다",
    )
)  # fmt: skip
"""A title or heading that asks for signing in."""
USER: Final = re.compile(
    r"user|e-?mail|login|identifier|account|phone|benutzer|utilisateur|usuario|utente|kunden"
)
"""Words in the names of a field for the name of a user."""

_HUMAN: Final = r"(?:human|robot|bot|person)"
PROOF: Final = re.compile(
    _any(
        rf"(?:verify|confirm|prove|check(?:ing)?|make sure|verifying)(?: that| if)? ?(?:you are|"
        rf"you're|your?|the site connection)? ?(?:a |not a |aren't a )?{_HUMAN}",
        rf"(?:i'm|i am|are you|you are|you're) (?:not )?a {_HUMAN}", rf"are you {_HUMAN}",
        r"human verification", r"bot verification", r"security (?:check|verification|challenge)",
        r"checking (?:if the site connection is secure|your browser(?: before accessing.*)?)",
        r"(?:detected )?unusual (?:traffic|activity)", r"attention required", r"pardon our "
        r"interruption", r"please complete the (?:security check|captcha)",
        r"(?:enter|type|solve|complete) (?:the )?(?:captcha|characters (?:you see|shown)|puzzle)",
        r"verify (?:it's|its) you", r"performing security verification", r"^just a moment$",
        r"(?:bestätigen|beweisen) sie,? dass sie (?:kein roboter|ein mensch) sind",
        r"sicherheits(?:überprüfung|abfrage|prüfung)", r"ich bin kein roboter",
        r"ungewöhnlichen datenverkehr", r"vérifi(?:ez|cation) (?:que vous êtes )?(?:un )?humain",
        r"(?:je ne suis|vous n'êtes) pas un robot", r"vérification de sécurité",
        r"(?:no soy|no eres) un robot", r"verifi(?:ca|que|car) que (?:eres|es) (?:un )?human[oa]",
        r"(?:verificación|comprobación) de seguridad", r"non sono un robot",
        r"verifica (?:di sicurezza|che sei umano)", r"não sou um robô", r"verificação de segurança",
        r"ik ben geen robot", r"beveiligingscontrole", r"nie jestem robotem",
        r"(?:подтвердите,? что )?(?:я|вы) не робот", r"проверка безопасности", r"robot değilim",
        r"私はロボットではありません", r"ロボットではない", r"人間であることを確認",
        r"安全验证", r"人机验证",
        r"安全驗證", r"我不是机器人", r"我不是機器人", r"로봇이 아닙니다", r"보안 확인",
    )
)  # fmt: skip
"""A text that asks for a proof of being human."""
