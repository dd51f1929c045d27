"""Octets to frozen dataclasses and back: IKEv2 messages, UDP 4500, ESP framing and inner IP packets.

No state, no keys, no sockets. `message.Message` is the entry; `payload.PAYLOADS` is the registry of payload codecs;
every rejection is an `errors.WireError` with reason and offset.
"""
