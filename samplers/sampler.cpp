#include "samplers/sampler.hpp"

namespace lml {

template void advance<Points>(const Sampler&, Model<Points>&, const NoiseOf<Points>&, Run<Points>&,
                              const AfterStep<Points>&);
template void advance<Rows<float>>(const Sampler&, Model<Rows<float>>&, const NoiseOf<Rows<float>>&, Run<Rows<float>>&,
                                   const AfterStep<Rows<float>>&);

}  // namespace lml
