"""What a diagnosis can see of links, namespaces and events, in English and in Portuguese. Ids begin with the step."""

from __future__ import annotations

from collections.abc import Mapping

EVENT_EVIDENCE: Mapping[str, tuple[str, str]] = {
    # What happens on the links.
    "frames.fit": (
        "No frame was too large in the last {hours} h (limit: {limit_mib} MiB).",
        "Nenhum frame grande demais nas últimas {hours} h (limite: {limit_mib} MiB).",
    ),
    "frames.oversize": (
        "{count} event(s) were larger than {limit_mib} MiB and were lost in the last {hours} h.",
        "{count} evento(s) maiores que {limit_mib} MiB se perderam nas últimas {hours} h.",
    ),
    "frames.unknown": ("No gateway keeps records here.", "Nenhum gateway guarda registros aqui."),
    "stability.steady": (
        "The links broke {count} time(s) in the last hour.",
        "As conexões caíram {count} vez(es) na última hora.",
    ),
    "stability.breaking": (
        "The links broke {count} times in the last hour; the last time at {at}.",
        "As conexões caíram {count} vezes na última hora; a última às {at}.",
    ),
    "stability.unknown": ("No gateway keeps records here.", "Nenhum gateway guarda registros aqui."),
    "link.connected": ("The gateway's own link is connected.", "A conexão do próprio gateway está ativa."),
    "link.pending": (
        "The gateway's own link waits for the instance's namespace (see the step namespace).",
        "A conexão do próprio gateway espera o namespace da instância (veja a etapa namespace).",
    ),
    "link.cause": (
        "The gateway's own link is not connected, for the reason in the step {cause}.",
        "A conexão do próprio gateway não está ativa, pelo motivo da etapa {cause}.",
    ),
    "link.waiting": (
        (
            "The gateway's own link is not connected: {state}, {attempts} attempt(s). It tries again by itself, at the "
            "latest after 30 s (a refused key: 5 min)."
        ),
        (
            "A conexão do próprio gateway não está ativa: {state}, {attempts} tentativa(s). Ela tenta de novo sozinha, "
            "no máximo em 30 s (chave recusada: 5 min)."
        ),
    ),
    "link.off": (
        "The gateway's own link is off: it was disconnected by hand.",
        "A conexão do próprio gateway está desligada: foi desconectada à mão.",
    ),
    "link.limit": (
        "The organization has as many links as it is allowed.",
        "A organização já tem todas as conexões permitidas.",
    ),
    "link.unowned": (
        "No organization owns the instance: nobody could see its events.",
        "Nenhuma organização é dona da instância: ninguém veria os eventos.",
    ),
    "link.unknown": (
        "Only a running gateway knows: this command asks none.",
        "Só um gateway em execução sabe: este comando não pergunta a nenhum.",
    ),
    "namespace.joined": (
        "The namespace is joined: events arrive.",
        "O namespace foi aberto: os eventos chegam.",
    ),
    "namespace.root": (
        "The root namespace is joined, as global mode wants it.",
        "O namespace raiz foi aberto, como o modo global quer.",
    ),
    "namespace.comma": (
        "The name cannot be a namespace: a comma ends one.",
        "O nome não pode ser um namespace: a vírgula encerra um.",
    ),
    "namespace.pending_restart": (
        "Pending: the instance was heard before and has sent nothing since Evolution API started again.",
        "Pendente: a instância já foi ouvida e nada enviou desde que a Evolution API reiniciou.",
    ),
    "namespace.pending_new": (
        "Pending: the instance has sent nothing since Evolution API started.",
        "Pendente: a instância nada enviou desde que a Evolution API iniciou.",
    ),
    "namespace.pending_quiet": (
        "Pending: an instance of kind {integration} says nothing until its first message.",
        "Pendente: uma instância do tipo {integration} nada diz até a primeira mensagem.",
    ),
    "namespace.pending_off": (
        "Pending: the instance's events are off on Evolution API (see the step events).",
        "Pendente: os eventos da instância estão desligados na Evolution API (veja a etapa events).",
    ),
    "namespace.refused": ("Evolution API refuses the namespace.", "A Evolution API recusa o namespace."),
    "namespace.lost": ("The connection broke while joining.", "A conexão caiu ao abrir o namespace."),
    "global_mode.not_wanted": (
        "Traditional mode here: nothing has to come over the root namespace.",
        "Modo tradicional aqui: nada precisa vir pelo namespace raiz.",
    ),
    "global_mode.on": (
        "Events come over the root namespace: Evolution API is in global mode.",
        "Eventos chegam pelo namespace raiz: a Evolution API está em modo global.",
    ),
    "global_mode.off": (
        "An event came over the instance's namespace and not over the root: Evolution API is not in global mode.",
        "Um evento veio pelo namespace da instância e não pela raiz: a Evolution API não está em modo global.",
    ),
    "global_mode.quiet": (
        "No event came while we listened: only traffic shows whether Evolution API is in global mode.",
        "Nenhum evento veio enquanto ouvíamos: só o tráfego mostra se a Evolution API está em modo global.",
    ),
    # What the instance sends, and what can be had later.
    "events.all": ("All {count} event names that can arrive are on.", "Todos os {count} eventos possíveis ligados."),
    "events.ignored": (
        "In global mode Evolution API sends every event, whatever the instance's list says.",
        "Em modo global a Evolution API envia todos os eventos, seja qual for a lista da instância.",
    ),
    "events.never_set": (
        "The instance's WebSocket events were never set: it sends none.",
        "Os eventos WebSocket da instância nunca foram definidos: ela não envia nenhum.",
    ),
    "events.off": (
        "The instance's WebSocket events are off: it sends none.",
        "Os eventos WebSocket da instância estão desligados: ela não envia nenhum.",
    ),
    "events.manager": (
        "The list is what Evolution's Manager saves: 26 of 31 names. Missing: {missing}.",
        "A lista é a que o Manager da Evolution salva: 26 de 31 nomes. Faltam: {missing}.",
    ),
    "events.missing": (
        "{count} wanted event name(s) are not on: {missing}.",
        "{count} evento(s) desejado(s) desligado(s): {missing}.",
    ),
    "events.failed": (
        "Evolution API failed to show the list of events (status {status}).",
        "A Evolution API não conseguiu mostrar a lista de eventos (status {status}).",
    ),
    "saving.on": (
        "Evolution API keeps messages ({count} of this instance): outages can be filled afterwards.",
        "A Evolution API guarda mensagens ({count} desta instância): falhas podem ser preenchidas depois.",
    ),
    "saving.off": (
        "A message that came as an event is not kept by Evolution API: what an outage takes stays lost.",
        "Uma mensagem que veio como evento não é guardada pela Evolution API: o que uma falha leva se perde.",
    ),
    "saving.unknown": (
        "No message has come yet from which this could be seen.",
        "Ainda não veio mensagem em que se pudesse ver isso.",
    ),
    "saving.failed": (
        "Evolution API failed to search messages (status {status}).",
        "A Evolution API não conseguiu buscar mensagens (status {status}).",
    ),
    "keys_exposed.none": ("Events hold no key.", "Os eventos não contêm chave."),
    "keys_exposed.exposed": (
        "Every event holds the instance's token. It ends here and nobody is shown it; other receivers see it.",
        "Todo evento contém o token da instância. Ele morre aqui e ninguém o vê; outros receptores veem.",
    ),
    "keys_exposed.unknown": (
        "No event came from which this could be seen.",
        "Não veio evento em que se pudesse ver isso.",
    ),
    "clock.right": (
        "The clocks agree within {skew_s} s.",
        "Os relógios concordam, com diferença de {skew_s} s.",
    ),
    "clock.wrong": (
        "The clocks of Evolution API and of the gateway are {skew_s} s apart.",
        "Os relógios da Evolution API e do gateway diferem em {skew_s} s.",
    ),
    "clock.untold": ("The server tells no time.", "O servidor não informa a hora."),
    "clock.zone": (
        "The times in its events are {minutes} min from UTC, which is repaired here.",
        "As horas dos eventos estão a {minutes} min do UTC, o que é corrigido aqui.",
    ),
    "round_trip.not_asked": (
        "Not asked for: it makes a message that is seen.",
        "Não pedido: ele cria uma mensagem visível.",
    ),
    "round_trip.not_possible": (
        "Only instances of kind EVOLUTION can be sent a test event; this is {integration}.",
        "Só instâncias do tipo EVOLUTION podem receber um evento de teste; esta é {integration}.",
    ),
    "round_trip.shared_number": (
        "The instance has no number of its own: the event could reach another one.",
        "A instância não tem número só dela: o evento poderia chegar a outra.",
    ),
    "round_trip.stored": (
        "A test event was in the log after {took_ms} ms.",
        "Um evento de teste estava no log após {took_ms} ms.",
    ),
    "round_trip.heard": (
        "A test event came back after {took_ms} ms. Nobody stores it: no gateway was asked.",
        "Um evento de teste voltou após {took_ms} ms. Ninguém o guarda: nenhum gateway foi consultado.",
    ),
    "round_trip.pending": (
        "Sent; with no namespace yet nobody could hear it. Test again.",
        "Enviado; sem namespace ainda, ninguém pôde ouvir. Teste de novo.",
    ),
    "round_trip.slow": (
        "A test event was in the log only after {took_ms} ms.",
        "Um evento de teste só estava no log após {took_ms} ms.",
    ),
    "round_trip.heard_only": (
        "A test event came back, but is not in the log after {limit_s} s.",
        "Um evento de teste voltou, mas não está no log após {limit_s} s.",
    ),
    "round_trip.lost": (
        "A test event did not come back within {limit_s} s.",
        "Um evento de teste não voltou em {limit_s} s.",
    ),
    "round_trip.refused": (
        "Evolution API did not take the test event (status {status}).",
        "A Evolution API não aceitou o evento de teste (status {status}).",
    ),
}
