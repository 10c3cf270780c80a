#include "paper_checks/check.hpp"
#include "paper_checks/checks/alg1_statements.hpp"
#include "paper_checks/checks/algorithm1.hpp"
#include "paper_checks/checks/annealed.hpp"
#include "paper_checks/checks/damping.hpp"
#include "paper_checks/checks/derivation.hpp"
#include "paper_checks/checks/laws_discretisation.hpp"
#include "paper_checks/checks/networks.hpp"
#include "paper_checks/checks/paper_tables.hpp"
#include "paper_checks/checks/prop3.hpp"
#include "paper_checks/checks/prop4.hpp"
#include "paper_checks/checks/proposition1.hpp"
#include "paper_checks/checks/proposition2.hpp"
#include "paper_checks/checks/remark2.hpp"
#include "paper_checks/checks/sampler_cost.hpp"
#include "paper_checks/checks/sampling_curves.hpp"
#include "paper_checks/checks/solver_jump.hpp"
#include "paper_checks/checks/winners_curse.hpp"

namespace lml::checks {

const std::map<std::string, Check>& registry() {
  static const std::map<std::string, Check> checks{
      // Eq. 3, 5-6, 13-16 and Proposition 1
      {"eq3-tweedie", tweedie},
      {"eq6-levenberg-marquardt", levenberg_marquardt},
      {"eq13-normaliser", gaussian_mass},
      {"eq13-normaliser-exponent", gaussian_exponent},
      {"eq13-normaliser-shape", gaussian_shape},
      {"eq14-gradient-of-r", gradient_of_r},
      {"eq15-jacobian", jacobian_dropped_term},
      {"eq15-jacobian-identity", jacobian_identity},
      {"eq15-jacobian-product-rule", jacobian_product_rule},
      {"prop1-sign", outer_product_sign},
      {"prop1-error", outer_product_error},
      {"prop1-alternatives", outer_product_alternatives},
      {"prop1-real-data", outer_product_real_data},
      // Proposition 2
      {"prop2-fisher", prop2_fisher},
      {"prop2-jacobian", prop2_jacobian},
      {"prop2-remainder", prop2_remainder},
      {"prop2-true-r", prop2_true_r},
      {"prop2-identity-norm", prop2_identity_norm},
      {"prop2-diameter", prop2_diameter},
      {"prop2-delta2", prop2_delta2},
      {"prop2-prefactors", prop2_prefactors},
      {"prop2-learned", prop2_learned},
      {"prop2-learned-corrected", prop2_learned_corrected},
      {"prop2-corrected", prop2_corrected},
      {"prop2-corrected-optimal", prop2_corrected_optimal},
      {"prop2-quarter", prop2_quarter},
      {"prop2-real-data", prop2_real_data},
      {"prop2-real-data-everywhere", prop2_real_data_everywhere},
      // Eq. 7, 8 and the damping
      {"eq8-inverse", eq8_inverse},
      {"eq8-prefactor", eq8_prefactor},
      {"eq8-condition", eq8_condition},
      {"eq8-condition-paper", eq8_condition_paper},
      {"eq8-limit", eq8_limit},
      {"eq8-limit-scaled", eq8_limit_scaled},
      {"eq8-absorbed", eq8_absorbed},
      {"eq7-critical-damping", eq7_critical_damping},
      {"eq7-critical-damping-mixture", eq7_critical_damping_mixture},
      {"eq7-critical-damping-real", eq7_critical_damping_real},
      {"eq7-critical-sharp", eq7_critical_sharp},
      {"eq7-critical-sharp-edge", eq7_critical_sharp_edge},
      {"eq7-printed-sign", eq7_printed_sign},
      {"def2-convexity", def2_convexity},
      {"def2-convexity-corrected", def2_convexity_corrected},
      {"def2-convexity-paper", def2_convexity_paper},
      // Eq. 9, 10 and 18
      {"eq9-limit", eq9_limit},
      {"eq9-limit-ancestral", eq9_limit_ancestral},
      {"eq9-eq10-marginals", eq9_eq10_marginals},
      {"eq9-eq10-marginals-normalised", eq9_eq10_marginals_normalised},
      {"eq10-keeps-pt", eq10_keeps_pt},
      {"eq10-keeps-pt-normalised", eq10_keeps_pt_normalised},
      {"eq10-keeps-pt-exact", eq10_keeps_pt_exact},
      {"eq10-corrected", eq10_corrected},
      // Sec. 2.1, and the step beside the law
      {"sec21-metropolis", metropolis_langevin},
      {"sec21-metropolis-damped", metropolis_damped},
      {"sec21-metropolis-acceptance", metropolis_acceptance_rate},
      {"prop3-step-bias", step_bias},
      {"prop3-step-bias-rank-one", step_bias_rank_one},
      // Proposition 4 and Remark 2
      {"prop4-gaussian", prop4_gaussian},
      {"prop4-brascamp-lieb", prop4_brascamp_lieb},
      {"prop4-brascamp-lieb-any", prop4_brascamp_lieb_any},
      {"prop4-undamped", prop4_undamped},
      {"prop4-decay", prop4_decay},
      {"prop4-decay-plane", prop4_decay_plane},
      {"prop4-decay-printed", prop4_decay_printed},
      {"prop4-which-law", prop4_which_law},
      {"prop4-sign-slip", prop4_sign_slip},
      {"prop4-equal-cost", prop4_equal_cost},
      {"prop4-equal-cost-modes", prop4_equal_cost_modes},
      {"prop4-equal-cost-bias", prop4_equal_cost_bias},
      {"prop4-mode-crossing", prop4_mode_crossing},
      {"prop4-mode-crossing-plane", prop4_mode_crossing_plane},
      {"prop4-mode-crossing-exponential", prop4_mode_crossing_exponential},
      {"remark2-tv", remark2_tv},
      {"remark2-hellinger", remark2_hellinger},
      {"remark2-kl", remark2_kl},
      {"remark2-wasserstein", remark2_wasserstein},
      {"remark2-wasserstein-metric", remark2_wasserstein_metric},
      // Eq. 1 and 4, Proposition 3
      {"eq1-stationary", eq1_stationary},
      {"eq4-sign", eq4_sign},
      {"eq4-sign-corrected", eq4_sign_corrected},
      {"eq4-stationary", eq4_stationary},
      {"eq4-stationary-gaussian", eq4_stationary_gaussian},
      {"prop3-exists", prop3_exists},
      {"prop3-exists-exact", prop3_exists_exact},
      {"prop3-exists-rank-one", prop3_exists_rank_one},
      {"prop3-exists-scaled", prop3_exists_scaled},
      {"prop3-exists-scaled-threshold", prop3_exists_scaled_threshold},
      {"prop3-unique", prop3_unique},
      {"prop3-unique-elliptic", prop3_unique_elliptic},
      {"prop3-exact", prop3_exact},
      {"prop3-exact-gaussian", prop3_exact_gaussian},
      {"prop3-exact-printed", prop3_exact_printed},
      {"prop3-rank-one", prop3_rank_one},
      {"prop3-rank-one-line", prop3_rank_one_line},
      {"prop3-scaled", prop3_scaled},
      {"prop3-stratonovich", prop3_stratonovich},
      {"prop3-stratonovich-rank-one", prop3_stratonovich_rank_one},
      {"prop3-stratonovich-half", prop3_stratonovich_half},
      {"prop3-corrected", prop3_corrected},
      {"prop3-three-ways", prop3_three_ways},
      {"prop3-dimension", prop3_dimension},
      {"prop3-mirror", prop3_mirror},
      {"prop3-mirror-rank-one", prop3_mirror_rank_one},
      // What Sec. 3.4, 5.5 and B.2 say about Algorithm 1
      {"alg1-closer-score", closer_score},
      {"alg1-closer-score-learned", closer_score_learned},
      {"alg1-closer-score-flow", closer_score_flow},
      {"alg1-closer-score-step", closer_score_step},
      {"alg1-closer-score-next", closer_score_next},
      {"alg1-closer-score-corrected", closer_score_corrected},
      {"alg1-unit-spectrum", unit_spectrum},
      {"alg1-unit-spectrum-norm", unit_spectrum_norm},
      {"alg1-unit-spectrum-noise", unit_spectrum_noise},
      {"alg1-discretises-eq10", discretises_eq10},
      {"alg1-discretises-eq10-normalised", discretises_eq10_normalised},
      {"alg1-initial-variance", initial_variance},
      {"alg1-initial-variance-edm", initial_variance_edm},
      {"secB2-winners-curse", winners_curse},
      {"secB2-winners-curse-size", winners_curse_size},
      {"sec55-monotone", monotone},
      {"sec55-monotone-paper", monotone_paper},
      {"sec55-monotone-float32", monotone_float32},
      {"sec55-robust", robust},
      {"fig9-lambda", fig9_lambda},
      {"fig9-lambda-float32", fig9_lambda_float32},
      {"fig10-kappa", fig10_kappa},
      {"fig10-kappa-paper", fig10_kappa_paper},
      {"fig10-kappa-data", fig10_kappa_data},
      {"fig10-kappa-float32", fig10_kappa_float32},
      // The paper's tables
      {"tables-best", tables_best},
      {"tables-best-first", tables_best_first},
      {"tables-best-most", tables_best_most},
      {"tables-evaluations", tables_evaluations},
      {"tables-evaluations-equal", tables_evaluations_equal},
      {"table1-dpm-jump", dpm_jump},
      {"table1-dpm-jump-column", dpm_jump_column},
      {"table1-dpm-jump-everywhere", dpm_jump_everywhere},
      {"table1-dpm-jump-real-data", dpm_jump_real_data},
      {"table1-dpm-jump-plusplus", dpm_jump_plus_plus},
      // Algorithm 1
      {"alg1-kappa-zero", alg1_kappa_zero},
      {"alg1-multistep", alg1_multistep},
      {"alg1-multistep-order", alg1_multistep_order},
      {"alg1-best-beta", alg1_best_beta},
      {"alg1-best-beta-gain", alg1_best_beta_gain},
      {"alg1-best-beta-paper", alg1_best_beta_paper},
      {"alg1-float32", alg1_float32},
      {"alg1-float32-real", alg1_float32_real},
      {"alg1-noise", alg1_noise},
      {"alg1-increment", alg1_increment},
      {"alg1-increment-dpm", alg1_increment_dpm},
      {"alg1-increment-size", alg1_increment_size},
      {"secB2-minimal-kappa", minimal_kappa},
      {"secD4-better", better_correction},
      {"secD4-better-adaptive", better_adaptive},
      {"secD4-better-rank-two", better_rank_two},
      {"secD4-better-fisher", better_fisher},
      // Table 5
      {"table5-cost", correction_cost},
      // Real networks
      {"real-quality", correction_on_a_network},
      {"real-quality-exact", exact_correction_on_a_network},
      {"real-quality-celeba40", correction_on_faces},
      {"real-quality-anime64", correction_on_drawn_faces},
      {"real-score-error", score_error_of_a_network},
      {"real-hessian", rank_one_on_a_network},
      {"real-overhead", overhead_on_a_network},
  };
  return checks;
}

}  // namespace lml::checks
