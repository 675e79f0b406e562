"""Which tools sound as if they did what is hard to take back, and which do not."""

import pytest

from agentctl.specs.checks.tools.risks import signs
from agentctl.specs.shapes.tools import ToolSpec


def tool(name, description="Do it.", effect="external_write", **properties) -> ToolSpec:
    schema = {"type": "object", "properties": properties}
    return ToolSpec.model_validate(
        {"name": name, "description": description, "effect": effect, "inputSchema": schema}
    )


@pytest.mark.parametrize(
    ("name", "risk"),
    [
        ("refund_order", "moves_money"),
        ("issue_refund", "moves_money"),
        ("issueRefund", "moves_money"),
        ("stripe.create_payment", "moves_money"),
        ("pay_invoice", "moves_money"),
        ("transfer_funds", "moves_money"),
        ("add_credit", "moves_money"),
        ("delete_customer", "deletes"),
        ("bulk_delete_users", "deletes"),
        ("crm.remove_note", "deletes"),
        ("purge_cache", "deletes"),
        ("cancel_order", "cancels"),
        ("terminate_subscription", "cancels"),
        ("change_password", "changes_account"),
        ("reset_mfa", "changes_account"),
        ("update_account", "changes_account"),
        ("grant_role", "changes_account"),
        ("suspend_user", "changes_account"),
        ("broadcast", "sends_to_many"),
        ("send_newsletter", "sends_to_many"),
        ("send_bulk_email", "sends_to_many"),
        ("sign_contract", "commits_legally"),
        ("accept_agreement", "commits_legally"),
        ("countersign", "commits_legally"),
    ],
)
def test_a_name_gives_a_risk_away(name, risk):
    """A verb at the name's start, or a word in it that means one thing."""
    assert risk in signs(tool(name))


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("get_refund", "Read one refund."),
        ("set_category", "Set the category of the ticket."),
        ("reply_to_ticket", "Send a reply to the writer of the ticket."),
        ("close_ticket", "Close the ticket."),
        ("request_return", "Register the return of one delivered order."),
        ("send_confirmation", "Mail a confirmation of what was done to the account's address."),
        ("renew_loan", "Renew one loan by two weeks."),
        ("update_customer", "Set one field of one customer."),
        ("add_customer", "Add a customer at the end of the table."),
        ("create_event", "Put an event into the calendar."),
        ("update_event", "Change one field of an event; cancelled events stay as they are."),
        ("send_email", "Send an email to one address."),
        ("reply_email", "Reply to an email."),
        ("create_task", "Add a task to the board."),
        ("create_plot", "Draw a plot of the traffic."),
        ("sign_in", "Sign in to the shop."),
        ("book_appointment", "Book an appointment."),
        ("preview_refund", "Show what a refund would come to."),
        ("assign_ticket", "Assign the ticket to a colleague."),
        ("log_call", "Note a call with a customer who asks for a refund."),
        ("transfer_call", "Put the caller through to a colleague."),
        ("move_card", "Move a card to another column."),
        ("archive_conversation", "Archive a conversation."),
        ("schedule_meeting", "Schedule a meeting."),
    ],
)
def test_an_ordinary_tool_is_left_alone(name, description):
    """No false alarm where a word only comes by."""
    assert signs(tool(name, description)) == {}


@pytest.mark.parametrize(
    ("spec", "risk"),
    [
        (tool("process", "Refund the whole order."), "moves_money"),
        (tool("settle", "Make a payment.", payment_id={}), "moves_money"),
        (tool("set_value", "Write a new password.", password={}), "changes_account"),
        (tool("mail", to={"type": "array"}), "sends_to_many"),
        (tool("move", "Move it.", amount={}), "moves_money"),
    ],
)
def test_descriptions_and_arguments_count_too(spec, risk):
    """A description that begins with the verb, or two lesser signs together."""
    assert risk in signs(spec)


def test_a_list_of_recipients_counts_only_where_something_is_sent():
    """An internal write may well take a list of addresses."""
    assert signs(tool("mail", effect="internal_write", to={"type": "array"})) == {}


def test_a_read_is_flagged_only_where_its_name_says_that_it_acts():
    """`refund_policy` reads a policy; a `refund_order` that claims to read is told."""
    assert signs(tool("payment_status", "Look up a payment.", "none")) == {}
    assert signs(tool("refund_policy", "Read the refund policy.", "none")) == {}
    assert signs(tool("refund_order", "Give it back.", "none")) == {
        "moves_money": "`refund` in its name"
    }
