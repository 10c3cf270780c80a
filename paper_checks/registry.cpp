#include "paper_checks/check.hpp"
#include "paper_checks/checks/damping.hpp"
#include "paper_checks/checks/derivation.hpp"
#include "paper_checks/checks/proposition1.hpp"
#include "paper_checks/checks/proposition2.hpp"

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
  };
  return checks;
}

}  // namespace lml::checks
