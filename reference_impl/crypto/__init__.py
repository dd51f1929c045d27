"""Transform IDs of the IANA registries turned into algorithms, and key derivation.

Nothing here knows about messages or state. Every algorithm is one entry in the registry of its module.
"""
