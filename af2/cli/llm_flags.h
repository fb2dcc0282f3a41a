// Flags of the verbs of `data` that ask a language model behind an endpoint.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "af2/data/llm_client.h"

namespace af2 {

struct LlmFlags {
  LlmOptions options;
  std::string prices, templates;
  bool dry_run = false;

  bool given() const { return !options.url.empty(); }
  // Prices of the table; throws kUser for flags of a model without --llm.
  void check();
  // Opens the model's cache and log in `folder`; the key is taken from AF2_API_KEY.
  std::unique_ptr<LlmClient> open(const std::filesystem::path& folder) const;
};

// --llm and what begins with it, --templates, --dry-run. `does` says what the model is for.
void add_llm_flags(CLI::App& verb, LlmFlags& flags, const std::string& does);
// Counts of calls, tokens and costs, for a report.
Json llm_facts(const LlmClient& client);

}  // namespace af2
