"""Adapters whose implementation is another project's: its own programs and libraries, in a container of the lab.

Apart from `vectors.recording` nothing else in `vectors` knows `peers`.
"""
