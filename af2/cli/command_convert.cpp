// `af2 convert`: from each layout that models come in to another.  `af2 quantize`: the same layout with
// smaller matrices.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/log.h"
#include "af2/generate/convert.h"
#include "af2/generate/engine.h"

namespace af2 {
namespace {

struct ConvertFlags {
  std::string in, out, base_lm, generation;
  ConvertOptions options;
  std::string perplexity;  // a file of text
  bool verify = false, report = false, json = false;
};

constexpr std::size_t kWorstShown = 5;

double megabytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

// Of the language model over the text, before and after.
struct Perplexities {
  int tokens = 0;
  double before = 0, after = 0;
};

EngineOptions after_options() {
  EngineOptions options;
  options.language_alone = true;
  return options;
}

Perplexities perplexities(const ConvertFlags& flags) {
  const std::string text = read_file(flags.perplexity);
  EngineOptions source;
  source.base_lm = flags.base_lm;
  source.generation = flags.generation;
  source.language_alone = true;
  const Perplexity before = Engine::load(find_model_folder(flags.in), source).perplexity(text);
  const Perplexity after = Engine::load(find_model_folder(flags.out), after_options()).perplexity(text);
  return {before.n_tokens, before.value, after.value};
}

Json report_json(const ConvertReport& report) {
  Json tensors = Json::array();
  for (const auto& t : report.changed)
    tensors.push_back({{"name", t.name}, {"type", t.type}, {"relative_error", t.relative}});
  return {{"bytes_before", report.bytes_before},
          {"bytes_after", report.bytes_after},
          {"changed", std::move(tensors)}};
}

void tell(const ConvertReport& report, const std::optional<Perplexities>& found, const ConvertFlags& flags) {
  if (flags.json) {
    Json line = report_json(report);
    if (found)
      line["perplexity"] = {{"tokens", found->tokens}, {"before", found->before}, {"after", found->after}};
    print_line(line.dump());
    return;
  }
  print_line(fmt::format("{:.1f} MB of weights became {:.1f} MB in {}", megabytes(report.bytes_before),
                         megabytes(report.bytes_after), flags.out));
  std::vector<TensorError> worst = report.changed;
  std::stable_sort(worst.begin(), worst.end(),
                   [](const auto& a, const auto& b) { return a.relative > b.relative; });
  print_line(fmt::format("{} matrices changed their values", worst.size()));
  if (!flags.report) worst.resize(std::min(worst.size(), kWorstShown));
  for (const auto& t : worst) print_line(fmt::format("{:.2e}\t{}\t{}", t.relative, t.type, t.name));
  if (found)
    print_line(fmt::format("perplexity of the language model over {} tokens of {}: {:.3f}, before {:.3f}",
                           found->tokens, flags.perplexity, found->after, found->before));
}

int run_convert(const ConvertFlags& flags) {
  ConvertOptions options = flags.options;
  options.base_lm = flags.base_lm;
  options.generation = flags.generation;
  if (!flags.perplexity.empty()) read_file(flags.perplexity);  // before the work, if it cannot be read
  const ConvertReport report = convert_model(flags.in, flags.out, options);
  std::optional<Perplexities> found;
  if (!flags.perplexity.empty()) found = perplexities(flags);
  tell(report, found, flags);
  if (flags.verify) {
    const int files = verify_converted(flags.out);
    if (files > 0)
      notice("read again: {} files have the sums that were written, and the model loads", files);
    else
      notice("read again: {} loads", flags.out);
  }
  return 0;
}

void add_common(CLI::App& verb, ConvertFlags& flags, const std::shared_ptr<ConvertFlags>& shared,
                CommandRunner& runner) {
  verb.add_option(
          "-i,--in", flags.in,
          "model folder, published checkpoint, .pt of the training code, Hugging Face folder or GGUF file")
      ->required();
  verb.add_option("-o,--out", flags.out, "new folder, or a file that ends in .gguf")->required();
  verb.add_option("--keep", flags.options.keep,
                  "regular expression: matrices with such a name stay as they are (repeatable)")
      ->allow_extra_args(false);
  verb.add_option("--adapter-type", flags.options.adapter_type,
                  "of tower and audio transformer: f32, bf16 or i8 (default: f32 for f32, else bf16)");
  verb.add_option("--perplexity", flags.perplexity,
                  "a file of text: perplexity of the language model over it, before and after");
  verb.add_flag("--verify", flags.verify, "read the new folder again, and check its sums");
  verb.add_flag("--report", flags.report, "the error of every matrix, not only of the worst");
  verb.add_flag("--json", flags.json, "one JSON object");
  verb.callback([shared, &runner] { runner = [shared] { return run_convert(*shared); }; });
}

}  // namespace

void add_convert(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<ConvertFlags>();
  CLI::App* verb = app.add_subcommand("convert", "a model from one layout to another");
  add_common(*verb, *flags, flags, runner);
  verb->add_option("--dtype", flags->options.type,
                   "of the matrices of language model and cross-attention: f32, f16, bf16, q8_0, q4_0, q4_1, "
                   "q4_K or keep; published and Hugging Face folders hold floats (default: f32 there, else "
                   "bf16)");
  verb->add_option("--layout", flags->options.layout,
                   "what to write: af2 (a model folder; the default for whole models), published, or of the "
                   "language model alone huggingface or gguf (the default where -o ends in .gguf)")
      ->check(CLI::IsMember({"af2", "published", "huggingface", "gguf"}));
  verb->add_option("--lm", flags->base_lm, "folder of the base language model, if it is not beside");
  verb->add_option("--generation", flags->generation, "2025-03 or 2025-06, where the files do not tell");
  verb->footer(
      "examples:\n"
      "  af2 convert -i audio-flamingo-2 -o af2-3b --dtype q4_0 --verify      a lean model folder\n"
      "  af2 convert -i af2-3b -o published --layout published --dtype bf16   and back\n"
      "  af2 convert -i Qwen2.5-0.5B -o qwen.gguf --dtype q8_0                a language model alone\n"
      "  af2 convert -i qwen.gguf -o qwen --dtype bf16                        as a Hugging Face folder");
}

void add_quantize(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<ConvertFlags>();
  flags->options.type.clear();
  CLI::App* verb = app.add_subcommand("quantize", "a model with smaller matrices");
  add_common(*verb, *flags, flags, runner);
  verb->add_option(
          "--type", flags->options.type,
          "of the matrices of language model and cross-attention: q8_0, q4_0, q4_1, q4_K, bf16 or f16")
      ->required();
  verb->footer("example: af2 quantize -i af2-3b -o af2-3b-q8 --type q8_0 --keep token_embd");
}

}  // namespace af2
