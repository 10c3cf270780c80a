"""One self-contained page of what `lml check` and `lml run` found, and FINDINGS.md. Standard library only; computes
nothing."""
