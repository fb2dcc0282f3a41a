// What the records of a set say, with how often they say it: where wrong answers come from, so that a wrong
// one is as usual in the set as a right one and nothing but listening tells them apart.
//
// Not for what one record holds (af2/data/record.h). Thread rule: constant after of_records().
//
//   const StoryPool pool = StoryPool::of_records(records);
//   RuleContext context{record, words, margins, rng, &pool};
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/random.h"
#include "af2/data/record.h"

namespace af2 {

// A sentence about a scene or a part of it, and whose it is.
struct ToldStory {
  std::string recipe, text;
  std::vector<std::string> places;  // in order

  auto operator<=>(const ToldStory&) const = default;
};

class StoryPool {
 public:
  using Counts = std::map<std::string, int>;

  static StoryPool of_records(const std::vector<Record>& records);

  const Counts& labels() const { return labels_; }  // of events that are not background: in how many records
  const Counts& backgrounds() const { return backgrounds_; }  // of background events: in how many records
  const Counts& places() const { return places_; }  // noun phrases (place_phrase): of how many parts
  const Counts& moods() const { return moods_; }    // of how many parts
  // The mood, or one like it, was found at the place in some record: then it tells nothing of the place.
  bool felt_at(const std::string& mood, const std::string& place) const;
  // A place with a mood that it has in some record.
  const std::map<std::pair<std::string, std::string>, int>& places_with_moods() const { return moods_at_; }
  const std::vector<ToldStory>& plots() const { return plots_; }  // of whole records
  const std::vector<ToldStory>& parts() const { return parts_; }  // of parts

 private:
  Counts labels_, backgrounds_, places_, moods_;
  std::map<std::pair<std::string, std::string>, int> moods_at_;  // place, mood
  std::vector<ToldStory> plots_, parts_;                         // sorted, without repeats
};

// Up to `n` of the pool's texts, each drawn by its count, that `fits` takes beside those drawn
// before it; no text twice.
using FitsBeside = std::function<bool(const std::string& text, const std::vector<std::string>& drawn)>;
std::vector<std::string> draw_from(const StoryPool::Counts& counts, int n, Random& rng,
                                   const FitsBeside& fits);

}  // namespace af2
