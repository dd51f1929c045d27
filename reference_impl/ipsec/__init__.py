"""IPsec processing without sockets: SPD, SAD, ESP, replay protection, lifetimes, fragments and path MTU."""
