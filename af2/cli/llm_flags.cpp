#include "af2/cli/llm_flags.h"

#include <cstdlib>

#include "af2/core/error.h"

namespace af2 {

void LlmFlags::check() {
  if (!given() && (dry_run || !options.model.empty()))
    throw user_error("is missing", "--llm", "name an endpoint, as http://127.0.0.1:8000/v1");
  if (!prices.empty()) take_prices(prices, options);
}

std::unique_ptr<LlmClient> LlmFlags::open(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder);
  const char* key = std::getenv("AF2_API_KEY");
  return std::make_unique<LlmClient>(options, key ? key : "", folder);
}

void add_llm_flags(CLI::App& verb, LlmFlags& flags, const std::string& does) {
  verb.add_option("--llm", flags.options.url,
                  "base address of an OpenAI-compatible endpoint, as http://127.0.0.1:8000/v1: " + does +
                      "; the key is taken from AF2_API_KEY");
  verb.add_option("--llm-model", flags.options.model, "the model's name there");
  verb.add_option("--llm-temperature", flags.options.temperature, "of its draws");
  verb.add_option("--llm-max-tokens", flags.options.max_tokens, "most tokens of a reply");
  verb.add_option("--llm-parallel", flags.options.parallel, "calls at once");
  verb.add_option("--llm-rpm", flags.options.requests_per_minute, "most calls a minute");
  verb.add_option("--llm-tpm", flags.options.tokens_per_minute, "most tokens a minute, sent and received");
  verb.add_option("--llm-timeout", flags.options.timeout_s, "seconds a reply may take");
  verb.add_option("--llm-tries", flags.options.tries, "tries of a call");
  verb.add_option("--llm-prices", flags.prices,
                  "table {\"MODEL\": {\"in\": .., \"out\": ..}} of a million tokens");
  verb.add_option("--llm-price-in", flags.options.price_in, "price of a million tokens sent");
  verb.add_option("--llm-price-out", flags.options.price_out, "price of a million tokens received");
  verb.add_option("--llm-budget", flags.options.budget, "stop before the folder has cost more");
  verb.add_option("--templates", flags.templates, "folder with prompts in place of the built-in ones");
  verb.add_flag("--dry-run", flags.dry_run, "print the first prompts and what all would cost; send nothing");
}

Json llm_facts(const LlmClient& client) {
  const LlmStats s = client.stats();
  return {{"calls", s.calls},
          {"from_cache", s.cached},
          {"retries", s.retries},
          {"re_asked", s.re_asked},
          {"failed_parse", s.failed_parse},
          {"tokens_in", s.tokens_in},
          {"tokens_out", s.tokens_out},
          {"cost", s.cost},
          {"cost_before", s.spent_before}};
}

}  // namespace af2
