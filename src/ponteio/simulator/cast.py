"""The invented people and groups of one instance, and the pen that writes for them.

Everything comes from the seed and the instance's name, so the same script gives the same ids, names and texts whatever
else runs beside it; only times are taken from the clock.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass
from typing import Any

_FIRST = ("Maria", "João", "Zé Café ☕", "Ana Lúcia", "Antônio", "Francisca", "Márcia", "Caio", "Luíza", "Otávio")
_LAST = ("Silva", "Souza", "Conceição", "Araújo", "Gonçalves", "Lima", "Brandão", "do Vale", "Peçanha", "Sá")
_SUBJECTS = ("Família 👨‍👩‍👧", "Entregas", "Promoções & Ofertas", "Condomínio Sol", "Futebol de quinta")
_TEXTS = (
    "Oi, tem em estoque?",
    "Bom dia! Qual o horário de funcionamento?",
    "Obrigada 🙏",
    "Pode mandar o PIX?",
    "Chegou tudo certinho, ótima loja!",
    "Aceita cartão? E entrega no bairro São João?",
    "Vou passar aí às 15h",
    "Não entendi, pode explicar melhor?",
)
PEOPLE = 24
GROUPS = 3


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes to the instance."""

    jid: str
    lid: str
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group the instance is in."""

    jid: str
    subject: str
    owner: Person
    people: tuple[Person, ...]


class Pen:
    """Writes for one instance; each message gets the next serial, in its id and in its text."""

    def __init__(self, seed: int, instance: str, instance_id: str) -> None:
        self.rng = random.Random(f"pen:{seed}:{instance}")
        self.instance = instance
        self.instance_id = instance_id
        self.serial = 0
        self._tag = zlib.crc32(f"{seed}:{instance}".encode())
        self.own_jid = f"55119{self.rng.randrange(10**8):08d}@s.whatsapp.net"
        self.people = tuple(self._person() for _ in range(PEOPLE))
        self.groups = tuple(self._group() for _ in range(GROUPS))

    def next_id(self, prefix: str = "3EB0") -> str:
        """A new message id, unique for this instance and serial."""
        self.serial += 1
        return f"{prefix}{self._tag:08X}{self.serial:08X}"

    def text(self) -> str:
        """A text that carries the current serial."""
        return f"{self.rng.choice(_TEXTS)} ({self.instance} #{self.serial:06d})"

    def person(self) -> Person:
        """Somebody."""
        return self.rng.choice(self.people)

    def group(self) -> Group:
        """Some group."""
        return self.rng.choice(self.groups)

    def blob(self, size: int) -> bytes:
        """Binary content."""
        return self.rng.randbytes(size)

    def long(self, value: int) -> dict[str, Any]:
        """A 64-bit integer as Evolution's copy of a protobuf Long shows it."""
        return {"low": value & 0x7FFFFFFF, "high": value >> 32, "unsigned": True}

    def _person(self) -> Person:
        digits = f"55{self.rng.randrange(11, 99)}9{self.rng.randrange(10**8):08d}"
        lid = f"{self.rng.randrange(10**14, 10**15)}@lid"
        return Person(f"{digits}@s.whatsapp.net", lid, f"{self.rng.choice(_FIRST)} {self.rng.choice(_LAST)}")

    def _group(self) -> Group:
        members = tuple(self.rng.sample(self.people, k=6))
        return Group(f"120363{self.rng.randrange(10**12):012d}@g.us", self.rng.choice(_SUBJECTS), members[0], members)
