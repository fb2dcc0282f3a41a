// What the re-checks of short clips' questions read from a record: its sounds one by one, and which class a
// text names (docs/spec/data.md section 7).
//
// Written apart from the rules' own view (rule_scene.h): neither uses the other. Thread rule: belongs to one
// call; free of shared state.
//
//   const RecheckScene scene(context);
//   for (const CheckedSound& sound : scene.sounds()) use(sound.key, sound.event->onset);
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "af2/factory/rules/recheck.h"
#include "af2/factory/rules/rule_words.h"

namespace af2 {

struct CheckedSound {
  std::string key;  // of its class
  const RecordEvent* event = nullptr;
};

class RecheckScene {
 public:
  explicit RecheckScene(const RecheckContext& context);

  // Neither background nor too soft, by onset.
  const std::vector<CheckedSound>& sounds() const { return sounds_; }
  std::vector<const RecordEvent*> sounds_of(const std::string& key) const;
  // Keys of sounds(), each once, by first onset.
  const std::vector<std::string>& keys() const { return keys_; }
  // The class that a label, phrase or short name means.
  std::string key_of(const std::string& text) const;
  // All of the class counts by the margins, it is heard, and no other label of the record is confusable.
  bool is_clear(const std::string& key) const;
  // No label of the record could go by the text, and the record names all that sounds.
  bool is_absent(const std::string& text) const;
  bool has_background() const;
  // The first `n` sounds are of `n` clear classes, each beginning the gap after the one before, and so does
  // what follows.
  bool places_are_clear(std::size_t n) const;

  // Why the item does not answer `key`: another answer, an option that means the same as another, a kind that
  // is not true. `forbidden` are classes that may not be among the options.
  std::string answer_problem(const std::string& key, const std::vector<std::string>& forbidden = {}) const;
  // The same for an answer that is no sound: `allowed` are the only texts that options may be (empty: any).
  std::string value_problem(const std::string& answer, const std::vector<std::string>& allowed = {}) const;
  // For a number.
  std::string number_problem(int number) const;

  // A text, number or list of the item's facts. Throws kData naming the item and the key.
  std::string fact(const char* key) const;
  int number_fact(const char* key) const;
  std::vector<std::string> list_fact(const char* key) const;

  const RecheckContext& context() const { return context_; }
  const Margins& margins() const { return context_.margins; }

 private:
  bool is_confusable(const std::string& key_a, const std::string& key_b) const;
  const Json& fact_json(const char* key) const;
  std::string key_of_label(const std::string& label) const;

  RecheckContext context_;
  std::vector<CheckedSound> sounds_;
  std::vector<std::string> keys_, named_;  // named_: classes of all events and labels
};

// A re-check with its scene; facts that are missing or of another type are a problem of the item, not an
// error.
Recheck with_scene(std::function<std::string(const RecheckScene&)> check);

// The events' spans without their overlaps, summed, seconds.
double seconds_of(const std::vector<const RecordEvent*>& events);
std::optional<double> measured(const RecordEvent& event, Attribute attribute);
// The difference of two values is large enough to hear, whichever is higher.
bool differs(double a, double b, Attribute attribute, const Margins& margins);
// Groups of events parted by pauses of at least join_gap_s: when each begins and ends.
struct CheckedGroup {
  double onset = 0, offset = 0;
};
std::vector<CheckedGroup> groups_of(const std::vector<const RecordEvent*>& events, const Margins& margins);

}  // namespace af2
