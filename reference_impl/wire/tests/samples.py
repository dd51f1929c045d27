"""Messages with every payload type, shared by the tests."""

from __future__ import annotations

from reference_impl.wire.base import Payload
from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.encrypted import SkfPayload, SkPayload
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.raw import UnknownPayload
from reference_impl.wire.registries import (
    AuthMethod,
    CertEncoding,
    CfgAttribute,
    CfgType,
    Encr,
    Esn,
    ExchangeType,
    Group,
    IdType,
    Integ,
    NotifyType,
    Prf,
    ProtocolId,
    TransformType,
    TsType,
)
from reference_impl.wire.sa import Attribute, Proposal, SaPayload, Transform, key_length
from reference_impl.wire.simple import (
    AuthPayload,
    CertPayload,
    CertReqPayload,
    EapPayload,
    IdiPayload,
    IdrPayload,
    KePayload,
    NoncePayload,
    VendorPayload,
)
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

IKE_TRANSFORMS = (
    Transform(TransformType.ENCR, Encr.AES_CBC, (key_length(256),)),
    Transform(TransformType.INTEG, Integ.HMAC_SHA2_256_128),
    Transform(TransformType.PRF, Prf.HMAC_SHA2_256),
    Transform(TransformType.KE, Group.CURVE25519),
)
ESP_TRANSFORMS = (
    Transform(TransformType.ENCR, Encr.AES_GCM_16, (key_length(128),)),
    Transform(TransformType.ESN, Esn.NO_ESN),
)

SA_IKE = SaPayload(
    (
        Proposal(1, ProtocolId.IKE, b"", IKE_TRANSFORMS),
        Proposal(2, ProtocolId.IKE, b"", (*IKE_TRANSFORMS[2:], Transform(TransformType.ENCR, 999)), reserved=7),
    )
)
SA_ESP = SaPayload((Proposal(1, ProtocolId.ESP, b"\xca\xfe\xba\xbe", ESP_TRANSFORMS),))
SA_TLV = SaPayload(
    (
        Proposal(
            1,
            ProtocolId.IKE,
            b"rekeyspi",
            (Transform(TransformType.ENCR, Encr.AES_CBC, (key_length(128), Attribute(99, b"\1\2\3", False))),),
        ),
    )
)

PAYLOADS: dict[str, Payload] = {
    "sa-ike": SA_IKE,
    "sa-esp": SA_ESP,
    "sa-tlv": SA_TLV,
    "ke": KePayload(Group.CURVE25519, bytes(range(32))),
    "idi-ipv4": IdiPayload(IdType.ID_IPV4_ADDR, bytes((192, 0, 2, 1))),
    "idr-fqdn": IdrPayload(IdType.ID_FQDN, b"gw.example"),
    "idi-rfc822": IdiPayload(IdType.ID_RFC822_ADDR, b"someone@example.com"),
    "idr-ipv6": IdrPayload(IdType.ID_IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001")),
    "idi-key-id": IdiPayload(IdType.ID_KEY_ID, b"\0\1<script>"),
    "cert": CertPayload(CertEncoding.X509_SIGNATURE, b"\x30\x03\x02\x01\x01"),
    "certreq": CertReqPayload(CertEncoding.X509_SIGNATURE, bytes(range(40))),
    "auth": AuthPayload(AuthMethod.SHARED_KEY_MIC, bytes(range(100, 132))),
    "nonce": NoncePayload(bytes(range(50, 82))),
    "notify": NotifyPayload(NotifyType.NAT_DETECTION_SOURCE_IP, bytes(range(20))),
    "notify-spi": NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.ESP, b"\1\2\3\4"),
    "notify-error": NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, b"\0\x13"),
    "delete-ike": DeletePayload(ProtocolId.IKE),
    "delete-esp": DeletePayload(ProtocolId.ESP, 4, (b"\1\2\3\4", b"\5\6\7\x08")),
    "vendor": VendorPayload(b"ikeproof vendor"),
    "tsi": TsiPayload((TrafficSelector.from_network("10.1.0.0/24"),)),
    "tsr": TsrPayload(
        (
            TrafficSelector.from_network("10.2.0.1-10.2.0.9", 17, (100, 200)),
            TrafficSelector.from_network("2001:db8::/64"),
        )
    ),
    "ts-opaque": TsiPayload((TrafficSelector(TsType.TS_SECLABEL, 0, 0, 0, b"label", b""),)),
    "cp": ConfigPayload(
        CfgType.REPLY,
        (
            ConfigAttribute(CfgAttribute.INTERNAL_IP4_ADDRESS, bytes((10, 3, 0, 1))),
            ConfigAttribute(CfgAttribute.INTERNAL_IP4_SUBNET, bytes((10, 0, 0, 0, 255, 0, 0, 0))),
            ConfigAttribute(CfgAttribute.INTERNAL_IP6_ADDRESS, bytes(15) + b"\1\x40"),
            ConfigAttribute(CfgAttribute.APPLICATION_VERSION, b"v1"),
            ConfigAttribute(CfgAttribute.INTERNAL_IP4_DNS),
        ),
    ),
    "eap": EapPayload(bytes((1, 7, 0, 9, 26)) + b"data"),
    "eap-success": EapPayload(bytes((3, 7, 0, 4))),
    "unknown": UnknownPayload(200, b"opaque", critical=True),
    "sk": SkPayload(bytes(range(64)), 35),
    "skf": SkfPayload(1, 3, bytes(range(48)), 35),
}


def message(*payloads: Payload, exchange: ExchangeType = ExchangeType.IKE_AUTH) -> Message:
    """A request with these payloads."""
    return Message(b"initiatr", b"respondr", exchange, Flags.INITIATOR, 1, payloads)


def every_message() -> dict[str, Message]:
    """One message per payload sample, and an IKE_SA_INIT with several payloads."""
    single = {name: message(payload) for name, payload in PAYLOADS.items()}
    names = ("sa-ike", "ke", "nonce", "notify", "notify-error", "vendor", "certreq")
    whole = message(*[PAYLOADS[name] for name in names], exchange=ExchangeType.IKE_SA_INIT)
    child = message(
        *[PAYLOADS[name] for name in ("notify-spi", "sa-esp", "nonce", "ke", "tsi", "tsr", "cp", "delete-esp")],
        exchange=ExchangeType.CREATE_CHILD_SA,
    )
    return {**single, "ike-sa-init": whole, "create-child-sa": child}
