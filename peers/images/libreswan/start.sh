#!/bin/sh
# The peer on its kernel: protected addresses, NSS database, pluto (by the agent) and the agent.
set -u
for address in ${PROTECTED:-}; do ip address add "$address" dev lo; done
mkdir -p /run/pluto /run/ikeproof/nss
: > /run/ikeproof/ipsec.secrets
cat > /run/ikeproof/ipsec.conf <<CONF
config setup
    logfile=/lab/pluto.log
    nssdir=/run/ikeproof/nss
    secretsfile=/run/ikeproof/ipsec.secrets
    uniqueids=no
    virtual-private=
    plutodebug=${PLUTO_DEBUG:-private}
CONF
certutil -N -d sql:/run/ikeproof/nss --empty-password
exec /usr/local/lib/ikeproof/agent.py 7600
