"""The IKEv2 engine (RFC 7296), sans-I/O: datagrams, ticks and commands in; datagrams, events and a deadline out."""
