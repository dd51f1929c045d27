#!/bin/sh
# Runs charon with /lab as its run folder. PROTECTED: addresses on lo ("10.1.0.1/24 …").
# ADDRESS, GATEWAY, HOST: own address, next hop and the host's address, for a peer behind the NAT box.
set -eu
if [ -n "${ADDRESS:-}" ]; then
    ip address flush dev eth0
    ip address add "$ADDRESS" dev eth0
    ip route add "$HOST/32" dev eth0
    ip route add default via "$GATEWAY" dev eth0
fi
for address in ${PROTECTED:-}; do ip address add "$address" dev lo; done
umask 0
/usr/lib/ipsec/charon &
charon=$!
trap 'kill -TERM $charon; wait $charon; exit 0' TERM INT
while [ ! -S /lab/charon.vici ] && kill -0 $charon 2>/dev/null; do sleep 0.02; done
# the folder around the socket belongs to the user who runs the lab, and to nobody else
[ -S /lab/charon.vici ] && chmod 0777 /lab/charon.vici
wait $charon
