"""The airline's tools: what they check, in which order, and what they write.

They follow the public description of tau-bench's airline domain. Only writes decide a score, so
reads answer simply. Records are never changed in place: a write puts a new one.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agentctl.toolbox.mock.tools import MockError
from agentctl.toolbox.mock.world import Record, World

Args = dict[str, Any]
Principal = dict[str, Any]

BOOKED_AT = "2024-05-15T15:00:00"
NEW_IDS = ("HATHAT", "HATHAU", "HATHAV")
CERTIFICATES = ("certificate_3221322", "certificate_3221323", "certificate_3221324")
INSURANCE_USD = 30
BAG_USD = 50


def book_reservation(world: World, args: Args, _who: Principal, _now: datetime) -> Record:
    """Book flights, paid with what the user owns, under the next free id."""
    user = _get(world, "users", args["user_id"])
    flights = [_priced(world, leg, args["cabin"], len(args["passengers"])) for leg in _legs(args)]
    price = sum(leg["price"] for leg in flights) * len(args["passengers"])
    if args["insurance"] == "yes":
        price += INSURANCE_USD * len(args["passengers"])
    price += BAG_USD * args["nonfree_baggages"]
    paid = 0
    for payment in args["payment_methods"]:
        method = _method(user, payment["payment_id"])
        if method["source"] != "credit_card" and method["amount"] < payment["amount"]:
            raise MockError("invalid", f"not enough balance in {payment['payment_id']}")
        paid += payment["amount"]
    if paid != price:
        raise MockError("invalid", f"payment amount does not add up, total price is {price}")
    methods = dict(user["payment_methods"])
    for payment in args["payment_methods"]:
        method = methods[payment["payment_id"]]
        if method["source"] == "gift_card":
            left = method["amount"] - payment["amount"]
            methods[payment["payment_id"]] = {**method, "amount": left}
        elif method["source"] == "certificate":
            del methods[payment["payment_id"]]
    reservations = world.table("reservations")
    key = _first_free(NEW_IDS, lambda name: reservations.get(name) is None)
    given = {name: value for name, value in args.items() if name != "payment_methods"}
    reservation = {
        "reservation_id": key,
        **given,
        "flights": flights,
        "payment_history": args["payment_methods"],
        "created_at": BOOKED_AT,
    }
    reservations.put(key, reservation)
    booked = [*user["reservations"], key]
    _put_user(world, {**user, "payment_methods": methods, "reservations": booked})
    return reservation


def cancel_reservation(world: World, args: Args, _who: Principal, _now: datetime) -> Record:
    """Cancel a reservation and refund each payment; a second time refunds again."""
    reservation = _get(world, "reservations", args["reservation_id"])
    history = reservation["payment_history"]
    refunds = [{**payment, "amount": -payment["amount"]} for payment in history]
    changed = {**reservation, "payment_history": [*history, *refunds], "status": "cancelled"}
    world.table("reservations").put(args["reservation_id"], changed)
    return changed


def send_certificate(world: World, args: Args, _who: Principal, _now: datetime) -> str:
    """Add a certificate to what the user may pay with."""
    user = _get(world, "users", args["user_id"])
    methods = user["payment_methods"]
    key = _first_free(CERTIFICATES, lambda name: name not in methods)
    new = {"source": "certificate", "amount": args["amount"], "id": key}
    _put_user(world, {**user, "payment_methods": {**methods, key: new}})
    return f"Certificate {key} added to user {args['user_id']} with amount {args['amount']}."


def update_reservation_baggages(
    world: World, args: Args, _who: Principal, _now: datetime
) -> Record:
    """Set the number of bags; added ones beyond the free ones are paid for."""
    reservation = _get(world, "reservations", args["reservation_id"])
    added = args["nonfree_baggages"] - reservation["nonfree_baggages"]
    changed = {
        **_paid(world, reservation, args["payment_id"], BAG_USD * max(0, added)),
        "total_baggages": args["total_baggages"],
        "nonfree_baggages": args["nonfree_baggages"],
    }
    world.table("reservations").put(args["reservation_id"], changed)
    return changed


def update_reservation_flights(world: World, args: Args, _who: Principal, _now: datetime) -> Record:
    """Replace the flights and pay the difference in price; the cabin stays as it is."""
    reservation = _get(world, "reservations", args["reservation_id"])
    seats = len(reservation["passengers"])
    same_cabin = args["cabin"] == reservation["cabin"]
    flights = []
    for leg in _legs(args):
        booked = (f for f in reservation["flights"] if same_cabin and _is_leg(f, leg))
        flights.append(next(booked, None) or _priced(world, leg, args["cabin"], seats))
    before = sum(leg["price"] for leg in reservation["flights"])
    price = (sum(leg["price"] for leg in flights) - before) * seats
    changed = {**_paid(world, reservation, args["payment_id"], price), "flights": flights}
    world.table("reservations").put(args["reservation_id"], changed)
    return changed


def update_reservation_passengers(
    world: World, args: Args, _who: Principal, _now: datetime
) -> Record:
    """Replace the passengers by as many others."""
    reservation = _get(world, "reservations", args["reservation_id"])
    if len(args["passengers"]) != len(reservation["passengers"]):
        raise MockError("invalid", "number of passengers does not match")
    changed = {**reservation, "passengers": args["passengers"]}
    world.table("reservations").put(args["reservation_id"], changed)
    return changed


def list_all_airports(world: World, _args: Args, _who: Principal, _now: datetime) -> list[str]:
    """Return the airports that flights leave from."""
    return sorted({flight["origin"] for _, flight in world.table("flights").records()})


def search_direct_flight(world: World, args: Args, _who: Principal, _now: datetime) -> list[Record]:
    """Return the flights of a day from one airport to another."""
    return list(_flights(world, args["origin"], args["destination"], args["date"]))


def search_onestop_flight(
    world: World, args: Args, _who: Principal, _now: datetime
) -> list[list[Record]]:
    """Return pairs of flights of a day that meet in between."""
    firsts = _flights(world, args["origin"], None, args["date"])
    seconds = list(_flights(world, None, args["destination"], args["date"]))
    return [
        [first, second]
        for first in firsts
        for second in seconds
        if first["destination"] == second["origin"]
        and first["scheduled_arrival_time_est"] <= second["scheduled_departure_time_est"]
    ]


def calculate(_world: World, args: Args, _who: Principal, _now: datetime) -> str:
    """Acknowledge; what an agent works out decides no score."""
    return str(args["expression"])


def think(_world: World, _args: Args, _who: Principal, _now: datetime) -> str:
    """Return nothing, as the benchmark's tool does."""
    return ""


def _flights(
    world: World, origin: str | None, destination: str | None, date: str
) -> Iterable[Record]:
    for _, flight in world.table("flights").records():
        on_day = flight["dates"].get(date, {})
        if (
            origin in (None, flight["origin"])
            and destination in (None, flight["destination"])
            and on_day.get("status") == "available"
        ):
            yield {**{k: v for k, v in flight.items() if k != "dates"}, **on_day}


def _legs(args: Args) -> list[Args]:
    return [dict(leg) for leg in args["flights"]]


def _is_leg(booked: Record, leg: Args) -> bool:
    return bool(booked["flight_number"] == leg["flight_number"] and booked["date"] == leg["date"])


def _priced(world: World, leg: Args, cabin: str, seats: int) -> dict[str, Any]:
    """Return a leg with its price and airports, if there are seats on that day."""
    flight = _get(world, "flights", leg["flight_number"])
    on_day = flight["dates"].get(leg["date"])
    if on_day is None or on_day["status"] != "available":
        raise MockError("invalid", f"flight {leg['flight_number']} not available on {leg['date']}")
    if on_day["available_seats"][cabin] < seats:
        raise MockError("invalid", f"not enough seats on flight {leg['flight_number']}")
    return {
        **leg,
        "price": on_day["prices"][cabin],
        "origin": flight["origin"],
        "destination": flight["destination"],
    }


def _paid(world: World, reservation: Record, payment_id: str, price: int) -> Record:
    """Return the reservation with a payment; a gift card loses what it pays."""
    user = _get(world, "users", reservation["user_id"])
    method = _method(user, payment_id)
    if method["source"] == "certificate":
        raise MockError("invalid", "certificate cannot be used to update reservation")
    if method["source"] == "gift_card":
        if method["amount"] < price:
            raise MockError("invalid", "gift card balance is not enough")
        left = {**method, "amount": method["amount"] - price}
        _put_user(world, {**user, "payment_methods": {**user["payment_methods"], payment_id: left}})
    if not price:
        return reservation
    history = [*reservation["payment_history"], {"payment_id": payment_id, "amount": price}]
    return {**reservation, "payment_history": history}


def _method(user: Record, payment_id: str) -> Record:
    method = user["payment_methods"].get(payment_id)
    if method is None:
        raise MockError("not_found", f"payment method {payment_id} not found")
    found: Record = method
    return found


def _put_user(world: World, user: Record) -> None:
    world.table("users").put(user["user_id"], user)


def _get(world: World, table: str, key: str) -> Record:
    record = world.table(table).get(key)
    if record is None:
        raise MockError("not_found", f"{table[:-1]} {key} not found")
    return record


def _first_free(names: Iterable[str], free: Any) -> str:
    name = next(filter(free, names), None)
    if name is None:
        raise MockError("conflict", "no free id")
    return name


__all__ = [
    "book_reservation",
    "calculate",
    "cancel_reservation",
    "list_all_airports",
    "search_direct_flight",
    "search_onestop_flight",
    "send_certificate",
    "think",
    "update_reservation_baggages",
    "update_reservation_flights",
    "update_reservation_passengers",
]
