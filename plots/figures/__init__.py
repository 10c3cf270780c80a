"""One module a kind of figure: NAME (its file's stem), fits(result), draw(result) -> matplotlib Figure."""
from figures import convergence, corrections_on_a_network, error_against_evaluations, law_in_plane, law_on_line

KINDS = (convergence, corrections_on_a_network, error_against_evaluations, law_on_line, law_in_plane)
