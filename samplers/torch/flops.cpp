#include "samplers/torch/flops.hpp"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <string_view>

namespace lml {
namespace {

thread_local double counted = 0;

// Multiply-adds for a number of the output; inputs can be read at the start only, the output at the end only.
struct PerNumber : at::ObserverContext {
  explicit PerNumber(double n) : multiply_adds(n) {}
  double multiply_adds;
};

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& f) {
  const std::string_view name = f.name();
  const auto inner = [&](std::size_t i) {
    return std::make_unique<PerNumber>(double(f.inputs()[i].toTensor().size(-1)));
  };
  if (name == "aten::convolution") {
    const at::Tensor& weight = f.inputs()[1].toTensor();
    return std::make_unique<PerNumber>(double(weight.numel()) / double(weight.size(0)));
  }
  if (name == "aten::mm" || name == "aten::bmm") return inner(0);
  if (name == "aten::addmm" || name == "aten::baddbmm") return inner(1);
  return nullptr;
}

void end(const at::RecordFunction& f, at::ObserverContext* context) {
  if (context)
    counted += 2 * static_cast<PerNumber*>(context)->multiply_adds * double(f.outputs()[0].toTensor().numel());
}

}  // namespace

double product_flops(const std::function<void()>& work) {
  counted = 0;
  const at::CallbackHandle handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(begin, end).needsInputs(true).needsOutputs(true).scopes({at::RecordScope::FUNCTION}));
  try {
    work();
  } catch (...) {
    at::removeCallback(handle);
    throw;
  }
  at::removeCallback(handle);
  return counted;
}

}  // namespace lml
