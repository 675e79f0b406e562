"""The words by which a case goes to a person although no spec names them: data, by language.

`EscalationSpec.default_triggers` chooses among the groups. They are looked for in what the user
says only, so that an answer may speak of the refund that was asked for. Accents and case do not
matter; `ue` for `ü` does, so both stand here.
"""

from collections.abc import Mapping

ESCALATION_WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "refund": {
        "en": (
            "refund", "refunds", "refunded", "refunding", "reimburse", "reimbursed",
            "reimbursement", "money back", "chargeback", "charge back",
        ),
        "de": (
            "rückerstattung", "rueckerstattung", "erstattung", "erstatten", "erstattet",
            "geld zurück", "geld zurueck", "rückzahlung", "rueckzahlung", "rückbuchung",
            "rueckbuchung",
        ),
        "fr": ("remboursement", "remboursements", "rembourser", "remboursez", "remboursé",
               "remboursée", "rétrofacturation"),
        "es": ("reembolso", "reembolsos", "reembolsar", "reembolsen", "reintegro",
               "devolución del dinero", "devuelvan mi dinero", "contracargo"),
        "it": ("rimborso", "rimborsi", "rimborsare", "rimborsate", "rimborsato", "riaccredito",
               "soldi indietro"),
    },
    "legal": {
        "en": (
            "legal", "lawyer", "lawyers", "attorney", "attorneys", "solicitor", "barrister",
            "lawsuit", "sue", "suing", "court", "litigation", "ombudsman",
        ),
        "de": (
            "anwalt", "anwältin", "anwaeltin", "rechtsanwalt", "rechtsanwältin",
            "rechtsanwaeltin", "anwälte", "anwaelte", "klage", "verklagen", "verklage",
            "gericht", "rechtliche schritte", "rechtsstreit", "verbraucherschutz",
        ),
        "fr": ("avocat", "avocate", "avocats", "tribunal", "juridique", "action en justice",
               "porter plainte", "poursuites"),
        "es": ("abogado", "abogada", "abogados", "demanda", "demandar", "tribunal", "tribunales",
               "acciones legales", "juzgado"),
        "it": ("avvocato", "avvocata", "avvocati", "tribunale", "azione legale", "azioni legali",
               "vie legali", "denuncia", "querela"),
    },
    "urgent": {
        "en": ("urgent", "urgently", "emergency", "asap", "immediately"),
        "de": ("dringend", "dringende", "dringender", "dringendes", "eilig", "notfall",
               "sofort", "umgehend"),
        "fr": ("urgent", "urgente", "urgence", "immédiatement", "d'urgence"),
        "es": ("urgente", "urgentes", "urgencia", "emergencia", "inmediatamente"),
        "it": ("urgente", "urgenti", "urgenza", "emergenza", "immediatamente"),
    },
    "escalate": {
        "en": (
            "escalate", "escalated", "escalation", "human agent", "real person",
            "speak to a human", "talk to a human", "speak to a person", "talk to a person",
            "speak to someone", "talk to someone", "formal complaint",
        ),
        "de": (
            "eskalieren", "eskalation", "echter mensch", "echten menschen", "mit einem menschen",
            "mit einem mitarbeiter", "mit einer mitarbeiterin", "beschwerde", "beschweren",
        ),
        "fr": ("escalader", "escalade", "un humain", "une vraie personne", "un conseiller",
               "une conseillère", "réclamation", "porter réclamation"),
        "es": ("escalar", "escalen", "escalación", "una persona real", "un humano",
               "un agente humano", "reclamación", "queja formal"),
        "it": ("escalation", "una persona vera", "un operatore", "un operatore umano",
               "un essere umano", "reclamo", "reclamo formale"),
    },
    "manager": {
        "en": ("manager", "managers", "supervisor", "supervisors", "team lead", "your boss"),
        "de": ("manager", "managerin", "vorgesetzter", "vorgesetzte", "vorgesetzten",
               "teamleiter", "teamleiterin", "chef", "chefin", "geschäftsführer",
               "geschaeftsfuehrer", "filialleiter"),
        "fr": ("manager", "responsable", "supérieur", "supérieure", "directeur", "directrice",
               "chef de service"),
        "es": ("gerente", "encargado", "encargada", "supervisor", "supervisora", "jefe", "jefa",
               "responsable"),
        "it": ("manager", "responsabile", "supervisore", "direttore", "direttrice",
               "capo reparto"),
    },
}  # fmt: skip
"""Group -> language (ISO 639-1) -> words and phrases."""


def escalation_words(group: str) -> tuple[str, ...]:
    """Return the words of one group in every language.

    >>> "Anwalt".casefold() in escalation_words("legal")
    True
    """
    return tuple(word for words in ESCALATION_WORDS[group].values() for word in words)


__all__ = ["ESCALATION_WORDS", "escalation_words"]
