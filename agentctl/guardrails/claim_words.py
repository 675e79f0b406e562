"""How a claim of a finished deed reads, in English, German, French, Spanish and Italian: data.

Each template is a list of patterns for text in lower case; `claims.py` says when a pattern counts.
"""

from collections.abc import Mapping
from typing import NamedTuple

_GAP = r"(?:(?:[^\s,.;:!?]|[.,](?=\d))+ ){0,4}?"
"""A few words in between."""
_EN_BE = r"(?:is|are|was|were|has been|have been|got)"
_DE_PAST = r"(?:wurden?|ist|sind|habe|haben)"
_FR_PAST = r"(?:ai|avons|a été|ont été|est|sont|avez été)"
_ES_PAST = r"(?:he|hemos|ha sido|han sido|fue|fueron|está|están|queda|ha|han)"
_IT_PAST = r"(?:ho|abbiamo|è stat[oa]|sono stat[ie]|è|sono)"


class ClaimPattern(NamedTuple):
    """One deed an agent may claim."""

    patterns: tuple[str, ...]
    states: frozenset[str]
    """What the status of a record says when somebody did it before."""


TEMPLATES: Mapping[str, ClaimPattern] = {
    "refunded": ClaimPattern(
        (
            r"\b(?:refunded|reimbursed)\b",
            rf"\brefund {_GAP}(?:issued|processed|booked|completed?|done|initiated|executed"
            r"|on (?:its|the) way|went through)\b",
            rf"\b(?:issued|processed|booked|completed|initiated|made|given|sent) {_GAP}refund\b",
            rf"\b(?:returned|sent|paid|transferred|credited|gave|given) {_GAP}(?:back|to your"
            r" (?:card|account|bank))\b",
            rf"\b(?:money|payment|amount) {_GAP}{_EN_BE} {_GAP}(?:back|returned|credited)\b",
            rf"\b{_DE_PAST} {_GAP}(?:zurück|zurueck)?(?:erstattet|gezahlt|gebucht|überwiesen"
            r"|gutgeschrieben)\b",
            r"\b(?:rück|rueck)?(?:erstattung|zahlung) (?:wurde|ist) "
            rf"{_GAP}(?:veranlasst|gebucht|ausgeführt|angewiesen|erledigt|unterwegs|durch)\b",
            rf"\b{_FR_PAST} {_GAP}rembours(?:é|ée|és|ées)\b",
            rf"\bremboursement {_GAP}(?:effectué|émis|traité|lancé|validé|en route)\b",
            rf"\b(?:effectué|émis|lancé) {_GAP}remboursement\b",
            rf"\b{_ES_PAST} {_GAP}(?:reembolsad[oa]s?|devuelto)\b",
            r"\b(?:reembolsé|reembolsamos|devolví)\b",
            rf"\breembolso {_GAP}(?:realizado|emitido|procesado|hecho|completado)\b",
            rf"\b{_IT_PAST} {_GAP}rimborsat[oaie]\b",
            rf"\brimborso {_GAP}(?:effettuato|emesso|elaborato|eseguito|completato)\b",
        ),
        frozenset(
            {"refunded", "reimbursed", "erstattet", "remboursé", "reembolsado", "rimborsato"}
        ),
    ),
    "cancelled": ClaimPattern(
        (
            r"\b(?:cancell?ed|called off|voided)\b",
            rf"\bcancellation {_GAP}(?:confirmed|processed|completed?|done|went through)\b",
            rf"\b(?:processed|completed|confirmed) {_GAP}cancellation\b",
            rf"\b{_DE_PAST} {_GAP}(?:storniert|abgesagt|gekündigt|annulliert)\b",
            rf"\b(?:stornierung|kündigung) (?:wurde|ist) {_GAP}(?:bestätigt|ausgeführt|erledigt)\b",
            rf"\b{_FR_PAST} {_GAP}(?:annulé|résilié)(?:e|s|es)?\b",
            rf"\bannulation {_GAP}(?:effectuée|confirmée|traitée)\b",
            rf"\b{_ES_PAST} {_GAP}(?:cancelad|anulad)[oa]s?\b",
            r"\b(?:cancelé|cancelamos|anulé)\b",
            rf"\b{_IT_PAST} {_GAP}(?:annullat|cancellat|disdett)[oaie]\b",
        ),
        frozenset({"cancelled", "canceled", "storniert", "annulé", "cancelado", "annullato"}),
    ),
    "sent": ClaimPattern(
        (
            r"\b(?:sent|emailed|e-mailed|mailed|forwarded|dispatched)\b",
            rf"\b(?:email|e-mail|mail|message|letter|confirmation) {_GAP}(?:on its way|went out"
            r"|went through)\b",
            rf"\b{_DE_PAST} {_GAP}(?:gesendet|geschickt|verschickt|versendet|weitergeleitet"
            r"|zugesandt)\b",
            rf"\b{_FR_PAST} {_GAP}(?:envoyé|expédié|transmis|transféré)(?:e|s|es)?\b",
            rf"\b{_ES_PAST} {_GAP}(?:enviad|mandad|remitid)[oa]s?\b",
            r"\b(?:envié|enviamos|mandé)\b",
            rf"\b{_IT_PAST} {_GAP}(?:inviat|spedit|mandat|inoltrat)[oaie]\b",
        ),
        frozenset({"sent", "delivered", "shipped", "gesendet", "envoyé", "enviado", "inviato"}),
    ),
    "booked": ClaimPattern(
        (
            r"\b(?:booked|reserved|scheduled)\b",
            rf"\b(?:booking|reservation|appointment) {_GAP}(?:confirmed|made|completed?|done"
            r"|went through)\b",
            rf"\b(?:made|confirmed|completed) {_GAP}(?:booking|reservation|appointment)\b",
            rf"\b{_DE_PAST} {_GAP}(?:gebucht|reserviert|vereinbart)\b",
            rf"\b(?:buchung|reservierung) (?:wurde|ist) {_GAP}(?:bestätigt|ausgeführt|erledigt)\b",
            rf"\b{_FR_PAST} {_GAP}(?:réservé|planifié)(?:e|s|es)?\b",
            rf"\bréservation {_GAP}(?:confirmée|effectuée)\b",
            rf"\b{_ES_PAST} {_GAP}(?:reservad|agendad|programad)[oa]s?\b",
            r"\b(?:reservé|reservamos)\b",
            rf"\b{_IT_PAST} {_GAP}(?:prenotat|riservat|programmat)[oaie]\b",
        ),
        frozenset({"booked", "reserved", "confirmed", "gebucht", "réservé", "reservado"}),
    ),
}

HEDGES = (
    # no
    r"not|never|no|cannot|nothing|without|unable|\w+n't|failed to|nobody|none",
    r"kein\w*|nicht|nie|niemals|ohne|niemand",
    r"pas|jamais|sans|aucune?|ni",
    r"nunca|sin|ningún|ninguna|jamás",
    r"non|senza|nessun\w*",
    # not yet: what may, shall or will be, and what is asked
    r"(?<!\d )may(?! \d)|can|could|will|would|shall|should|might|must|able|going to"
    r"|to be|to get|to have|be|being|want|wants|like|need|needs|\w+'ll|\w+'d",
    r"kann|können|könnte\w*|würde\w*|werde|werden|wird|will|wollen|möchte\w*|soll\w*|darf|muss",
    r"peux|peut|pouvons|pourr\w+|vais|allons|va|voul\w+|souhait\w+|doit|sera|seront|serez",
    r"puedo|puede|podemos|podr\w+|voy|vamos|quier\w+|será|serán|debe",
    r"posso|può|possiamo|potr\w+|vuole|vorr\w+|sarà|saranno|verrà|verranno|deve",
    # under a condition
    r"if|when|once|unless|until|whether|after|before|as soon as|in case|how|which|that were",
    r"wenn|falls|sobald|ob|bevor|nachdem|bis",
    r"si|lorsque|quand|une fois|avant|après|dès",
    r"cuando|una vez|antes|después",
    r"quando|una volta|prima|dopo|appena",
)
"""Words before a claim, in its clause, that make it something else."""
NO_HEDGES = (
    r"(?:not|nicht|non|no) (?:only|just|nur|bloß|seulement|solo|sólo|solamente|soltanto)"
    r"|no (?:problem|worries|doubt)|kein problem|pas de problème|sin problema"
)
"""Words that look like a denial and are none."""
FIRST_PERSON = (
    r"i|we|i've|we've|ich|wir|je|j'ai|nous|he|hemos|ho|abbiamo"
    r"|reembolsé|reembolsamos|cancelé|cancelamos|anulé|envié|enviamos|mandé|reservé|reservamos"
)
ALREADY = (
    r"already|earlier|yesterday|previously|ago|bereits|schon|gestern|déjà|hier|ya|ayer|già|ieri"
)
SPLITS = (
    r"but|however|so that|aber|sondern|jedoch|mais|pero|sino|però"
    r"|and (?:i|we)|und (?:ich|wir|habe|haben)|et (?:je|j'|nous)|y (?:he|hemos)|e (?:ho|abbiamo)"
)
"""Words that start a clause of their own."""
NOUNS = (
    r"orders?|items?|payments?|amounts?|purchases?|bookings?|subscriptions?|tickets?|messages?"
    r"|e-?mails?|rooms?|seats?|flights?|appointments?"
)
"""What a participle before them only describes: "refunded orders take five days"."""

__all__ = [
    "ALREADY",
    "FIRST_PERSON",
    "HEDGES",
    "NOUNS",
    "NO_HEDGES",
    "SPLITS",
    "TEMPLATES",
    "ClaimPattern",
]
