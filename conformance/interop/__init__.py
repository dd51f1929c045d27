"""Interop scenarios between two real implementations, judged on the decrypted capture.

`pairs.py`: who meets whom. `site.py`: one run's network with every implementation on it, started once.
`bench.py`: what a scenario does with an initiator and a responder. `wire.py`: what the capture shows.
`scenarios/`: the scenarios. `plugin.py`: pytest's part, and the results.
"""
