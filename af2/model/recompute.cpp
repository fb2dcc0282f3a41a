#include "af2/model/recompute.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/custom_class.h>

#include <array>
#include <mutex>
#include <utility>

#include "af2/model/precision.h"

namespace af2 {
namespace {

torch::Tensor generator_state() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

void set_generator_state(const torch::Tensor& state) {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

// What a backward pass needs to run the part once more.
struct KeptPart : torch::CustomClassHolder {
  RecomputedPart part;
  torch::Tensor draws;
  bool bf16 = false;
  std::array<bool, 3> given = {};  // autograd takes no undefined inputs: an empty one stands for it

  torch::Tensor run(const torch::autograd::variable_list& inputs) const {
    const auto of = [&](std::size_t i) { return given[i] ? inputs[i] : torch::Tensor(); };
    return part(of(0), of(1), of(2));
  }
};

struct Recompute : torch::autograd::Function<Recompute> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& a,
                               const torch::Tensor& b, const torch::Tensor& c,
                               const c10::intrusive_ptr<KeptPart>& kept) {
    context->save_for_backward({a, b, c});
    context->saved_data["part"] = c10::IValue::make_capsule(kept);
    return kept->run({a, b, c});
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto kept = c10::static_intrusive_pointer_cast<KeptPart>(context->saved_data["part"].toCapsule());
    torch::autograd::variable_list leaves;
    for (const torch::Tensor& input : context->get_saved_variables()) {
      leaves.push_back(input.detach());
      leaves.back().set_requires_grad(input.requires_grad());
    }
    const torch::Tensor later_draws = generator_state();
    torch::Tensor out;
    {
      const torch::AutoGradMode grad(true);
      const Bf16Products products(kept->bf16);
      set_generator_state(kept->draws);
      out = kept->run(leaves);
    }
    set_generator_state(later_draws);
    torch::autograd::backward({out}, {gradients[0]});
    torch::autograd::variable_list result;
    for (const torch::Tensor& leaf : leaves)
      result.push_back(leaf.requires_grad() ? leaf.grad() : torch::Tensor());
    result.emplace_back();
    return result;
  }
};

}  // namespace

torch::Tensor recomputed(RecomputedPart part, const torch::Tensor& a, const torch::Tensor& b,
                         const torch::Tensor& c) {
  const auto flows = [](const torch::Tensor& input) { return input.defined() && input.requires_grad(); };
  if (!torch::GradMode::is_enabled() || !(flows(a) || flows(b) || flows(c))) return part(a, b, c);
  auto kept = c10::make_intrusive<KeptPart>();
  kept->part = std::move(part);
  kept->draws = generator_state();
  kept->bf16 = Bf16Products::active();
  kept->given = {a.defined(), b.defined(), c.defined()};
  const auto input = [](const torch::Tensor& one) { return one.defined() ? one : torch::empty({0}); };
  return Recompute::apply(input(a), input(b), input(c), kept);
}

}  // namespace af2
