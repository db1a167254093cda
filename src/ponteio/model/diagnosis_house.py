"""What `ponteio doctor` can see of the gateway's own side, and what to do about it. English, Portuguese."""

from __future__ import annotations

from collections.abc import Mapping

HOUSE_EVIDENCE: Mapping[str, tuple[str, str]] = {
    "own_settings.good": ("The settings can be read.", "As configurações podem ser lidas."),
    "own_settings.faults": ("The settings cannot be used: {faults}", "As configurações não servem: {faults}"),
    "data_dir.writable": ("{path} can be written.", "{path} pode ser escrito."),
    "data_dir.absent": ("There is no folder {path}.", "Não existe a pasta {path}."),
    "data_dir.read_only": ("{path} cannot be written.", "{path} não pode ser escrito."),
    "disk.room": ("{free_mib} MiB are free.", "{free_mib} MiB livres."),
    "disk.little": ("Only {free_mib} MiB are free.", "Só {free_mib} MiB livres."),
    "disk.full": ("Only {free_mib} MiB are free: the log will stop.", "Só {free_mib} MiB livres: o log vai parar."),
    "disk.elsewhere": ("The database is on another machine.", "O banco está em outra máquina."),
    "secret_key.readable": ("The keys that seal secrets can be read.", "As chaves que selam segredos são legíveis."),
    "secret_key.absent": (
        "There are no keys yet; the gateway makes them when it first starts.",
        "Ainda não há chaves; o gateway as cria na primeira vez que inicia.",
    ),
    "secret_key.lost": (
        "The keys that seal secrets are gone: what is stored with them cannot be opened.",
        "As chaves que selam segredos sumiram: o que foi guardado com elas não pode ser aberto.",
    ),
    "secret_key.unreadable": ("The keys that seal secrets cannot be used.", "As chaves que selam segredos não servem."),
    "database.current": ("The database answers and is up to date.", "O banco responde e está atualizado."),
    "database.behind": ("The database has an older shape.", "O banco tem um formato antigo."),
    "database.newer": ("A newer version has made the database.", "Uma versão mais nova criou o banco."),
    "database.absent": ("There is no database yet.", "Ainda não há banco."),
    "database.unreachable": ("The database does not answer.", "O banco não responde."),
    "gateway.ready": ("The gateway answers and is ready.", "O gateway responde e está pronto."),
    "gateway.not_ready": ("The gateway answers, its database does not.", "O gateway responde, o banco dele não."),
    "gateway.free": ("No gateway runs; its port is free.", "Nenhum gateway em execução; a porta está livre."),
    "gateway.stranger": (
        "Something else answers at the gateway's address.",
        "Outra coisa responde no endereço do gateway.",
    ),
    "gateway.taken": (
        "No gateway answers, and another program has its port.",
        "Nenhum gateway responde, e outro programa ocupa a porta.",
    ),
    "gateway.shown": ("Asked: {url}.", "Consultado: {url}."),
    "organizations.peopled": ("{count} organization(s), each with a member.", "{count} organização(ões) com membro."),
    "organizations.empty": ("Nobody is a member of: {names}.", "Ninguém é membro de: {names}."),
    "organizations.none": ("There is no organization yet.", "Ainda não há organização."),
    "unassigned.none": ("Every instance has an owner.", "Toda instância tem dono."),
    "unassigned.some": ("{count} instance(s) have no owner: {names}.", "{count} instância(s) sem dono: {names}."),
    "quarantine.quiet": ("Nothing new in quarantine for an hour.", "Nada novo em quarentena há uma hora."),
    "quarantine.growing": (
        "{count} event(s) went to quarantine in the last hour; mostly: {outcome}.",
        "{count} evento(s) foram para a quarentena na última hora; em geral: {outcome}.",
    ),
    "servers.none": ("There is no such Evolution server here.", "Não há esse servidor Evolution aqui."),
    "servers.unreadable": (
        "The key of server {server} cannot be opened.",
        "A chave do servidor {server} não pode ser aberta.",
    ),
}

HOUSE_ACTIONS: Mapping[str, tuple[str, str]] = {
    "own_settings.mend": ("Mend these lines in .env (see .env.example).", "Corrija no .env (veja .env.example)."),
    "data_dir.make": ("mkdir -p {path}", "mkdir -p {path}"),
    "data_dir.own": ("chown -R $(id -u) {path}", "chown -R $(id -u) {path}"),
    "disk.clear": (
        "Make room on the disk of {path}, or shorten how long events are kept.",
        "Libere espaço no disco de {path}, ou reduza por quanto tempo os eventos ficam.",
    ),
    "secret_key.restore": (
        "Bring back {path} or PONTEIO_SECRET_KEY from the backup, readable for the gateway's user alone (chmod 600).",
        "Recupere {path} ou PONTEIO_SECRET_KEY do backup, legível só para o usuário do gateway (chmod 600).",
    ),
    "database.migrate": ("ponteio migrate", "ponteio migrate"),
    "database.update": ("Install the newest version of Ponteio.", "Instale a versão mais nova do Ponteio."),
    "database.start": (
        "Start the database and check PONTEIO_DATABASE_URL.",
        "Inicie o banco e confira PONTEIO_DATABASE_URL.",
    ),
    "gateway.start": ("ponteio serve", "ponteio serve"),
    "gateway.port": (
        "Put another PONTEIO_PORT into .env, or end the other program.",
        "Ponha outro PONTEIO_PORT no .env, ou encerre o outro programa.",
    ),
    "gateway.url": ("Check PONTEIO_URL.", "Confira PONTEIO_URL."),
    "organizations.make": ("ponteio org create NAME", "ponteio org create NOME"),
    "organizations.invite": ("ponteio user invite --org NAME", "ponteio user invite --org NOME"),
    "unassigned.assign": ("ponteio instance assign NAME ORG", "ponteio instance assign NOME ORG"),
    "quarantine.look": ("See GET /api/quarantine.", "Veja GET /api/quarantine."),
    "servers.list": ("ponteio server list", "ponteio server list"),
}
