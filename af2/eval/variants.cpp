#include "af2/eval/variants.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

const std::string kRotationStart = "rotation-", kPromptStart = "prompt-";

}  // namespace

std::string Variant::file() const {
  return name == "main" ? "predictions.jsonl" : "predictions-" + name + ".jsonl";
}

const std::vector<std::string>& model_baselines() {
  static const std::vector<std::string> names = {
      "audio_off", "silence", "shuffled_audio", "first_window_only", "cascade", "choice_shuffle", "prompts"};
  return names;
}

std::vector<Variant> variants_of(const Benchmark& benchmark, const std::vector<EvalItem>& items,
                                 const std::vector<std::string>& baselines, const std::string& prompt_name) {
  if (!benchmark.prompts.contains(prompt_name)) {
    std::vector<std::string> names;
    for (const auto& [name, form] : benchmark.prompts) names.push_back(name);
    throw user_error("has no prompt " + prompt_name, benchmark.id, "one of: " + join(names, ", "));
  }
  std::vector<Variant> all = {{"main", prompt_name}};
  for (const std::string& name : baselines) {
    if (name == "choice_shuffle") {
      std::size_t most = 0;
      for (const EvalItem& item : items) most = std::max(most, item.choices.size());
      for (int by = 1; by <= kMostRotations && static_cast<std::size_t>(by) < most; ++by)
        all.push_back({kRotationStart + std::to_string(by), prompt_name, Hearing::kSound, false, by});
    } else if (name == "prompts") {
      for (const auto& [other, form] : benchmark.prompts)
        if (other != prompt_name) all.push_back({kPromptStart + other, other});
    } else if (std::find(model_baselines().begin(), model_baselines().end(), name) !=
               model_baselines().end()) {
      all.push_back(variant_by_name(name, prompt_name));
    } else {
      throw user_error("knows no baseline " + name, "--baselines", "of: " + join(model_baselines(), ", "));
    }
  }
  return all;
}

Variant variant_by_name(const std::string& name, const std::string& main_prompt) {
  Variant variant{name, main_prompt};
  if (name == "main") return variant;
  if (name.starts_with(kRotationStart)) {
    variant.rotation = std::atoi(name.c_str() + kRotationStart.size());
  } else if (name.starts_with(kPromptStart)) {
    variant.prompt_name = name.substr(kPromptStart.size());
  } else if (name == "audio_off") {
    variant.hearing = Hearing::kOff;
  } else if (name == "silence") {
    variant.hearing = Hearing::kSilence;
  } else if (name == "first_window_only") {
    variant.hearing = Hearing::kFirstWindow;
  } else if (name == "cascade") {
    variant.hearing = Hearing::kCascade;
  } else if (name == "shuffled_audio") {
    variant.swapped = true;
  } else {
    throw data_error("is no variant of a run", name);
  }
  return variant;
}

bool takes_part(const Variant& variant, const EvalItem& item) {
  if (variant.rotation > 0) return static_cast<int>(item.choices.size()) > variant.rotation;
  if (variant.hearing != Hearing::kSound || variant.swapped) return !item.audio.empty();
  return true;
}

}  // namespace af2
