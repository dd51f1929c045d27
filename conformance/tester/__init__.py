"""What a test case imports: the tester, the `covers` marker, outcomes, misbehaviours, payloads and registries."""

from conformance.covers import covers
from conformance.tester import misbehaviour
from conformance.tester.child import ChildSa, Echo
from conformance.tester.draft import Draft, Edit, on_payloads
from conformance.tester.dut_initiator import DutInitiator
from conformance.tester.expect import (
    Accepted,
    Deleted,
    Empty,
    ErrorNotify,
    NoError,
    Notify,
    Outcome,
    Reply,
    Silence,
    accepts_sa,
    error_of,
    order_of,
)
from conformance.tester.ike_sa_init import InitExchange
from conformance.tester.initial import AuthExchange
from conformance.tester.received import Kind, Received
from conformance.tester.sa import IkeSa, Sent
from conformance.tester.tester import Tester, fresh_spi, nat_hash
from conformance.tester.verdicts import Deviation, DutDied, Inconclusive, NoAnswer, NotApplicable, NotEstablished

__all__ = [
    "Accepted",
    "AuthExchange",
    "ChildSa",
    "Deleted",
    "Deviation",
    "Draft",
    "DutDied",
    "DutInitiator",
    "Echo",
    "Edit",
    "Empty",
    "ErrorNotify",
    "IkeSa",
    "Inconclusive",
    "InitExchange",
    "Kind",
    "NoAnswer",
    "NoError",
    "NotApplicable",
    "NotEstablished",
    "Notify",
    "Outcome",
    "Received",
    "Reply",
    "Sent",
    "Silence",
    "Tester",
    "accepts_sa",
    "covers",
    "error_of",
    "fresh_spi",
    "misbehaviour",
    "nat_hash",
    "on_payloads",
    "order_of",
]
