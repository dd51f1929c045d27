"""Transcripts of whole IKE exchanges: the files in vectors/data/transcripts, unfolded into ordinary cases."""
