"""pytest as the engine of the suite: options, selection, verdicts, evidence, results, summary."""
