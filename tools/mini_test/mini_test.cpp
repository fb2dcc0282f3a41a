// Scores a model on questions about rendered scenes of held-out recordings (five kinds; the sets in sets/ have more).
//
//   mini_test --bank bank --split val --n 300 --set runs/sets/val --out runs/val.json
//
// Renders the set once (a fixed seed), asks every question with its clip and with silence instead, and writes
// accuracy with a 95 % interval clustered by recording, beside chance and the audio-off score. Classes are
// macro-averaged where a question is about a class. Where an answer is one of a few it is the likeliest of
// them, so that chance means something with the audio off too: of four options as `af2 ask --choices` gives
// it, of two sounds and of 1 to 5 after the question as it stands. A row of its own has what the model writes
// freely.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/data/evaluation_set.h"
#include "af2/data/manifest.h"
#include "af2/data/statistics.h"
#include "af2/generate/engine.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

struct Flags {
  std::string bank = "bank", split = "val", set, out, model;
  int n = 300, seed = 1, threads = 0;
  bool audio_off = true;
};

struct Row {
  std::string name;
  double chance;
  bool macro;
  std::vector<std::string> types;
  bool choose = false;  // the likeliest of the possible answers; else what the model writes
};

const std::vector<Row> kRows = {
    {"what is heard, 4 options", 0.25, true, {"what_mc"}, true},
    {"the same, answered freely", 0.25, true, {"what_mc"}},
    {"is X heard (balanced)", 0.5, true, {"presence"}},
    {"which came first or last of two", 0.5, false, {"order_first", "order_last"}, true},
    {"the same, answered freely", 0.5, false, {"order_first", "order_last"}},
    {"how many times (1-5), exact", 0.2, false, {"count"}, true},
    {"the same, answered freely", 0.2, false, {"count"}},
    {"open answer names the right class", 0.02, true, {"what_open"}},
};

struct Scores {
  std::vector<Outcome> heard, silent;
};

Json estimate_json(const std::vector<Outcome>& outcomes, bool macro) {
  const Estimate e = macro ? macro_accuracy(outcomes) : accuracy(outcomes);
  return {{"value", e.value}, {"low", e.low},           {"high", e.high},
          {"n", e.n},         {"clusters", e.clusters}, {"classes", e.groups}};
}

Outcome outcome(const std::string& text, const ManifestItem& item, const SoundBank& bank) {
  const AnswerKey key = answer_key(item);
  const auto& recordings = item.meta.at("recordings");
  return {is_right(text, key, bank) ? 1.0 : 0.0,
          recordings.empty() ? item.id : recordings[0].get<std::string>(), key.label};
}

// Questions that are answered together.
constexpr std::size_t kBatch = 16;

// What is answered to each item about its memory; where it is chosen, `weights` gets the log-probability of
// every possible answer.
std::vector<std::string> answers_of(const Engine& engine, const std::vector<Memory>& memories,
                                    std::span<const ManifestItem> items, bool choose,
                                    std::vector<Json>& weights) {
  std::vector<std::string> texts;
  weights.assign(items.size(), Json::array());
  if (choose) {
    const std::vector<std::string> counts = {"1", "2", "3", "4", "5"};
    for (std::size_t i = 0; i < items.size(); ++i) {
      const AnswerKey key = answer_key(items[i]);
      const std::string& prompt = items[i].prompt;
      // Options stand in the prompt behind its question: as `af2 ask --choices` puts them.
      const std::size_t list = prompt.find(" (A) ");
      const auto choices =
          key.type == "what_mc" && list != std::string::npos
              ? engine.choose(memories[i], prompt.substr(0, list), key.options)
              : engine.weigh(memories[i], prompt, key.type == "count" ? counts : key.options);
      for (const Choice& choice : choices) weights[i].push_back({choice.text, choice.log_probability});
      texts.push_back(likeliest(choices).text);
    }
    return texts;
  }
  AnswerOptions options;
  options.max_new_tokens = 32;
  std::vector<Question> questions;
  for (std::size_t i = 0; i < items.size(); ++i)
    questions.push_back(engine.question(memories[i], items[i].prompt, options));
  for (const Answer& answer : engine.answer_all(questions)) texts.push_back(answer.text);
  return texts;
}

void score_type(const Engine& engine, const SoundBank& bank, const fs::path& manifest, const Flags& flags,
                bool choose, Scores& scores, std::ofstream& answers) {
  const auto items = read_manifest(manifest);
  // What silence sounds like: all clips are shorter than a window, so it is the same for all of them.
  std::optional<Memory> silence;
  ProgressBar bar(static_cast<std::int64_t>(items.size()));
  for (std::size_t first = 0; first < items.size(); first += kBatch) {
    const auto some = std::span(items).subspan(first, std::min(kBatch, items.size() - first));
    std::vector<Memory> sounds, silences;
    for (const ManifestItem& item : some) {
      Clip clip = decode_file(manifest.parent_path() / item.audio, engine.decode_options());
      sounds.push_back(engine.listen(clip));
      if (!flags.audio_off) continue;
      if (!silence || clip.file_seconds > engine.config().audio.window_seconds) {
        std::fill(clip.samples.begin(), clip.samples.end(), 0.0f);
        silence = engine.listen(clip);
      }
      silences.push_back(*silence);
    }
    std::vector<Json> weights, silent_weights;
    const auto heard = answers_of(engine, sounds, some, choose, weights);
    std::vector<std::string> silent;
    if (flags.audio_off) silent = answers_of(engine, silences, some, choose, silent_weights);
    for (std::size_t i = 0; i < some.size(); ++i) {
      const ManifestItem& item = some[i];
      scores.heard.push_back(outcome(heard[i], item, bank));
      Json line = {
          {"id", item.id}, {"prompt", item.prompt}, {"expected", item.outputs.at(0)}, {"heard", heard[i]}};
      line["right"] = scores.heard.back().score;
      line["chosen"] = choose;
      if (choose) line["log_probabilities"] = weights[i];
      if (flags.audio_off) {
        scores.silent.push_back(outcome(silent[i], item, bank));
        line["silent"] = silent[i];
        if (choose) line["silent_log_probabilities"] = silent_weights[i];
      }
      answers << line.dump() << '\n';
    }
    bar.update(static_cast<std::int64_t>(first + some.size()), manifest.stem().string());
  }
}

int run(const Flags& flags) {
  const SoundBank bank = SoundBank::open(flags.bank);
  const Split split = split_from_name(flags.split);
  const fs::path set = flags.set;
  if (!fs::exists(set / "what_mc.jsonl")) {
    notice("rendering {} questions of each type into {}", flags.n, set.string());
    render_set(bank, split, flags.n, static_cast<std::uint64_t>(flags.seed), set);
  }
  const Engine engine = Engine::load(find_model_folder(flags.model), {flags.threads, 0});
  std::ofstream answers(flags.out + ".answers.jsonl");
  Json report = {{"split", flags.split}, {"seed", flags.seed}, {"rows", Json::array()}};
  std::printf(
      "| question | n | chance | accuracy | 95 %% interval | audio off |\n| --- | --- | --- | --- | --- | "
      "--- |\n");
  for (const Row& row : kRows) {
    Scores scores;
    for (const auto& type : row.types)
      if (fs::exists(set / (type + ".jsonl")))
        score_type(engine, bank, set / (type + ".jsonl"), flags, row.choose, scores, answers);
    if (scores.heard.empty()) continue;
    Json entry = {
        {"question", row.name}, {"chance", row.chance}, {"heard", estimate_json(scores.heard, row.macro)}};
    if (flags.audio_off) entry["audio_off"] = estimate_json(scores.silent, row.macro);
    const Json& heard = entry["heard"];
    std::printf("| %s | %zu | %.0f %% | %.1f %% | %.1f–%.1f %% | %s |\n", row.name.c_str(),
                scores.heard.size(), row.chance * 100, heard["value"].get<double>() * 100,
                heard["low"].get<double>() * 100, heard["high"].get<double>() * 100,
                flags.audio_off
                    ? fmt::format("{:.1f} %", entry["audio_off"]["value"].get<double>() * 100).c_str()
                    : "-");
    std::fflush(stdout);
    report["rows"].push_back(std::move(entry));
  }
  write_file_atomic(flags.out, report.dump(2) + "\n");
  return 0;
}

}  // namespace
}  // namespace af2

int main(int argc, char** argv) {
  af2::Flags flags;
  CLI::App app("scores a model on rendered questions about held-out recordings");
  app.add_option("--bank", flags.bank, "sound bank");
  app.add_option("--split", flags.split, "val or test");
  app.add_option("--set", flags.set, "folder of the rendered questions; made when absent")->required();
  app.add_option("--out", flags.out, "report, JSON; answers go beside it")->required();
  app.add_option("-m,--model", flags.model, "model folder");
  app.add_option("--n", flags.n, "questions of each type");
  app.add_option("--seed", flags.seed, "of the set");
  app.add_option("-t,--threads", flags.threads, "threads");
  app.add_flag("!--no-audio-off", flags.audio_off, "leave the audio-off score out");
  CLI11_PARSE(app, argc, argv);
  try {
    return af2::run(flags);
  } catch (const af2::Error& error) {
    af2::log_line(af2::LogLevel::kError, error.what());
    return error.exit_code();
  }
}
