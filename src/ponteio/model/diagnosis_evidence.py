"""What a diagnosis can see on the way to an Evolution server, in English and in Portuguese. Ids begin with the step,
or with `any` where it may stand in each.
"""

from __future__ import annotations

from collections.abc import Mapping

WAY_EVIDENCE: Mapping[str, tuple[str, str]] = {
    "any.not_tried": (
        "Not tried: the step {cause} has to work first.",
        "Não testado: a etapa {cause} precisa funcionar antes.",
    ),
    "any.no_instance": ("Not tried: no instance was named.", "Não testado: nenhuma instância foi indicada."),
    "any.no_time": ("Not tried: the time was used up.", "Não testado: o tempo acabou."),
    "any.too_slow": ("No answer within {limit_s} s.", "Sem resposta em {limit_s} s."),
    "any.call_failed": (
        "The connection breaks before an answer is there.",
        "A conexão cai antes de haver resposta.",
    ),
    "any.no_records": ("What was kept cannot be read now.", "O que foi guardado não pode ser lido agora."),
    "any.broke": ("The test itself broke.", "O próprio teste falhou."),
    # The gateway's own settings.
    "settings.global": (
        "Global mode: one link hears every instance. Address and key are set.",
        "Modo global: uma conexão ouve todas as instâncias. Endereço e chave definidos.",
    ),
    "settings.traditional": (
        "Traditional mode: one link for each instance. Address and key are set.",
        "Modo tradicional: uma conexão por instância. Endereço e chave definidos.",
    ),
    "settings.switched_off": (
        "WEBSOCKET_ENABLED=false in the gateway: it connects to nothing.",
        "WEBSOCKET_ENABLED=false no gateway: ele não conecta a nada.",
    ),
    "settings.bad_address": (
        "{url_setting} is no address of the web.",
        "{url_setting} não é um endereço da web.",
    ),
    "settings.no_key": ("No key is set.", "Nenhuma chave definida."),
    "settings.path_kept": (
        "The address has a path, which goes in front of every call.",
        "O endereço tem um caminho, que vai à frente de toda chamada.",
    ),
    "settings.path_odd": (
        "The path of the address looks like a namespace or a page, not like the root of Evolution API.",
        "O caminho do endereço parece um namespace ou uma página, não a raiz da Evolution API.",
    ),
    "settings.public_key": (
        "The key is printed in Evolution API's own examples: anybody can use it.",
        "A chave está impressa nos exemplos da própria Evolution API: qualquer um pode usá-la.",
    ),
    # The way there.
    "address.resolved": (
        "The host name leads to {count} address(es).",
        "O nome do servidor leva a {count} endereço(s).",
    ),
    "address.shown": ("They are: {addresses}.", "São: {addresses}."),
    "address.refused": (
        "The address is of a kind that may not be reached (private, link-local or a metadata service).",
        "O endereço é de um tipo que não pode ser acessado (privado, link-local ou serviço de metadados).",
    ),
    "address.unknown": ("The host name does not resolve.", "O nome do servidor não resolve."),
    "address.silent": ("The name server does not answer.", "O servidor de nomes (DNS) não responde."),
    "tcp.open": ("A connection is accepted.", "A conexão é aceita."),
    "tcp.refused": ("Nothing listens at the address and port.", "Nada escuta no endereço e na porta."),
    "tcp.silent": ("The address does not answer.", "O endereço não responde."),
    "tcp.unreachable": ("The network does not lead there.", "A rede não chega até lá."),
    "tcp.shown": ("Tried: {host}, port {port}.", "Tentado: {host}, porta {port}."),
    "tls.valid": (
        "The certificate is valid for {days} more day(s).",
        "O certificado vale por mais {days} dia(s).",
    ),
    "tls.plain_private": (
        "Plain HTTP, inside a private network.",
        "HTTP sem criptografia, dentro de uma rede privada.",
    ),
    "tls.plain_public": (
        "Plain HTTP over a public network: key and messages can be read on the way.",
        "HTTP sem criptografia em rede pública: chave e mensagens podem ser lidas no caminho.",
    ),
    "tls.expires_soon": (
        "The certificate expires in {days} day(s).",
        "O certificado vence em {days} dia(s).",
    ),
    "tls.expired": ("The certificate has expired.", "O certificado venceu."),
    "tls.not_yet": ("The certificate is not valid yet.", "O certificado ainda não é válido."),
    "tls.self_signed": (
        "The certificate is signed by itself: nobody vouches for it.",
        "O certificado é autoassinado: ninguém responde por ele.",
    ),
    "tls.unknown_issuer": (
        "The certificate's issuer is not known here, or its chain is not complete.",
        "O emissor do certificado não é conhecido aqui, ou a cadeia está incompleta.",
    ),
    "tls.wrong_host": (
        "The certificate belongs to another host name.",
        "O certificado pertence a outro nome de servidor.",
    ),
    "tls.bad_certificate": ("The certificate is not accepted.", "O certificado não é aceito."),
    "tls.no_tls": (
        "What answers there does not speak TLS.",
        "O que responde lá não fala TLS.",
    ),
    "tls.broken": ("The connection breaks during the TLS handshake.", "A conexão cai durante o handshake TLS."),
    # Who answers.
    "server.answers": ("Evolution API answers.", "A Evolution API responde."),
    "server.start_page_hangs": (
        "Evolution API answers; its start page does not: it waits for WhatsApp's site.",
        "A Evolution API responde; a página inicial não: ela espera o site do WhatsApp.",
    ),
    "server.frozen": (
        "Connections are accepted, and no request is answered.",
        "As conexões são aceitas, mas nenhuma requisição é respondida.",
    ),
    "server.html": (
        "A web page answers (status {status}), not Evolution API.",
        "Quem responde é uma página web (status {status}), não a Evolution API.",
    ),
    "server.redirect_https": (
        "The address redirects to https (status {status}); redirects are not followed, the key would travel along.",
        "O endereço redireciona para https (status {status}); não seguimos, a chave iria junto.",
    ),
    "server.redirect": (
        "The address redirects elsewhere (status {status}).",
        "O endereço redireciona para outro lugar (status {status}).",
    ),
    "server.shown": ("It leads to {location}.", "Leva a {location}."),
    "server.proxy_error": (
        "A proxy answers {status}: Evolution API behind it does not.",
        "Um proxy responde {status}: a Evolution API atrás dele não.",
    ),
    "server.stranger": (
        "Something else answers (status {status}), not Evolution API.",
        "Outra coisa responde (status {status}), não a Evolution API.",
    ),
    "server.not_http": ("What answers there does not speak HTTP.", "O que responde lá não fala HTTP."),
    "server.broken": (
        "The connection breaks before an answer is there.",
        "A conexão cai antes de haver resposta.",
    ),
    "version.good": (
        "Version {version}, which this gateway was tested with.",
        "Versão {version}, com a qual este gateway foi testado.",
    ),
    "version.other": (
        "Version {version}. This gateway was tested with {known}.",
        "Versão {version}. Este gateway foi testado com a {known}.",
    ),
    "version.checks_no_keys": (
        "Version {version}: up to 2.3.1 Evolution API asks nobody for a key at its WebSocket.",
        "Versão {version}: até a 2.3.1 a Evolution API não pede chave a ninguém no WebSocket.",
    ),
    "version.licence": (
        "Evolution API refuses every call until its licence is activated (503).",
        "A Evolution API recusa toda chamada até a licença ser ativada (503).",
    ),
    "version.untold": ("The version was not told.", "A versão não foi informada."),
    # Who may ask, and about what.
    "key.global": ("The key is accepted; it is the global key.", "A chave é aceita; é a chave global."),
    "key.instance": (
        "The key is the token of one instance, not the global key: the list of instances stays incomplete.",
        "A chave é o token de uma instância, não a chave global: a lista de instâncias fica incompleta.",
    ),
    "key.wrong": ("Evolution API does not know the key (401).", "A Evolution API não conhece a chave (401)."),
    "key.cors": (
        "Evolution API lets in browsers only (CORS): it refuses calls of servers.",
        "A Evolution API só aceita navegadores (CORS): recusa chamadas de servidores.",
    ),
    "key.failed": (
        "Evolution API failed to check the key (status {status}): is its database up?",
        "A Evolution API não conseguiu verificar a chave (status {status}): o banco dela está no ar?",
    ),
    "instance.open": (
        "The instance exists ({integration}) and is connected to WhatsApp.",
        "A instância existe ({integration}) e está conectada ao WhatsApp.",
    ),
    "instance.not_open": (
        "The instance exists ({integration}), but its WhatsApp connection is {state}.",
        "A instância existe ({integration}), mas a conexão com o WhatsApp está {state}.",
    ),
    "instance.absent": (
        "Evolution API has no instance of exactly this name: letters count, upper and lower case too.",
        "A Evolution API não tem instância com exatamente este nome: cada letra conta, maiúsculas também.",
    ),
    "instance.near": ("You have: {near}.", "Você tem: {near}."),
    "instance.failed": (
        "Evolution API failed to show the instance (status {status}).",
        "A Evolution API não conseguiu mostrar a instância (status {status}).",
    ),
    # Socket.IO.
    "websocket.on": ("Evolution API runs with WebSocket.", "A Evolution API está com o WebSocket ligado."),
    "websocket.off": (
        "Evolution API runs with WEBSOCKET_ENABLED=false: its own 404 answers at /socket.io/.",
        "A Evolution API está com WEBSOCKET_ENABLED=false: o 404 dela responde em /socket.io/.",
    ),
    "websocket.kept_back": (
        "Something in front answers at /socket.io/ (status {status}), not Evolution API.",
        "Algo à frente responde em /socket.io/ (status {status}), não a Evolution API.",
    ),
    "websocket.broken": (
        "Calls to /socket.io/ break off or stay unanswered.",
        "As chamadas a /socket.io/ caem ou ficam sem resposta.",
    ),
    "polling.opened": (
        "Socket.IO opens a session over plain HTTP (ping every {ping_s} s).",
        "O Socket.IO abre uma sessão por HTTP simples (ping a cada {ping_s} s).",
    ),
    "polling.key_refused": (
        "Socket.IO refuses the key (403).",
        "O Socket.IO recusa a chave (403).",
    ),
    "polling.key_cause": (
        "Refused, for the reason in the step key.",
        "Recusado, pelo motivo da etapa key.",
    ),
    "polling.other": (
        "Plain HTTP opens no session (status {status}); links do not need it.",
        "HTTP simples não abre sessão (status {status}); as conexões não precisam disso.",
    ),
    "upgrade.opened": ("A websocket opens.", "Um websocket abre."),
    "upgrade.stripped": (
        "Plain HTTP works and the websocket does not ({reason}): a proxy in front drops the upgrade.",
        "HTTP simples funciona e o websocket não ({reason}): um proxy à frente descarta o upgrade.",
    ),
    "upgrade.key_refused": ("The websocket refuses the key.", "O websocket recusa a chave."),
    "upgrade.failed": ("No websocket opens ({reason}).", "Nenhum websocket abre ({reason})."),
    "open_door.closed": (
        "Without a key nobody gets in from here.",
        "Sem chave ninguém entra a partir daqui.",
    ),
    "open_door.loopback": (
        (
            "Evolution API lets us in without a key: it sees us at a loopback address, which its list lets in. "
            "With a reverse proxy on the same machine it sees everybody there."
        ),
        (
            "A Evolution API nos deixa entrar sem chave: ela nos vê num endereço loopback, que a lista dela libera. "
            "Com um proxy reverso na mesma máquina ela vê todo mundo ali."
        ),
    ),
    "open_door.listed": (
        (
            "Evolution API lets us in without a key: WEBSOCKET_ALLOWED_HOSTS names our address, that of the proxy in "
            "front, or everybody (*)."
        ),
        (
            "A Evolution API nos deixa entrar sem chave: WEBSOCKET_ALLOWED_HOSTS tem o nosso endereço, o do proxy à "
            "frente, ou todos (*)."
        ),
    ),
    "open_door.old": (
        "Evolution API lets anybody in without a key: its version checks none.",
        "A Evolution API deixa qualquer um entrar sem chave: a versão dela não verifica.",
    ),
    "open_door.untold": (
        "The answer without a key says nothing (status {status}).",
        "A resposta sem chave nada diz (status {status}).",
    ),
}
