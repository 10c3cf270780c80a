#include "samplers/torch/matched_noise.hpp"

#include <cmath>

namespace lml {

using at::Tensor;

std::vector<Tensor> relative_changes(const std::vector<Tensor>& answers, const Correction& correction) {
  std::vector<Tensor> out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Tensor& q = answers[i];
    const Tensor* p = i > 0 ? &answers[i - 1] : nullptr;
    Tensor changed = q;
    if (const auto* l = std::get_if<LmlPrinted>(&correction)) changed = lml_printed<Tensor>(q, p, *l);
    if (const auto* l = std::get_if<LmlStable>(&correction)) changed = lml_stable<Tensor>(q, p, *l);
    if (const auto* l = std::get_if<LmlAdaptive>(&correction)) {
      Tensor before = p ? p->clone() : Tensor();
      changed = lml_adaptive_over(q, p ? &before : nullptr, l->beta.at(i));
    }
    const auto norm = [](const Tensor& t) { return t.to(at::kDouble).flatten(1).square().sum(1).sqrt(); };
    out.push_back(norm(changed - q) / norm(q));
  }
  return out;
}

Tensor NoisySource::epsilon(const Tensor& x, const Node& at) {
  const std::size_t call = calls().size();
  const Tensor q = NetworkSource::epsilon(x, at);
  const Index d = x[0].numel();
  const Tensor z = tensor_of(step_noise(Index(call), 15, x.size(0), d, plan_), model(), x.scalar_type());
  const Tensor size = sizes_.at(call).to(x.options()) * q.flatten(1).square().sum(1).sqrt() / std::sqrt(double(d));
  return q + lml::multiply<Tensor>(size, z);
}

Tensor NoisySource::data(const Tensor& x, const Node& at) {
  return combine(1 / at.alpha, x, -at.sigma / at.alpha, epsilon(x, at));
}

Tensor NoisySource::velocity(const Tensor& x, const Node& at) {
  return combine((at.alpha + at.sigma) / at.alpha, epsilon(x, at), -1 / at.alpha, x);
}

}  // namespace lml
