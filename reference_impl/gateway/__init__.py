"""The gateway process: sockets, clock, configuration file, control socket and data plane around the engines."""
