"""Making transcripts anew with real peers: needs the lab (docs/lab.md). Replaying them needs nothing of this."""
