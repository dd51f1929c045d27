#!/bin/sh
# Chooses the kernel for the data plane: the host's if it can do ESP, else a User-Mode Linux one.
# DATA_PLANE: auto | kernel | uml. GATEWAY: next hop; HOST: the host's address; ADDRESS: own one if not Docker's.
# The peer itself is start.sh, which runs on whichever kernel it is.
set -eu
here=/usr/local/lib/ikeproof
key=0x0000000000000000000000000000000000000000

kernel_has_esp() {
    ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1 mode tunnel \
        aead 'rfc4106(gcm(aes))' $key 128 2>/dev/null || return 1
    ip xfrm state flush
}

plane=${DATA_PLANE:-auto}
if [ "$plane" = auto ]; then
    if kernel_has_esp; then plane=kernel; else plane=uml; fi
fi
echo "$plane" > /lab/data-plane
if [ "$plane" = kernel ]; then
    if [ -n "${ADDRESS:-}" ]; then
        ip address flush dev eth0
        ip address add "$ADDRESS" dev eth0
    fi
    ip route replace "$HOST/32" dev eth0
    ip route replace default via "$GATEWAY" dev eth0
    exec "$here/start.sh"
fi

address=${ADDRESS:-$(ip -4 -o address show dev eth0 | awk '{print $4}')}
mac=$(cat /sys/class/net/eth0/address)
ip address flush dev eth0
ip link set dev eth0 promisc on
{
    echo "ADDRESS=$address"
    echo "GATEWAY=$GATEWAY"
    echo "HOST=$HOST"
    echo "PROTECTED='${PROTECTED:-}'"
    echo "AGENT_TOKEN=${AGENT_TOKEN:?}"
} > /lab/uml.env
# the kernel itself is the container's main process: it ends with the container and the container with it
export LD_PRELOAD=$here/xstate.so
exec /usr/bin/linux.uml mem="${UML_MEMORY:-256M}" root=/dev/root rootfstype=hostfs rootflags=/ rw \
    init=$here/uml-init.sh "vec0:transport=raw,ifname=eth0,depth=128,mac=$mac" con=null con0=null,fd:1 quiet
