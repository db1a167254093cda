"""What to do about what a diagnosis of an Evolution server found, as exact as a line to paste. English, Portuguese."""

from __future__ import annotations

from collections.abc import Mapping

ACTIONS: Mapping[str, tuple[str, str]] = {
    "any.see_log": ("Look into the gateway's log.", "Veja o log do gateway."),
    "any.upstream_log": ("Look into Evolution API's log.", "Veja o log da Evolution API."),
    "settings.switch_on": (
        "Put WEBSOCKET_ENABLED=true into the gateway's .env and restart it.",
        "Ponha WEBSOCKET_ENABLED=true no .env do gateway e reinicie-o.",
    ),
    "settings.address": (
        "Set {url_setting} to an address like https://evolution.example.com.",
        "Defina {url_setting} com um endereço como https://evolution.example.com.",
    ),
    "settings.key": (
        "Set {key_setting} to Evolution's AUTHENTICATION_API_KEY.",
        "Defina {key_setting} com o AUTHENTICATION_API_KEY da Evolution.",
    ),
    "settings.cut_path": (
        "Take the path off {url_setting}: Evolution's root, without /manager, /socket.io or an instance's name.",
        "Tire o caminho de {url_setting}: a raiz da Evolution, sem /manager, /socket.io ou nome de instância.",
    ),
    "settings.new_key": (
        (
            "Make a key (openssl rand -hex 32), put it into Evolution's .env as AUTHENTICATION_API_KEY and into "
            "{key_setting}, and restart both."
        ),
        (
            "Gere uma chave (openssl rand -hex 32), ponha no .env da Evolution como AUTHENTICATION_API_KEY e em "
            "{key_setting}, e reinicie os dois."
        ),
    ),
    "address.spelling": (
        "Check the host in {url_setting}. Inside Docker, localhost is the container itself: use the service's name.",
        "Confira o servidor em {url_setting}. No Docker, localhost é o próprio contêiner: use o nome do serviço.",
    ),
    "address.allow": (
        "The operator may allow private addresses for this server: allow_private=true.",
        "O operador pode permitir endereços privados neste servidor: allow_private=true.",
    ),
    "address.dns": ("Check the gateway's name server (/etc/resolv.conf).", "Confira o DNS do gateway (resolv.conf)."),
    "tcp.start": (
        "Start Evolution API and check the port in {url_setting} (8080 unless SERVER_PORT says otherwise).",
        "Inicie a Evolution API e confira a porta em {url_setting} (8080, salvo se SERVER_PORT disser outra).",
    ),
    "tcp.firewall": (
        "Let the gateway through the firewall to that port.",
        "Libere o gateway no firewall até essa porta.",
    ),
    "tls.https": (
        "Put a proxy with a certificate in front of Evolution API and write https:// in {url_setting}.",
        "Ponha um proxy com certificado à frente da Evolution API e escreva https:// em {url_setting}.",
    ),
    "tls.renew": (
        "Renew the certificate (for example: certbot renew) and reload the proxy.",
        "Renove o certificado (por exemplo: certbot renew) e recarregue o proxy.",
    ),
    "tls.clock": ("Check the clock of the gateway's machine.", "Confira o relógio da máquina do gateway."),
    "tls.trusted": (
        (
            "Use a certificate of a known issuer (for example Let's Encrypt), or add yours to the gateway's system "
            "certificates (SSL_CERT_FILE)."
        ),
        (
            "Use um certificado de emissor conhecido (por exemplo Let's Encrypt), ou acrescente o seu aos certificados "
            "do sistema do gateway (SSL_CERT_FILE)."
        ),
    ),
    "tls.chain": (
        "Let the proxy send the whole chain (fullchain.pem).",
        "Faça o proxy enviar a cadeia completa (fullchain.pem).",
    ),
    "tls.host": (
        "Write the host name of the certificate in {url_setting}, or get a certificate for this one.",
        "Escreva em {url_setting} o nome que está no certificado, ou obtenha um certificado para este.",
    ),
    "tls.http": ("Write http:// in {url_setting}, or the port that speaks TLS.", "Use http:// em {url_setting}."),
    "server.restart": (
        "Evolution API hangs: look into its log and restart it.",
        "A Evolution API travou: veja o log e reinicie-a.",
    ),
    "server.proxy": (
        "Check {url_setting}, and that the proxy in front passes everything on to Evolution API.",
        "Confira {url_setting}, e se o proxy à frente repassa tudo à Evolution API.",
    ),
    "server.https": ("Write https:// in {url_setting}.", "Escreva https:// em {url_setting}."),
    "server.final": (
        "Write the address that it leads to in {url_setting}.",
        "Escreva em {url_setting} o endereço para o qual ele leva.",
    ),
    "server.whatsapp": (
        "Let Evolution API reach https://web.whatsapp.com.",
        "Deixe a Evolution API alcançar https://web.whatsapp.com.",
    ),
    "version.update": (
        "Update Evolution API to {known}.",
        "Atualize a Evolution API para a {known}.",
    ),
    "version.activate": (
        "Activate Evolution API's licence (its log has the address), or run 2.3.7.",
        "Ative a licença da Evolution API (o log dela tem o endereço), ou use a 2.3.7.",
    ),
    "key.set_global": (
        "Set {key_setting} to the value of AUTHENTICATION_API_KEY in Evolution's .env and restart the gateway.",
        "Defina {key_setting} com o valor de AUTHENTICATION_API_KEY do .env da Evolution e reinicie o gateway.",
    ),
    "key.cors": (
        "Put CORS_ORIGIN=* into Evolution's .env and restart it.",
        "Ponha CORS_ORIGIN=* no .env da Evolution e reinicie-a.",
    ),
    "instance.pair": (
        "POST /api/instances/{name}/connect and read the QR code with the phone.",
        "POST /api/instances/{name}/connect e leia o QR code com o celular.",
    ),
    "instance.spelling": (
        "Use the exact name, or create the instance: POST /api/instances.",
        "Use o nome exato, ou crie a instância: POST /api/instances.",
    ),
    "websocket.switch_on": (
        "Put WEBSOCKET_ENABLED=true into Evolution's .env and restart it.",
        "Ponha WEBSOCKET_ENABLED=true no .env da Evolution e reinicie-a.",
    ),
    "websocket.proxy": (
        "Let the proxy pass /socket.io/ on to Evolution API.",
        "Faça o proxy repassar /socket.io/ à Evolution API.",
    ),
    "upgrade.headers": (
        'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
        'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
    ),
    "open_door.list": (
        (
            "Keep Evolution's port unreachable from outside, or put WEBSOCKET_ALLOWED_HOSTS=192.0.2.1 (an address that "
            "nobody has) into Evolution's .env and restart it."
        ),
        (
            "Mantenha a porta da Evolution inacessível de fora, ou ponha WEBSOCKET_ALLOWED_HOSTS=192.0.2.1 (um "
            "endereço que ninguém tem) no .env da Evolution e reinicie-a."
        ),
    ),
    "frames.limit": (
        "Put a larger PONTEIO_MAX_FRAME_MIB into the gateway's .env and restart it, or switch webhook base64 off.",
        "Ponha um PONTEIO_MAX_FRAME_MIB maior no .env do gateway e reinicie-o, ou desligue base64 no webhook.",
    ),
    "stability.proxy": (
        (
            "Lift the proxy's limits for long connections and large frames (nginx: proxy_read_timeout 3600s;) and see "
            "GET /api/gaps for when it breaks."
        ),
        (
            "Aumente os limites do proxy para conexões longas e frames grandes (nginx: proxy_read_timeout 3600s;) e "
            "veja em GET /api/gaps quando cai."
        ),
    ),
    "link.connect": (
        "POST /api/websocket/connect/{link}",
        "POST /api/websocket/connect/{link}",
    ),
    "link.limits": (
        "Disconnect another instance, or let the operator raise the limit: ponteio org limits ORG links=200",
        "Desconecte outra instância, ou peça ao operador: ponteio org limits ORG links=200",
    ),
    "link.assign": (
        'POST /api/instances/{name}/assign {{"organization": "…"}}',
        'POST /api/instances/{name}/assign {{"organization": "…"}}',
    ),
    "link.wait": (
        "Mend what the other steps name; to try at once: POST /api/websocket/connect/{link}",
        "Corrija o que as outras etapas apontam; para tentar já: POST /api/websocket/connect/{link}",
    ),
    "namespace.rename": (
        "Put WEBSOCKET_GLOBAL_EVENTS=true into both .env files, or give the instance a name without a comma.",
        "Ponha WEBSOCKET_GLOBAL_EVENTS=true nos dois .env, ou dê à instância um nome sem vírgula.",
    ),
    "namespace.restart": (
        "It joins by itself with the instance's next event. To force one: POST /api/instances/{name}/restart",
        "Abre sozinho no próximo evento da instância. Para forçar um: POST /api/instances/{name}/restart",
    ),
    "namespace.message": (
        "It joins by itself with the instance's first message; that one is only in the global mode's stream.",
        "Abre sozinho na primeira mensagem da instância; essa só chega pelo modo global.",
    ),
    "global_mode.switch_on": (
        "Put WEBSOCKET_GLOBAL_EVENTS=true into Evolution's .env and restart it, or false into the gateway's.",
        "Ponha WEBSOCKET_GLOBAL_EVENTS=true no .env da Evolution e reinicie-a, ou false no do gateway.",
    ),
    "global_mode.traffic": (
        "Send a message to the instance and test again (EVOLUTION instances: with round_trip).",
        "Envie uma mensagem à instância e teste de novo (instâncias EVOLUTION: com round_trip).",
    ),
    "events.set": (
        (
            'Unless events are chosen already: PUT /api/instances/{name}/events {{"preset": "all"}}. Then: '
            "POST /api/instances/{name}/events/apply"
        ),
        (
            'Se ainda não há eventos escolhidos: PUT /api/instances/{name}/events {{"preset": "all"}}. Depois: '
            "POST /api/instances/{name}/events/apply"
        ),
    ),
    "events.manager": (
        "Do not save the WebSocket page in Evolution's Manager: it takes these names away.",
        "Não salve a página WebSocket no Manager da Evolution: ela remove esses nomes.",
    ),
    "saving.switch_on": (
        "Put DATABASE_SAVE_DATA_NEW_MESSAGE=true into Evolution's .env and restart it.",
        "Ponha DATABASE_SAVE_DATA_NEW_MESSAGE=true no .env da Evolution e reinicie-a.",
    ),
    "keys_exposed.switch_off": (
        "Put AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES=false into Evolution's .env and restart it.",
        "Ponha AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES=false no .env da Evolution e reinicie-a.",
    ),
    "clock.ntp": (
        "Switch time synchronisation on, on both machines: timedatectl set-ntp true",
        "Ligue a sincronização de horário nas duas máquinas: timedatectl set-ntp true",
    ),
    "round_trip.ask": (
        'Ask for it with {{"round_trip": true}} or --round-trip.',
        'Peça com {{"round_trip": true}} ou --round-trip.',
    ),
    "round_trip.steps": (
        "See the steps namespace, events and link.",
        "Veja as etapas namespace, events e link.",
    ),
}
