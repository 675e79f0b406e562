"""A secret in a tool's result or a call reaches its tool, and nothing that is shown or kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.masking import MASK, secret_field
from agentctl.runtime.dispatch import effect_key
from tests.support.build import CANCEL, bundle
from tests.support.command import Screen
from tests.support.here import Here
from tests.support.loopback import Loopback, calls, says
from tests.support.provider import Provider

KEY = "sk-abcdefghijklmnopqrst"
PASSWORD = "tulip-on-the-hill"
READ = calls(("get_order", '{"order_id": "o_1"}'), ids=("a",))
CANCEL_IT = calls(("cancel_order", json.dumps({"order_id": "o_1", "token": KEY})), ids=("b",))
DONE = says("Order o_1 is cancelled.")
ARGUMENTS = (
    "{type: object, additionalProperties: false, required: [order_id], properties: {order_id:"
    " {type: string}, token: {type: string}}}"
)


class Desk(Here):
    """A live project whose tool takes a token, and asks for large orders."""

    def task(self, *more: str) -> tuple[str, ...]:
        return ("run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7", *more)

    def kept(self) -> bytes:
        """Return every byte that the project keeps of its runs."""
        files = (self.root / ".agentctl").rglob("*")
        return b"".join(file.read_bytes() for file in files if file.is_file())


@pytest.fixture
def desk(tmp_path: Path, model: Loopback, shop: Provider) -> Desk:
    made = Desk(tmp_path, model, shop)
    manifest = made.root / "tools" / "shop.yaml"
    head, _, rest = manifest.read_text().partition("  - name: cancel_order\n")
    given = rest.partition("inputSchema: ")[2].partition("\n")[0]
    manifest.write_text(f"{head}  - name: cancel_order\n{rest.replace(given, ARGUMENTS)}")
    return made


def without_asking(desk: Desk) -> None:
    """Let every call run without a person."""
    policy = desk.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("total > 100", "total > 1000"))


def test_a_secret_in_a_result_is_shown_and_kept_nowhere(
    desk: Desk, model: Loopback, shop: Provider
):
    """Step lines, JSON, trace and state hold the mark; the model works with what the tool said."""
    without_asking(desk)
    record = {"order_id": "o_1", "customer_id": "cus_7", "status": "pending", "total": 250}
    answer = json.dumps({**record, "password": PASSWORD, "note": KEY}).encode()
    shop.answers["/orders/o_1"] = (200, {}, answer)
    model.script(READ, CANCEL_IT, says(f"The key is {KEY}."))
    out, err = desk(*desk.task("--format", "json"))
    for text in (out, err, desk.kept().decode("utf-8", "replace")):
        assert KEY not in text
        assert PASSWORD not in text
    assert MASK in err
    told = json.dumps(model.asked[1].body["messages"])
    assert KEY in told and PASSWORD in told, "the model was sent the original"
    assert [effect["token"] for effect in shop.effects] == [KEY], "the tool too"


def test_a_call_with_a_secret_does_not_wait_on_disk(desk: Desk, model: Loopback, shop: Provider):
    """It is refused with the reason, and the model is told."""
    model.script(READ, CANCEL_IT, says("I cannot do that here."))
    out, err = desk(*desk.task("--approvals", "queue", "--format", "json"))
    assert json.loads(out)["answer"] == "I cannot do that here."
    why = "`token` holds a secret, which must not wait on disk"
    assert why in json.dumps(model.asked[2].body["messages"])
    assert shop.effects == []
    assert KEY not in out + err
    assert KEY.encode() not in desk.kept()
    assert "nothing waits" in desk("inbox", "list")[1]


def test_a_modification_with_a_secret_does_not_wait_on_disk(
    desk: Desk, model: Loopback, shop: Provider
):
    """The person is told where they can say it."""
    model.script(READ, calls(("cancel_order", '{"order_id": "o_1"}'), ids=("b",)))
    desk(*desk.task("--approvals", "queue"), exits=4)
    words = json.dumps({"order_id": "o_1", "token": KEY})
    _, err = desk("inbox", "modify", "1", words, "--as", "dana", exits=1)
    assert "error[secret-waits]" in err
    assert KEY.encode() not in desk.kept()


def test_a_secret_is_approved_at_a_terminal_without_being_shown(
    desk: Desk, model: Loopback, shop: Provider
):
    """The call that runs holds it; the prompt holds its mark."""
    model.script(READ, CANCEL_IT, DONE)
    screen = Screen(desk.root, *desk.task("--approver", "dana"), env=desk.env)
    screen.wait_for("approve? ")
    screen.type("m")
    screen.wait_for("arguments as JSON")
    screen.type(json.dumps({"order_id": "o_1", "token": MASK}))
    screen.wait_for("is cancelled.")
    assert screen.end() == 0
    assert [effect["token"] for effect in shop.effects] == [KEY]
    assert KEY not in screen.text
    assert KEY.encode() not in desk.kept()


def test_an_effect_with_a_secret_in_doubt_is_not_sent_again(
    desk: Desk, model: Loopback, shop: Provider
):
    """After the process, nobody knows the secret: a person settles it, and no mark is sent."""
    without_asking(desk)
    model.script(READ, CANCEL_IT)
    shop.lose_answers = 1
    desk(*desk.task(), exits=4)
    assert "in_doubt" in desk("inbox", "list", exits=4)[0]
    desk("inbox", "settle", "1", "happened", "--as", "dana")
    assert [effect["token"] for effect in shop.effects] == [KEY]


def test_the_mark_of_a_secret_is_never_sent(desk: Desk, model: Loopback, shop: Provider):
    """A run that is taken up again knows the mark alone, and so does a model that reads a trace."""
    without_asking(desk)
    echo = calls(("cancel_order", json.dumps({"order_id": "o_1", "token": MASK})), ids=("b",))
    model.script(READ, echo, says("It cannot be sent."))
    out, _ = desk(*desk.task("--format", "json"))
    assert json.loads(out)["calls"][-1]["error"]["message"].startswith("`token` was a secret")
    assert shop.effects == []


def test_the_key_of_an_effect_holds_no_secret():
    """Of a secret that the manifest names as key, the trace and the ledger keep the hash."""
    spec = {**CANCEL, "idempotency": {"key": ["order_id", "token"]}}
    schema: dict[str, Any] = {"type": "object", "properties": {"order_id": {"type": "string"}}}
    schema["properties"]["token"] = {"type": "string"}
    tool = bundle(tools=[{**spec, "inputSchema": schema}]).tools["cancel_order"]
    first = effect_key(tool, {"order_id": "o_1", "token": "tulip"})
    assert first is not None and "tulip" not in first
    assert first == effect_key(tool, {"order_id": "o_1", "token": "tulip"})
    assert first != effect_key(tool, {"order_id": "o_1", "token": "rose"})
    assert effect_key(tool, {"order_id": "o_1", "token": None}) == 'cancel_order["o_1",null]'


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"a": "x", "token": "y"}, "token"), ({"a": {"b": [KEY]}}, "a"), ({"a": MASK}, "a"),
        ({"a": {"password": "x"}}, "a"), ({"tokens": 5, "a": "a token of it"}, None), ({}, None),
    ],
)  # fmt: skip
def test_a_secret_is_found_under_its_field(fields: dict[str, Any], name: str | None):
    """By its name, by its shape, and by the mark that stands for one."""
    assert secret_field(fields) == name
