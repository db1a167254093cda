"""A log as large as one wants: what sixty instances of a few organizations would say in a month, in Portuguese."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from ponteio.storage.database import Database
from ponteio.storage.script import Insert, Script
from ponteio.storage.tables import event_logs, events
from ponteio.tenancy.directory import Directory

DAYS = 30
END = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROWS_AT_ONCE = 5_000

# Shares of an ordinary day: every message brings acks, and changes of its chat and contact, with it.
MIX = {
    "messages.update": 30,
    "messages.upsert": 22,
    "presence.update": 14,
    "chats.update": 12,
    "contacts.update": 10,
    "send.message": 8,
    "chats.upsert": 2.5,
    "connection.update": 0.8,
    "messages.delete": 0.3,
    "messages.edited": 0.2,
    "call": 0.1,
    "group-participants.update": 0.1,
}

_LITTLE_WORDS = """
o a de que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua
ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter seus
quem
"""
_SHOP_WORDS = """
boleto vencimento pagamento pix cartão crédito débito parcela desconto promoção preço orçamento pedido entrega
frete endereço rua bairro cidade cep prazo amanhã hoje ontem segunda terça quarta quinta sexta sábado domingo
manhã tarde noite horário atendimento suporte técnico problema solução sistema senha acesso cadastro conta
cliente produto estoque tamanho cor azul vermelho verde preto branco camiseta calça sapato vestido loja compra
venda troca devolução garantia nota fiscal recibo comprovante transferência banco agência contrato assinatura
plano mensalidade fatura agendamento consulta exame médico dentista clínica paciente retorno confirmação
cancelamento reserva mesa pessoas pizza lanche refrigerante bebida sobremesa cardápio obrigado obrigada bom
boa dia oi olá tudo bem certo ok sim não claro perfeito ótimo desculpe favor aguarde momento verificar
confirmar enviar receber ligar responder mensagem
"""
_COMMON, _WORDS = _LITTLE_WORDS.split(), _SHOP_WORDS.split()
_ENDINGS = ("", "s", "inho", "inha", "ão", "mente", "eiro", "eira", "ar", "ando", "ado", "ação", "ável", "ista")
# Some thousands of words, the first of them much more often than the last.
VOCABULARY = [*_COMMON, *_WORDS, *(f"{word}{ending}" for ending in _ENDINGS[1:] for word in _WORDS)]
_WEIGHTS = [1 / (rank + 8) for rank in range(len(VOCABULARY))]


class Talk:
    """Draws events. The same `seed` draws the same ones."""

    def __init__(self, seed: int, instances: list[str]) -> None:
        self._random = random.Random(seed)
        self._instances = instances
        self._weights = [1 / (rank + 2) for rank in range(len(instances))]
        self._words = self._random.choices(VOCABULARY, _WEIGHTS, k=200_000)
        self._binary = [base64.b64encode(self._random.randbytes(32)).decode() for _ in range(500)]
        self._chats = [f"55{self._random.randrange(11, 99)}9{self._random.randrange(10**8):08d}" for _ in range(20_000)]
        self._groups = [f"1203630{self._random.randrange(10**11):011d}" for _ in range(500)]
        self._sent = ["3EB0" + "0" * 16]

    def rows(self, organization_id: str, first: int, count: int, total: int) -> Iterator[tuple[Any, ...]]:
        """Rows of `events`, numbered from `first`, in a log that has `total` in the end."""
        names = self._random.choices(list(MIX), list(MIX.values()), k=count)
        places = self._random.choices(self._instances, self._weights, k=count)
        step = timedelta(days=DAYS) / total
        for seq, name, instance in zip(range(first, first + count), names, places, strict=True):
            received_at = END - step * (total - seq)
            data = json.dumps(self._data(name, instance, received_at), ensure_ascii=False, separators=(",", ":"))
            origin = "backfill" if self._random.random() < 0.001 else "live"
            yield (
                *(organization_id, seq, instance, name, f"{self._chats[0]}@s.whatsapp.net", None),
                *(received_at, received_at, origin, len(data.encode()), None, data),
            )

    def _data(self, name: str, instance: str, at: datetime) -> Any:
        pick = self._random
        chat = self._chat()
        instance_id = f"{instance}-0b0f-4c1e-9d8a-77aa12345678"
        if name in ("messages.upsert", "send.message"):
            return self._message(chat, instance_id, at, is_ours=name == "send.message" or pick.random() < 0.2)
        if name == "messages.update":
            status = pick.choice(("SERVER_ACK", "DELIVERY_ACK", "READ"))
            known = {"keyId": pick.choice(self._sent), "remoteJid": chat, "fromMe": True, "participant": chat}
            return {**known, "status": status, "instanceId": instance_id, "messageId": f"cmi{pick.randrange(10**12)}"}
        if name == "presence.update":
            state = pick.choice(("available", "unavailable", "composing", "paused"))
            return {"id": chat, "presences": {chat: {"lastKnownPresence": state}}}
        if name == "contacts.update":
            picture = f"https://pps.whatsapp.net/v/t61/{pick.choice(self._binary)}"
            return [{"remoteJid": chat, "pushName": self._text(2), "profilePicUrl": picture, "instanceId": instance_id}]
        if name.startswith("chats."):
            return [{"remoteJid": chat, "instanceId": instance_id, "unreadMessages": pick.randrange(5)}]
        if name == "messages.edited":
            key = {"remoteJid": chat, "fromMe": True, "id": pick.choice(self._sent)}
            return {"key": key, "type": "MESSAGE_EDIT", "editedMessage": {"conversation": self._text(6)}}
        if name == "connection.update":
            return {"instance": instance, "state": pick.choice(("open", "connecting")), "statusReason": 200}
        return {"id": chat, "remoteJid": chat, "status": name, "instanceId": instance_id, "date": at.isoformat()}

    def _message(self, chat: str, instance_id: str, at: datetime, *, is_ours: bool) -> Any:
        pick = self._random
        message_id = f"3EB0{pick.getrandbits(64):016X}"
        self._sent = [*self._sent[-200:], message_id]
        text = self._text(pick.randrange(1, 25))
        kind = pick.random()
        content: dict[str, Any] = {"conversation": text}
        if kind < 0.15:
            media = {"url": "https://mmg.whatsapp.net/x", "mimetype": "image/jpeg", "caption": text}
            hashes = {name: pick.choice(self._binary) for name in ("fileSha256", "fileEncSha256", "mediaKey")}
            content = {"imageMessage": {**media, **hashes, "jpegThumbnail": "".join(pick.choices(self._binary, k=15))}}
        secret = {
            "senderKeyHash": pick.choice(self._binary),
            "senderTimestamp": {"low": 1, "high": 0, "unsigned": True},
        }
        content["messageContextInfo"] = {"deviceListMetadata": secret, "messageSecret": pick.choice(self._binary)}
        key = {"remoteJid": chat, "fromMe": is_ours, "id": message_id, "remoteJidAlt": chat, "addressingMode": "lid"}
        return {
            "key": key,
            "pushName": self._text(2),
            "status": "PENDING" if is_ours else "DELIVERY_ACK",
            "message": content,
            "messageType": next(iter(content)),
            "messageTimestamp": int(at.timestamp()),
            "instanceId": instance_id,
            "source": pick.choice(("android", "ios", "web", "unknown")),
        }

    def _chat(self) -> str:
        if self._random.random() < 0.1:
            return f"{self._random.choice(self._groups)}@g.us"
        # Few people write most of the messages.
        return f"{self._chats[int(len(self._chats) * self._random.random() ** 3)]}@s.whatsapp.net"

    def _text(self, words: int) -> str:
        start = self._random.randrange(len(self._words) - words)
        return " ".join(self._words[start : start + words]).capitalize()


async def fill(database: Database, name: str, instances: list[str], total: int, seed: int) -> str:
    """An organization called `name`, with a log of `total` events from these instances; returns its id."""
    directory = Directory(database)
    await directory.load()
    organization = await directory.create_organization(name)
    talk, organization_id = Talk(seed, instances), organization.organization_id
    for first in range(1, total + 1, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, total + 1 - first)
        await database.run(_insert(list(talk.rows(organization_id, first, count, total))))
    async with database.write() as connection:
        row = update(event_logs).where(event_logs.c.organization_id == organization_id)
        await connection.execute(row.values(head=total))
    return organization_id


def _insert(rows: list[tuple[Any, ...]]) -> Script[None]:
    yield Insert(events, rows)
