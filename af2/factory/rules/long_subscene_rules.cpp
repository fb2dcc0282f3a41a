// What happens between two sounds that are heard once each and named by description (docs/spec/data.md
// section 3).
#include <algorithm>
#include <limits>

#include "af2/factory/rules/long_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_detail;

constexpr double kMostShare = 0.6;  // of the scene between them: more is no sub-scene
// Words of the names in a question, so that it stays within 20.
constexpr int kMostNamed = 11, kMostNamedOfThree = 13;

struct Frame {
  const LongSound *first = nullptr, *second = nullptr;
  Span between;
};

// Two sounds heard once, far enough apart; drawn.
std::optional<Frame> draw_frame(const LongScene& scene) {
  const Margins& margins = scene.context().margins;
  const double least = std::max(margins.subscene_s, margins.subscene_share * scene.length());
  const auto once = scene.drawn([](const LongSound& sound) { return sound.spans.size() == 1; });
  std::vector<int> n_words;
  for (const LongSound* sound : once) n_words.push_back(count_words(scene.indirect(sound->label)));
  std::vector<Frame> frames;
  for (std::size_t i = 0; i < once.size(); ++i)
    for (std::size_t j = 0; j < once.size(); ++j) {
      const LongSound *a = once[i], *b = once[j];
      const Span between{a->spans.front().end, b->spans.front().start};
      const double apart = between.end - between.start;
      if (apart >= least && apart <= kMostShare * scene.length() && n_words[i] + n_words[j] <= kMostNamed)
        frames.push_back({a, b, between});
    }
  if (frames.empty()) return std::nullopt;
  return scene.rng().pick(frames);
}

bool names_fit(const Finding& finding) {
  int words = 0;
  for (const auto& [slot, text] : finding.slots) words += count_words(text);
  return words <= kMostNamedOfThree;
}

Finding begun(const LongScene& scene, const Frame& frame) {
  Finding finding;
  finding.slots = {{"a", scene.indirect(frame.first->label)}, {"b", scene.indirect(frame.second->label)}};
  finding.evidence = scene.evidence(*frame.first);
  for (const ItemEvidence& more : scene.evidence(*frame.second)) finding.evidence.push_back(more);
  finding.facts = {{"first", frame.first->label}, {"second", frame.second->label}};
  return finding;
}

// Sounds that are heard between, wholly or at least once; and those that are not, in drawn order.
std::vector<const LongSound*> heard_between(const LongScene& scene, const Frame& frame) {
  return scene.drawn([&](const LongSound& sound) {
    return std::any_of(sound.spans.begin(), sound.spans.end(),
                       [&](const Span& span) { return scene.inside(span, frame.between); });
  });
}

std::vector<const LongSound*> not_between(const LongScene& scene, const Frame& frame) {
  return scene.drawn([&](const LongSound& sound) {
    return &sound != frame.first && &sound != frame.second && !scene.heard_in(sound.label, frame.between);
  });
}

void add_evidence(const LongScene& scene, const LongSound& sound, Finding& finding) {
  for (const ItemEvidence& more : scene.evidence(sound, 4)) finding.evidence.push_back(more);
}

std::optional<Finding> find_part_sounds(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const std::optional<Frame> frame = draw_frame(scene);
  if (!frame) return std::nullopt;
  const auto between = heard_between(scene, *frame);
  const auto others = not_between(scene, *frame);
  if (between.empty()) return std::nullopt;
  Finding finding = begun(scene, *frame);
  finding.answer = scene.phrase(between.front()->label);
  finding.kind = "present";
  finding.wrong =
      wrong_labels(scene, others, others.size() < 3 ? scene.absent(3) : std::vector<std::string>());
  add_evidence(scene, *between.front(), finding);
  finding.level = "medium";
  return finding;
}

// Sounds between that come one after the other, each over before the next begins: two or three.
std::vector<const LongSound*> course_between(const LongScene& scene, const Frame& frame) {
  std::vector<const LongSound*> told;
  const double gap = scene.context().margins.onset_gap_s;
  const auto range = [&](const LongSound& sound) {
    Span whole{std::numeric_limits<double>::infinity(), 0};
    for (const Span& span : sound.spans)
      if (span.end > frame.between.start - gap && span.start < frame.between.end + gap)
        whole = {std::min(whole.start, span.start), std::max(whole.end, span.end)};
    return whole;
  };
  for (const LongSound* sound : heard_between(scene, frame)) {
    const Span its = range(*sound);
    if (told.size() == 3 || !scene.inside(its, frame.between)) continue;
    if (std::all_of(told.begin(), told.end(), [&](const LongSound* other) {
          const Span that = range(*other);
          return its.end + gap <= that.start || that.end + gap <= its.start;
        }))
      told.push_back(sound);
  }
  std::sort(told.begin(), told.end(),
            [&](const LongSound* a, const LongSound* b) { return range(*a).start < range(*b).start; });
  return told;
}

std::optional<Finding> find_story(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const std::optional<Frame> frame = draw_frame(scene);
  if (!frame) return std::nullopt;
  const auto told = course_between(scene, *frame);
  const std::size_t n = told.size();
  if (n < 2) return std::nullopt;
  Finding finding = begun(scene, *frame);
  const std::string form =
      n == 2
          ? context.rng.pick(std::vector<std::string>{"First {0} and then {1}", "At first {0} and later {1}"})
          : context.rng.pick(std::vector<std::string>{"First {0} and then {1} before {2}",
                                                      "At first {0} and later {1} until finally {2}"});
  std::vector<std::string> right;
  for (const LongSound* sound : told) right.push_back(sound->label);
  std::vector<std::string> others;
  for (const LongSound* sound : not_between(scene, *frame)) others.push_back(sound->label);
  if (others.size() < n || context.rng.chance(0.3)) {
    for (const std::string& label : scene.absent(3)) others.push_back(label);
    context.rng.shuffle(others);
  }
  std::vector<std::vector<std::string>> wrong;
  const bool reorder = n == 3 && (others.size() < n || context.rng.chance(0.5));
  if (reorder) {
    for (const std::vector<int>& order : other_orders(3, 3, context.rng)) {
      wrong.emplace_back();
      for (const int place : order) wrong.back().push_back(right[static_cast<std::size_t>(place)]);
    }
  } else if (others.size() >= n) {
    for (const std::vector<bool>& other : balanced_others(static_cast<int>(n), context.rng)) {
      wrong.push_back(right);
      for (std::size_t i = 0; i < n; ++i)
        if (other[i]) wrong.back()[i] = others[i];
    }
  }
  std::vector<std::string> used = right;
  const auto told_text = [&](const std::vector<std::string>& labels) {
    std::vector<std::string> sentences;
    for (const std::string& label : labels) sentences.push_back(scene.sentence(label));
    used.insert(used.end(), labels.begin(), labels.end());
    return as_sentence(fill_places(form, sentences));
  };
  finding.answer = finding.sentence = told_text(right);
  if (count_words(finding.answer) > 20) return std::nullopt;
  for (const std::vector<std::string>& labels : wrong) {
    finding.wrong.push_back({told_text(labels), "value"});
    if (count_words(finding.wrong.back().text) > 20) return std::nullopt;
  }
  for (const LongSound* sound : told) add_evidence(scene, *sound, finding);
  finding.level = "hard";
  finding.facts["labels"] = sorted_texts(used);
  return finding;
}

std::optional<Finding> find_part_place(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable() || scene.stages().size() < 3) return std::nullopt;
  const std::optional<Frame> frame = draw_frame(scene);
  if (!frame) return std::nullopt;
  const double slack = context.margins.onset_gap_s;
  const Stage* whole = nullptr;
  std::vector<const Stage*> others;
  for (const Stage& stage : scene.stages()) {
    if (stage.start >= frame->between.start && stage.end <= frame->between.end) {
      if (whole) return std::nullopt;  // two of them: more than one answer
      whole = &stage;
    } else if (stage.end < frame->between.start + slack || stage.start > frame->between.end - slack) {
      others.push_back(&stage);
    }
  }
  if (!whole) return std::nullopt;
  // A place whose name is as much another's would be heard outside the stretch too.
  for (const Stage& stage : scene.stages())
    if (&stage != whole && places_alike(stage.place, whole->place)) return std::nullopt;
  // Stages that hold one of the two sounds reach into the stretch and are no fair wrong answer.
  std::vector<std::string> reaching;
  for (const Stage& stage : scene.stages())
    if (stage.end >= frame->between.start + slack && stage.start <= frame->between.end - slack)
      reaching.push_back(stage.place);
  Finding finding = begun(scene, *frame);
  finding.answer = whole->place;
  finding.kind = "present";
  std::vector<std::string> seen;
  context.rng.shuffle(others);
  for (const Stage* other : others) {
    const auto alike = [&](const std::string& place) { return places_alike(place, other->place); };
    if (std::any_of(reaching.begin(), reaching.end(), alike) || std::any_of(seen.begin(), seen.end(), alike))
      continue;
    seen.push_back(other->place);
    finding.wrong.push_back({other->place, "present"});
  }
  for (const std::string& place : scene.other_places(3)) finding.wrong.push_back({place, "absent"});
  finding.evidence.push_back({whole->place, whole->start, whole->end});
  finding.level = "medium";
  return finding;
}

std::optional<Finding> find_has(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const std::optional<Frame> frame = draw_frame(scene);
  if (!frame) return std::nullopt;
  const bool yes = context.rng.chance(0.5);
  const auto fit = yes ? heard_between(scene, *frame) : not_between(scene, *frame);
  if (fit.empty()) return std::nullopt;
  Finding finding = begun(scene, *frame);
  finding.slots["x"] = scene.phrase(fit.front()->label);
  finding.answer = yes ? "yes" : "no";
  add_evidence(scene, *fit.front(), finding);
  finding.level = "medium";
  finding.facts["label"] = fit.front()->label;
  if (!names_fit(finding)) return std::nullopt;
  return finding;
}

std::optional<Finding> find_part_count(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  // What is heard once between two sounds is far more usual than the rest: several frames are looked at, and
  // the number is drawn before the sound.
  struct Counted {
    Frame frame;
    const LongSound* sound;
    int n;
  };
  std::vector<Counted> open;
  for (int i = 0; i < 12; ++i) {
    const std::optional<Frame> frame = draw_frame(scene);
    if (!frame) return std::nullopt;
    for (const LongSound* sound : heard_between(scene, *frame)) {
      int n = 0;
      bool clear = sound->countable();
      for (const Span& span : sound->spans) {
        const bool in = scene.inside(span, frame->between);
        const double gap = context.margins.onset_gap_s;
        n += in ? 1 : 0;
        clear =
            clear && (in || span.end <= frame->between.start - gap || span.start >= frame->between.end + gap);
      }
      if (clear && n <= context.margins.most_counted) open.push_back({*frame, sound, n});
    }
  }
  std::vector<int> numbers;
  for (const Counted& counted : open) numbers.push_back(counted.n);
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (numbers.empty()) return std::nullopt;
  const int n = context.rng.pick(numbers);
  if (!asks_for(n, 1, context.rng)) return std::nullopt;
  std::erase_if(open, [&](const Counted& counted) { return counted.n != n; });
  const Counted& counted = context.rng.pick(open);
  Finding finding = begun(scene, counted.frame);
  finding.slots["x"] = scene.phrase(counted.sound->label);
  finding.answer = std::to_string(n);
  finding.wrong = number_options(n, 1, context.rng);
  add_evidence(scene, *counted.sound, finding);
  finding.level = "hard";
  finding.facts["label"] = counted.sound->label;
  if (!names_fit(finding)) return std::nullopt;
  return finding;
}

}  // namespace

std::vector<RuleType> long_subscene_rules() {
  return {{"subscene", "sounds", true, {"choice"}, find_part_sounds},
          {"subscene", "story", true, {"choice", "open"}, find_story},
          {"subscene", "place", true, {"choice", "short"}, find_part_place},
          {"subscene", "has", true, {"yes_no"}, find_has},
          {"subscene", "count", true, {"choice", "short"}, find_part_count}};
}

}  // namespace af2
