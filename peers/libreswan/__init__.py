"""libreswan: pluto on a kernel data plane, driven with whack through the agent in its machine."""
