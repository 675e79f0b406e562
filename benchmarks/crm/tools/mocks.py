"""The customer tools that are too long to declare: what they check, and what they write.

They follow the public description of the benchmark, refusals included; only the writes decide a
score. Text is never empty here: what is empty is stored as null.
"""

from datetime import datetime
from typing import Any

from agentctl.toolbox.mock.operations import MockError
from agentctl.toolbox.mock.world import Record, World

Args = dict[str, str]
Principal = dict[str, Any]

FIELDS = (
    "customer_id",
    "assigned_to_email",
    "customer_name",
    "customer_email",
    "customer_phone",
    "last_contact_date",
    "product_interest",
    "status",
    "follow_up_by",
    "notes",
)
EMAILS = ("assigned_to_email", "customer_email")
CLOSED = {
    "status": ("Qualified", "Won", "Lost", "Lead", "Proposal"),
    "product_interest": ("Software", "Hardware", "Services", "Consulting", "Training"),
}
"""Fields that `update_customer` sets to one of these values only."""
MOST_FOUND = 5
ID_DIGITS = 8


def search_customers(world: World, args: Args, _who: Principal, _now: datetime) -> list[Record]:
    """Return the first five customers that fit every filter."""
    records = (record for _, record in world.table("customers").records())
    fitting = (r for r in records if all(_fits(r, name, want) for name, want in args.items()))
    return [record for _, record in zip(range(MOST_FOUND), fitting, strict=False)]


def _fits(record: Record, name: str, want: str) -> bool:
    """Dates compare as text, all else by the part it holds, ignoring case; null never fits."""
    field = name.removesuffix("_min").removesuffix("_max")
    value = record[field]
    if value is None:
        return False
    if name.endswith("_min"):
        return bool(value >= want)
    if name.endswith("_max"):
        return bool(value <= want)
    return want.lower() in value.lower()


def update_customer(world: World, args: Args, _who: Principal, _now: datetime) -> str:
    """Set one field of a customer that exists, to a value that the field takes."""
    key, field, value = args["customer_id"], args["field"], args["new_value"]
    if value not in CLOSED.get(field, (value,)):
        raise MockError("invalid", f"{field} takes {', '.join(CLOSED[field])}")
    customers = world.table("customers")
    record = customers.get(key)
    if record is None:
        raise MockError("not_found", f"no customer {key}")
    if field not in FIELDS:
        raise MockError("invalid", f"customers have no field {field}")
    value = value.lower() if field in EMAILS else value
    if field == "customer_id":
        customers.delete(key)
        key = value
    customers.put(key, {**record, field: value})
    return "Customer updated successfully."


def add_customer(world: World, args: Args, _who: Principal, _now: datetime) -> str:
    """Append a customer under the number after the highest; no value is checked."""
    customers = world.table("customers")
    highest = max((int(key) for key, _ in customers.records() if key.isdecimal()), default=-1)
    key = f"{highest + 1:0{ID_DIGITS}d}"
    given = {name: args[name].lower() if name in EMAILS else args[name] for name in args}
    customers.put(key, {name: given.get(name) or None for name in FIELDS})
    return key


def find_email_address(world: World, args: Args, _who: Principal, _now: datetime) -> list[str]:
    """Return the addresses that hold the lower-cased name."""
    name = args["name"].lower()
    return [address for address, _ in world.table("directory").records() if name in address]


__all__ = ["add_customer", "find_email_address", "search_customers", "update_customer"]
