"""Outputs recorded from libreswan 5.2 in the lab."""

from peers.libreswan.state import LogState, parse

STATES = """#4: "psk"[2] 172.17.0.3:4500 ESTABLISHED_IKE_SA (established IKE SA); EXPIRE in 28798s; newest; idle;
#3: "psk"[3] 172.17.0.3:4500 ESTABLISHED_CHILD_SA (established Child SA); EXPIRE in 28797s; newest; eroute owner; IKE SA #4; idle;
#3: "psk"[3] 172.17.0.3 esp.619e6503@172.17.0.3 esp.c692663@172.17.0.2 tun.0@172.17.0.3 tun.0@172.17.0.2 Traffic: ESPin=252B ESPout=2KB ESPmax=2^63B 
#7: "psk"[5] 172.17.0.1:500 IKE_SA_INIT_I (sent IKE_SA_INIT request); RETRANSMIT in 0s; idle;
"""  # noqa: E501, W291
SELECTORS = (
    '10.1.0.0/24 <==> 10.2.0.1/32\tfrom 172.17.0.2 to 172.17.0.3 (252B/252B)\t"psk"[3], reqid=16400\n'
    "# Total IPsec connections: loaded 3, active 1\n"
)
LOG = """Nov 21 03:45:46.285306: "psk"[2] 172.17.0.3 #1: responder established IKE SA; authenticated peer using authby=secret and ID_FQDN '@t-1.example'
Nov 21 03:45:46.285337: "psk"[2] 172.17.0.3 #1: WARNING: '@gw.example' PSK length of 6 bytes is too short for PRF HMAC_SHA2_256 in FIPS mode (16 bytes required)
Nov 21 03:45:46.285831: | ikev2 I 0x8d5a75c962c6fbaa 0xb74f73659b0e3df9 none: aes_gcm_16128:0xb7897344888bd065b88aa4a18596a897
Nov 21 03:45:46.285865: | ikev2 R 0x8d5a75c962c6fbaa 0xb74f73659b0e3df9 none: aes_gcm_16128:0x23324a77e7d0b6cd896640aaa563a8bc
Nov 21 03:45:48.410806: | ikev2 I 0x1670a41bd7296509 0x7e51f55a46bb5224 none: aes_gcm_16128:0x2c88c3ff177280a297edc164f34aac73
Nov 21 03:45:48.410901: "psk"[2] 172.17.0.3 #4: initiator rekeyed IKE SA #1 {cipher=AES_GCM_16_128 integ=n/a prf=HMAC_SHA2_256 group=DH19}
"""  # noqa: E501


def test_spis_are_found_before_and_after_the_line_that_names_the_sa() -> None:
    log = LogState()
    log.feed(LOG)
    assert log.spis == {
        1: ("8d5a75c962c6fbaa", "b74f73659b0e3df9"),
        4: ("1670a41bd7296509", "7e51f55a46bb5224"),
    }
    assert log.remote_ids == {1: "@t-1.example"}
    assert log.initiators == {4}


def test_views() -> None:
    log = LogState()
    log.feed(LOG)
    rekeyed, half_open = parse(STATES, SELECTORS, log, "172.17.0.2")
    assert (rekeyed.spi_i, rekeyed.established, rekeyed.remote) == ("1670a41bd7296509", True, "172.17.0.3:4500")
    (child,) = rekeyed.children
    assert (child.spi_in, child.spi_out, child.state, child.mode) == ("0c692663", "619e6503", "installed", "tunnel")
    assert (child.bytes_in, child.bytes_out, child.encap) == (252, 2048, True)
    assert (child.local_ts, child.remote_ts) == (("10.1.0.0/24",), ("10.2.0.1/32",))
    assert (half_open.state, half_open.children, half_open.spi_i) == ("ike_sa_init_i", (), "")
