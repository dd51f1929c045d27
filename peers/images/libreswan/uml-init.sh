#!/bin/sh
# Process 1 of the User-Mode Linux kernel: file systems, modules, network, then the peer.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
. /lab/uml.env
export PROTECTED AGENT_TOKEN
modprobe -a af_key xfrm_user esp4 ah4 ipcomp esp6 ah6 ipcomp6 xfrm4_tunnel gcm ccm ctr cbc authenc hmac sha1_generic \
    sha256_generic sha512_generic cmac xcbc chacha20poly1305 aes_generic seqiv echainiv 2>/dev/null
# the kernel looks for further modules at the first use of each algorithm: take that time now
warm() {
    ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1 mode tunnel "$@" 2>/dev/null
    ip xfrm state delete src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1 2>/dev/null
}
k16=0x00000000000000000000000000000000
{
    warm aead 'rfc4106(gcm(aes))' ${k16}00000000 128
    warm aead 'rfc4309(ccm(aes))' ${k16}000000 128
    warm aead 'rfc7539esp(chacha20,poly1305)' ${k16}${k16#0x}00000000 128
    warm enc 'cbc(aes)' $k16 auth-trunc 'hmac(sha256)' ${k16}${k16#0x} 128
    warm enc 'cbc(aes)' $k16 auth-trunc 'hmac(sha512)' ${k16}${k16#0x}${k16#0x}${k16#0x} 256
    warm enc 'cbc(aes)' $k16 auth-trunc 'hmac(sha1)' ${k16}00000000 96
    warm enc 'rfc3686(ctr(aes))' ${k16}00000000 auth-trunc 'xcbc(aes)' $k16 96
} &
ip link set dev lo up
ip link set dev vec0 up
ip address add "$ADDRESS" dev vec0
# XFRM looks up a route before it looks at policies
ip route add "$HOST/32" dev vec0
ip route add default via "$GATEWAY" dev vec0
exec /usr/local/lib/ikeproof/start.sh
