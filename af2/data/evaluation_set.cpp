#include "af2/data/evaluation_set.h"

#include <numeric>
#include <system_error>

#include "af2/audio/wav.h"
#include "af2/core/error.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kCounts = 5, kLetters = 4;

// Element `index` of an endless run of shuffled blocks 0..n-1: even over every whole block, not predictable.
int even_draw(const std::string& name, std::uint64_t index, std::uint64_t n) {
  std::vector<int> block(n);
  std::iota(block.begin(), block.end(), 0);
  Random rng(name + "/" + std::to_string(index / n));
  rng.shuffle(block);
  return block[index % n];
}

std::string padded(std::uint64_t index) {
  const std::string digits = std::to_string(index);
  return std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

Json meta_of(const QaGroup& group, const SoundBank& bank, std::uint64_t seed) {
  const QaItem& item = group.questions[0];
  Json events = Json::array();
  for (const SceneEvent& e : group.scene.events) {
    Json event;
    event["label"] = bank.labels()[e.label].name;
    event["recording"] = e.recording_id;
    event["onset"] = e.onset_s;
    event["offset"] = e.offset_s;
    event["snr_db"] = e.snr_db;
    events.push_back(std::move(event));
  }
  Json meta;
  meta["type"] = item.type;
  meta["options"] = item.options;
  meta["answer_index"] = item.answer_index;
  meta["label"] = item.label;
  meta["present"] = item.present;
  meta["recordings"] = item.recordings;
  meta["events"] = std::move(events);
  meta["background"] = group.scene.background;
  meta["seed"] = seed;
  return meta;
}

}  // namespace

QaGroup evaluation_item(const SoundBank& bank, Split split, QuestionType type, std::uint64_t seed,
                        std::uint64_t index, const SceneOptions& scene) {
  const std::string set =
      "af2/evaluation/1/" + std::to_string(seed) + "/" + split_name(split) + "/" + question_name(type);
  const std::vector<int>& pool =
      type == QuestionType::kCount ? bank.countable_labels(split) : bank.labels_in(split);
  if (pool.empty())
    throw data_error(std::string("the bank has no fitting recordings for ") + split_name(split));
  const std::uint64_t round = index / pool.size(), place = index % pool.size();
  std::vector<int> labels = pool;
  Random(set + "/labels").shuffle(labels);
  const int label = labels[place];

  QuestionOptions asking;
  asking.held_out_wording = split == Split::kTest;
  asking.target = label;
  int repeats = 0;
  bool label_sounds = true;
  const bool flip = (place + round) % 2 == 0;  // each class in turn yes and no, answer and other
  if (type == QuestionType::kWhatMc) asking.answer = even_draw(set + "/letters", index, kLetters);
  if (type == QuestionType::kCount) repeats = 1 + even_draw(set + "/counts", index, kCounts);
  if (type == QuestionType::kPresence) {
    asking.answer = flip ? 1 : 0;
    label_sounds = flip;
  }
  if (type == QuestionType::kOrderFirst || type == QuestionType::kOrderLast) asking.answer = flip ? 1 : 0;
  for (int attempt = 0; attempt < 200; ++attempt) {
    Random rng(set + "/" + std::to_string(index) + "/" + std::to_string(attempt));
    QaGroup group;
    group.scene =
        make_scene(bank, split, rng, scene_for(type, rng, scene, label_sounds ? label : -1, repeats));
    if (auto item = ask(type, group.scene, bank, rng, asking)) {
      group.questions.push_back(std::move(*item));
      return group;
    }
  }
  throw data_error("no scene allows a question of type " + std::string(question_name(type)) + " about `" +
                   bank.labels()[label].name + "`");
}

std::vector<fs::path> render_set(const SoundBank& bank, Split split, int n, std::uint64_t seed,
                                 const fs::path& folder, const EvaluationOptions& options) {
  if (n < 1) throw user_error("a test set needs at least one question");
  std::error_code code;
  fs::create_directories(folder / "clips", code);
  if (code) throw resource_error("cannot create: " + code.message(), (folder / "clips").string());
  std::vector<fs::path> written;
  for (const QuestionType type : options.types) {
    std::vector<ManifestItem> items;
    for (std::uint64_t index = 0; index < static_cast<std::uint64_t>(n); ++index) {
      const QaGroup group = evaluation_item(bank, split, type, seed, index, options.scene);
      const QaItem& question = group.questions[0];
      ManifestItem item;
      item.id = std::string(question_name(type)) + "-" + padded(index);
      item.audio = "clips/" + item.id + ".wav";
      item.prompt = question.prompt;
      item.outputs = {question.output};
      item.duration_s = group.scene.seconds;
      item.task = question.type;
      item.meta = meta_of(group, bank, seed);
      write_wav(folder / item.audio, group.scene.samples, {.rate_hz = kBankRateHz});
      items.push_back(std::move(item));
    }
    written.push_back(folder / (std::string(question_name(type)) + ".jsonl"));
    write_manifest(written.back(), items);
  }
  return written;
}

AnswerKey answer_key(const QaItem& item) {
  return {item.type,         item.output, item.options,
          item.answer_index, item.label,  static_cast<int>(item.present.size())};
}

AnswerKey answer_key(const ManifestItem& item) {
  try {
    AnswerKey key;
    key.type = item.meta.at("type").get<std::string>();
    key.output = item.outputs.at(0);
    key.options = item.meta.at("options").get<std::vector<std::string>>();
    key.answer_index = item.meta.at("answer_index").get<int>();
    key.label = item.meta.at("label").get<std::string>();
    key.n_present = static_cast<int>(item.meta.at("present").size());
    return key;
  } catch (const Json::exception& error) {
    throw data_error(std::string("meta does not describe a question: ") + error.what(), item.id);
  }
}

}  // namespace af2
