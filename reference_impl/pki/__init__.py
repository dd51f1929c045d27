"""Certificates and keys: loading, chain validation, matching an IKE identity, certificate requests, and a small CA."""
