"""One module a kind of figure. Of a command's result: NAME, fits(result), draw(result) -> matplotlib Figure. Of an
experiment, whose manifest names it: NAME, draw(run), and where time is the point wants_animation(run), animate(run)."""
from figures import (convergence, corrections_on_a_network, dots, error_against_evaluations, flow, heat, images, law_in_plane,
                     law_on_line, lines, paths, plane, relaxation)

KINDS = (convergence, corrections_on_a_network, error_against_evaluations, law_on_line, law_in_plane)
OF_EXPERIMENTS = (lines, dots, heat, plane, flow, paths, images, relaxation)
