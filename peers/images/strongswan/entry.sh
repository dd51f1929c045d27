#!/bin/sh
# Runs charon with /lab as its run folder; protected addresses come in PROTECTED ("10.1.0.1/24 …").
set -eu
for address in ${PROTECTED:-}; do ip address add "$address" dev lo; done
umask 0
/usr/lib/ipsec/charon &
charon=$!
trap 'kill -TERM $charon; wait $charon; exit 0' TERM INT
while [ ! -S /lab/charon.vici ] && kill -0 $charon 2>/dev/null; do sleep 0.02; done
# the folder around the socket belongs to the user who runs the lab, and to nobody else
[ -S /lab/charon.vici ] && chmod 0777 /lab/charon.vici
wait $charon
