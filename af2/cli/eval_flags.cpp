#include "af2/cli/eval_flags.h"

#include <cstdlib>

#include "af2/cli/eval_engine.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

bool has_benchmarks(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "esc50.yaml", ignored);
}

}  // namespace

void add_benchmark_flags(CLI::App& verb, BenchmarkFlags& flags) {
  verb.add_option("benchmark", flags.id, "id of a benchmark (af2 eval list), or its file")->required();
  verb.add_option("--root", flags.root,
                  "folder of the benchmark's data and sounds, as its owners publish them");
  verb.add_option("--benchmarks", flags.folder, "folder of benchmark files; without it those of af2");
  verb.add_flag("--allow-partial", flags.allow_partial,
                "go on with other counts than published, or more than 5 % of the clips missing; it stands in "
                "the result");
}

fs::path benchmark_folder(const std::string& flag) {
  if (!flag.empty()) {
    if (!fs::is_directory(flag)) throw user_error("is no folder: " + flag, "--benchmarks");
    return flag;
  }
  fs::path folder = program_dir();
  for (int up = 0; up < 4; ++up, folder = folder.parent_path())
    for (const fs::path& place : {folder / "benchmarks", folder / "share/af2/benchmarks"})
      if (has_benchmarks(place)) return place;
  if (has_benchmarks("benchmarks")) return "benchmarks";
  throw user_error("no folder of benchmark files is found beside the program", "--benchmarks", "name one");
}

Benchmark named_benchmark(const BenchmarkFlags& flags) {
  if (flags.id.ends_with(".yaml")) return read_benchmark(flags.id);
  const fs::path folder = benchmark_folder(flags.folder);
  std::vector<std::string> ids;
  for (const fs::path& place : {folder, folder / "own"}) {
    if (fs::is_regular_file(place / (flags.id + ".yaml")))
      return read_benchmark(place / (flags.id + ".yaml"));
    if (!fs::is_directory(place)) continue;
    for (const auto& entry : fs::directory_iterator(place))
      if (entry.path().extension() == ".yaml") ids.push_back(entry.path().stem().string());
  }
  throw user_error("is no benchmark: " + flags.id, "benchmark",
                   "did you mean " + nearest_word(flags.id, ids) + "? af2 eval list names all");
}

fs::path root_of(const BenchmarkFlags& flags, const Benchmark& benchmark) {
  if (flags.root.empty())
    throw user_error("is needed: the folder where the data of " + benchmark.id + " lies", "--root",
                     "af2 eval info " + benchmark.id + " says where it comes from");
  if (!fs::is_directory(flags.root)) throw user_error("is no folder: " + flags.root, "--root");
  return flags.root;
}

BenchmarkItems items_of(const BenchmarkFlags& flags, const Benchmark& benchmark) {
  ReadItemsOptions options;
  options.allow_partial = flags.allow_partial;
  BenchmarkItems items = read_items(benchmark, root_of(flags, benchmark), options);
  for (const std::string& text : items.notices) notice("{}", text);
  for (const std::string& text : items.mismatches) warning("{}: {}", benchmark.id, text);
  if (!items.missing.empty())
    warning("{}: {} clips are missing, the first is {}; their items count as wrong", benchmark.id,
            items.missing.size(), items.missing.front().path);
  return items;
}

MatchTools text_tower(const std::string& model, int threads) {
  // Loaded at the first text.
  struct Tower {
    std::optional<ClapEngine> clap;
  };
  if (!ClapEngine::find(find_model_folder(model))) return {};
  const auto tower = std::make_shared<Tower>();
  return {[tower, model, threads](const std::vector<std::string>& texts) {
    if (!tower->clap) tower->clap = ClapEngine::load(model, {.threads = threads});
    return tower->clap->texts(texts);
  }};
}

VectorModel vector_model(const ClapFlags& flags) {
  const auto clap = std::make_shared<ClapEngine>(load_clap(flags));
  VectorModel model;
  model.name = clap->folder().parent_path().filename().string() + "/" + clap->folder().filename().string();
  const std::string files = model_files_hash(clap->folder());
  const std::string how = files + " " + clap->dtype();
  model.hash = sha256_hex(std::as_bytes(std::span(how)));
  model.facts = {{"weights_sha256", files}, {"dtype", clap->dtype()}, {"dimensions", clap->size()}};
  model.audio = [clap](const AskedSound& sound) {
    DecodeOptions options = clap->decode_options();
    options.start_s = sound.start_s, options.duration_s = sound.duration_s;
    return clap->audio(decode_file(sound.path, options).samples);
  };
  model.texts = [clap](const std::vector<std::string>& texts) { return clap->texts(texts); };
  return model;
}

EvalModel endpoint_eval_model(const EndpointOptions& options) {
  const char* key = std::getenv("AF2_API_KEY");
  const auto endpoint = std::make_shared<EndpointModel>(options, key ? key : "");
  EvalModel model;
  model.name = options.model;
  const std::string what = "endpoint " + options.url + " " + options.model + " " + options.sound + " " +
                           options.system + " " + std::to_string(options.max_seconds);
  model.hash = sha256_hex(std::as_bytes(std::span(what)));
  model.facts = {{"endpoint", true}, {"sound", options.sound}, {"max_seconds", options.max_seconds}};
  model.answer = [endpoint](const std::vector<Ask>& asks) {
    std::vector<EndpointQuestion> questions;
    for (const Ask& ask : asks) {
      if (ask.hearing == Hearing::kSilence || ask.hearing == Hearing::kFirstWindow ||
          ask.hearing == Hearing::kCascade)
        throw user_error("silence, first_window_only and cascade need a model that is not behind an endpoint",
                         "--baselines");
      if (!ask.choices.empty())
        throw user_error("needs a model that is not behind an endpoint", "--likeliest");
      EndpointQuestion question;
      question.prompt = ask.prompt;
      if (ask.hearing == Hearing::kSound)
        for (const AskedSound& sound : ask.audio) question.audio.push_back(sound.path);
      if (!ask.audio.empty())
        question.start_s = ask.audio[0].start_s, question.duration_s = ask.audio[0].duration_s;
      question.max_new_tokens = ask.max_new_tokens;
      question.stop = ask.stop;
      questions.push_back(std::move(question));
    }
    std::vector<Reply> replies(asks.size());
    endpoint->ask_all(questions, [&](std::size_t i, const EndpointAnswer& answer) {
      Reply& reply = replies[i];
      reply.text = answer.text, reply.error = answer.error, reply.finish = answer.finish;
      reply.tokens = static_cast<int>(answer.tokens);
      reply.ms["call"] = answer.seconds * 1e3;
      if (answer.seconds_used > 0)
        reply.heard = {
            {"", answer.seconds_used + answer.seconds_cut, answer.seconds_used, answer.seconds_cut, 0}};
    });
    return replies;
  };
  return model;
}

}  // namespace af2
