#include "af2/data/questions.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "af2/core/error.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace {

constexpr double kOrderGap = 0.5;      // seconds between the onsets of a pair
constexpr double kWhileOverlap = 0.3;  // seconds of overlap that make a caption say "while"
constexpr int kMostRepeats = 5;
constexpr std::size_t kOptions = 4;

struct Asker {
  const Scene& scene;
  const SoundBank& bank;
  Random& rng;
  const QuestionOptions& options;

  const LabelInfo& info(int label) const { return bank.labels()[label]; }

  // Labels of the pool that no word of the scene names: fair wrong answers.
  std::vector<int> absent() const {
    std::vector<int> result;
    const std::vector<int> present = scene.labels();
    for (const int label : scene.pool) {
      const auto clash = [&](int l) { return bank.confusable(l, label); };
      if (std::any_of(present.begin(), present.end(), clash)) continue;
      if (scene.background_label >= 0 && clash(scene.background_label)) continue;
      result.push_back(label);
    }
    return result;
  }

  // The asked target if it sounds, else nothing; a drawn one when none is asked for.
  std::optional<int> target_present() const {
    if (options.target < 0) return rng.pick(scene.labels());
    return scene.has_label(options.target) ? std::optional(options.target) : std::nullopt;
  }

  QaItem start(QuestionType type, int label,
               const std::vector<std::pair<std::string, std::string>>& slots = {}) const {
    QaItem item;
    item.type = question_name(type);
    item.prompt = fill(wording(type, options.held_out_wording, rng), slots);
    item.label = info(label).name;
    item.held_out_wording = options.held_out_wording;
    for (const int l : scene.labels()) item.present.push_back(info(l).name);
    for (const bool own : {true, false}) {
      for (const SceneEvent& e : scene.events) {
        auto& ids = item.recordings;
        if ((e.label == label) == own && std::find(ids.begin(), ids.end(), e.recording_id) == ids.end())
          ids.push_back(e.recording_id);
      }
    }
    return item;
  }

  void add_letters(QaItem& item) const {
    for (std::size_t i = 0; i < item.options.size(); ++i)
      item.prompt += " " + choice_label(i) + item.options[i] + ".";
    item.output = item.options[static_cast<std::size_t>(item.answer_index)];
    if (options.lettered_answers >= 1 || rng.chance(options.lettered_answers))
      item.output = choice_label(static_cast<std::size_t>(item.answer_index)) + item.output;
  }

  std::optional<QaItem> what_open() const {
    const std::vector<int> labels = scene.labels();
    if (labels.size() > 2 || (options.target >= 0 && !scene.has_label(options.target))) return std::nullopt;
    QaItem item = start(QuestionType::kWhatOpen, options.target >= 0 ? options.target : labels[0]);
    item.output = info(labels[0]).phrase;
    if (labels.size() == 2) item.output += " and " + info(labels[1]).phrase;
    return item;
  }

  std::optional<QaItem> what_mc() const {
    const std::optional<int> target = target_present();
    std::vector<int> wrong = absent();
    rng.shuffle(wrong);
    // Wrong options must differ from one another as well.
    std::vector<int> chosen;
    for (const int label : wrong) {
      if (chosen.size() + 1 == kOptions) break;
      if (std::none_of(chosen.begin(), chosen.end(), [&](int l) { return bank.confusable(l, label); }))
        chosen.push_back(label);
    }
    if (!target || chosen.size() + 1 < kOptions) return std::nullopt;
    QaItem item = start(QuestionType::kWhatMc, *target);
    item.answer_index = options.answer >= 0 ? options.answer % static_cast<int>(kOptions)
                                            : static_cast<int>(rng.below(kOptions));
    chosen.insert(chosen.begin() + item.answer_index, *target);
    for (const int label : chosen) item.options.push_back(info(label).phrase);
    add_letters(item);
    return item;
  }

  std::optional<QaItem> presence() const {
    const bool yes = options.answer >= 0 ? options.answer == 1 : rng.chance(0.5);
    int label = options.target;
    if (yes) {
      const std::optional<int> target = target_present();
      if (!target) return std::nullopt;
      label = *target;
    } else {
      const std::vector<int> candidates = absent();
      if (candidates.empty()) return std::nullopt;
      if (label < 0) label = rng.pick(candidates);
      if (std::find(candidates.begin(), candidates.end(), label) == candidates.end()) return std::nullopt;
    }
    QaItem item = start(QuestionType::kPresence, label, {{"x", info(label).phrase}});
    item.options = {"yes", "no"};
    item.answer_index = yes ? 0 : 1;
    // What is heard comes before the verdict: a model of any size can compare two names, while weighing
    // sounds against a word inside one step takes far more training.
    item.output = info(yes ? label : scene.labels()[0]).phrase + (yes ? ": yes" : ": no");
    return item;
  }

  std::optional<QaItem> order(QuestionType type) const {
    std::vector<std::pair<const SceneEvent*, const SceneEvent*>> pairs;  // earlier, later
    for (const SceneEvent& a : scene.events) {
      for (const SceneEvent& b : scene.events) {
        if (b.onset_s - a.onset_s < kOrderGap || scene.count(a.label) != 1 || scene.count(b.label) != 1)
          continue;
        const int answer = type == QuestionType::kOrderFirst ? a.label : b.label;
        if (options.target >= 0) {
          if (a.label != options.target && b.label != options.target) continue;
          if (options.answer >= 0 && (answer == options.target) != (options.answer == 1)) continue;
        }
        pairs.emplace_back(&a, &b);
      }
    }
    if (pairs.empty()) return std::nullopt;
    const auto& [earlier, later] = rng.pick(pairs);
    const int answer = type == QuestionType::kOrderFirst ? earlier->label : later->label;
    const int other = type == QuestionType::kOrderFirst ? later->label : earlier->label;
    const int answer_index = rng.chance(0.5) ? 1 : 0;
    const std::string &right = info(answer).phrase, &wrong = info(other).phrase;
    const std::vector<std::string> named =
        answer_index == 0 ? std::vector{right, wrong} : std::vector{wrong, right};
    QaItem item =
        start(type, options.target >= 0 ? options.target : answer, {{"a", named[0]}, {"b", named[1]}});
    item.options = named;
    item.answer_index = answer_index;
    item.output = right;
    if (rng.chance(options.lettered_order)) add_letters(item);
    // The word said first is what the cross-attention then looks for: from the question alone, whether the
    // first or the last sound is wanted hardly reaches it.
    item.output = (type == QuestionType::kOrderFirst ? "first: " : "last: ") + item.output;
    return item;
  }

  std::optional<QaItem> count() const {
    if (scene.counted_label < 0) return std::nullopt;
    const int label = scene.counted_label;
    QaItem item = start(QuestionType::kCount, label, {{"x", info(label).phrase}});
    item.output = std::to_string(scene.count(label));
    return item;
  }

  std::optional<QaItem> caption() const {
    QaItem item = start(QuestionType::kCaption, scene.labels()[0]);
    const SceneEvent* previous = nullptr;
    for (const int label : scene.labels()) {
      const auto first = std::find_if(scene.events.begin(), scene.events.end(),
                                      [&](const SceneEvent& e) { return e.label == label; });
      if (previous)
        item.output += previous->offset_s - first->onset_s > kWhileOverlap ? ", while " : ", then ";
      item.output += info(label).sentence;
      const int times = scene.count(label);
      if (times == 2) item.output += " twice";
      if (times > 2) item.output += " " + std::to_string(times) + " times";
      previous = &*first;
    }
    item.output += '.';
    return item;
  }
};

}  // namespace

SceneOptions scene_for(QuestionType type, Random& rng, const SceneOptions& base) {
  return scene_for(type, rng, base, -1, 0);
}

SceneOptions scene_for(QuestionType type, Random& rng, const SceneOptions& base, int label, int repeats) {
  SceneOptions o = base;
  o.first_label = label;
  const auto events = [&](int low, int high) {
    o.min_events = low;
    o.max_events = std::max(low, std::min(high, base.max_events));
  };
  switch (type) {
    case QuestionType::kWhatOpen:
      events(1, rng.chance(0.7) ? 1 : 2);
      break;
    case QuestionType::kWhatMc:
    case QuestionType::kPresence:
      events(1, 3);
      break;
    case QuestionType::kOrderFirst:
    case QuestionType::kOrderLast:
      events(2, 3);
      o.min_seconds = std::max(base.min_seconds, 3.0);
      o.max_seconds = std::max(base.max_seconds, o.min_seconds);
      o.max_event_seconds = std::min(base.max_event_seconds, 2.5);
      o.min_onset_gap_s = std::max(base.min_onset_gap_s, kOrderGap + 0.05);
      o.repeat_chance = 0;
      break;
    case QuestionType::kCount: {
      events(1, 2);
      o.min_seconds = o.max_seconds =
          rng.uniform(std::max(base.min_seconds, 4.0), std::max(base.max_seconds, 4.0));
      // Room for five repeats and one other sound, whatever the drawn number is: lengths tell nothing.
      o.max_event_seconds = std::min({base.max_event_seconds, 1.5, (0.9 * o.min_seconds - 1) / 6});
      o.min_gap_s = std::max(base.min_gap_s, 0.15);
      o.countable = true;
      o.repeat_chance = 0;
      o.overlap = 0;
      o.repeats = repeats > 0 ? repeats : rng.range(1, kMostRepeats);
      break;
    }
    case QuestionType::kCaption:
      break;
  }
  return o;
}

std::optional<QaItem> ask(QuestionType type, const Scene& scene, const SoundBank& bank, Random& rng,
                          const QuestionOptions& options) {
  if (scene.events.empty()) return std::nullopt;
  const Asker asker{scene, bank, rng, options};
  switch (type) {
    case QuestionType::kWhatOpen:
      return asker.what_open();
    case QuestionType::kWhatMc:
      return asker.what_mc();
    case QuestionType::kPresence:
      return asker.presence();
    case QuestionType::kOrderFirst:
    case QuestionType::kOrderLast:
      return asker.order(type);
    case QuestionType::kCount:
      return asker.count();
    case QuestionType::kCaption:
      return asker.caption();
  }
  return std::nullopt;
}

std::vector<QaItem> make_questions(QuestionType type, const Scene& scene, const SoundBank& bank, Random& rng,
                                   const QuestionOptions& options, int most) {
  std::vector<QaItem> questions;
  if (auto item = ask(type, scene, bank, rng, options)) questions.push_back(std::move(*item));
  // Counts are asked only of scenes drawn for them, else 1 would be the most frequent answer.
  std::vector<QuestionType> others;
  for (int i = 0; i < kQuestionTypes; ++i) {
    const auto other = static_cast<QuestionType>(i);
    if (other != type && other != QuestionType::kCount) others.push_back(other);
  }
  rng.shuffle(others);
  QuestionOptions free = options;
  free.target = free.answer = -1;
  for (const QuestionType other : others) {
    if (static_cast<int>(questions.size()) >= most) break;
    if (auto item = ask(other, scene, bank, rng, free)) questions.push_back(std::move(*item));
  }
  return questions;
}

QaSource::QaSource(const SoundBank& bank, Split split, std::uint64_t seed, QaSourceOptions options)
    : bank_(bank), split_(split), seed_(seed), options_(std::move(options)) {
  weights_ = {options_.what_open,  options_.what_mc, options_.presence, options_.order_first,
              options_.order_last, options_.count,   options_.caption};
  const bool valid =
      std::all_of(weights_.begin(), weights_.end(), [](double w) { return w >= 0 && std::isfinite(w); });
  if (!valid || !(std::accumulate(weights_.begin(), weights_.end(), 0.0) > 0))
    throw user_error("question weights must be 0 or more, and one of them positive");
  if (!(options_.lettered_answers >= 0 && options_.lettered_answers <= 1))
    throw user_error("lettered_answers must be in 0..1");
  if (options_.most_questions < 1) throw user_error("most_questions must be at least 1");
}

QaGroup QaSource::item(std::uint64_t index) const {
  Random rng("af2/scene/1/" + std::to_string(seed_) + "/" + split_name(split_) + "/" + std::to_string(index));
  double at = rng.uniform() * std::accumulate(weights_.begin(), weights_.end(), 0.0);
  std::size_t kind = 0;
  while (kind + 1 < weights_.size() && at >= weights_[kind]) at -= weights_[kind++];
  const auto type = static_cast<QuestionType>(kind);
  QuestionOptions asking;
  asking.held_out_wording = split_ == Split::kTest;
  asking.lettered_answers = options_.lettered_answers;
  for (int attempt = 0; attempt < 100; ++attempt) {
    QaGroup group;
    group.scene = make_scene(bank_, split_, rng, scene_for(type, rng, options_.scene));
    const int most = rng.range(1, options_.most_questions);
    group.questions = make_questions(type, group.scene, bank_, rng, asking, most);
    if (!group.questions.empty() && group.questions[0].type == question_name(type)) return group;
  }
  throw data_error(std::string("no scene of the bank allows a question of type ") + question_name(type));
}

std::vector<QaItem> QaSource::ask_again(const Scene& scene, QuestionType type, std::uint64_t index,
                                        std::uint64_t visit) const {
  Random rng("af2/questions/1/" + std::to_string(seed_) + "/" + split_name(split_) + "/" +
             std::to_string(index) + "/" + std::to_string(visit));
  QuestionOptions asking;
  asking.held_out_wording = split_ == Split::kTest;
  asking.lettered_answers = options_.lettered_answers;
  const int most = rng.range(1, options_.most_questions);
  std::vector<QaItem> questions = make_questions(type, scene, bank_, rng, asking, most);
  if (questions.empty() || questions[0].type != question_name(type)) return {};
  return questions;
}

}  // namespace af2
