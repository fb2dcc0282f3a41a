#include "af2/factory/rules/story_pool.h"

#include <algorithm>
#include <set>

#include "af2/core/text_util.h"
#include "af2/factory/rules/long_tables.h"

namespace af2 {
namespace {

void add_all(StoryPool::Counts& counts, const std::set<std::string>& texts) {
  for (const std::string& text : texts)
    if (!text.empty()) ++counts[text];
}

void sort_once(std::vector<ToldStory>& stories) {
  std::sort(stories.begin(), stories.end());
  stories.erase(std::unique(stories.begin(), stories.end()), stories.end());
}

}  // namespace

StoryPool StoryPool::of_records(const std::vector<Record>& records) {
  StoryPool pool;
  for (const Record& record : records) {
    std::set<std::string> labels, backgrounds;
    for (const RecordEvent& event : record.events)
      (event.role == "background" ? backgrounds : labels).insert(event.label);
    std::vector<std::string> route;
    for (const RecordPart& part : record.story.parts) {
      if (const std::string place = place_phrase(part.place); !place.empty()) ++pool.places_[place];
      if (const std::string mood = trim(part.mood); !mood.empty()) ++pool.moods_[mood];
      if (!trim(part.mood).empty()) ++pool.moods_at_[{place_phrase(part.place), trim(part.mood)}];
      route.push_back(place_phrase(part.place));
      if (!trim(part.text).empty())
        pool.parts_.push_back({part.name, trim(part.text), {place_phrase(part.place)}});
    }
    if (!trim(record.story.plot).empty())
      pool.plots_.push_back({record.story.recipe, trim(record.story.plot), route});
    add_all(pool.labels_, labels);
    add_all(pool.backgrounds_, backgrounds);
  }
  sort_once(pool.plots_);
  sort_once(pool.parts_);
  return pool;
}

bool StoryPool::felt_at(const std::string& mood, const std::string& place) const {
  return std::any_of(moods_at_.begin(), moods_at_.end(), [&](const auto& entry) {
    return entry.first.first == place && moods_alike(entry.first.second, mood);
  });
}

std::vector<std::string> draw_from(const StoryPool::Counts& counts, int n, Random& rng,
                                   const FitsBeside& fits) {
  std::vector<std::pair<std::string, int>> open(counts.begin(), counts.end());
  int sum = 0;
  for (const auto& [text, count] : open) sum += count;
  std::vector<std::string> drawn;
  while (static_cast<int>(drawn.size()) < n && sum > 0) {
    auto place = static_cast<int>(rng.below(static_cast<std::uint64_t>(sum)));
    const auto chosen = std::find_if(open.begin(), open.end(),
                                     [&](const auto& entry) { return (place -= entry.second) < 0; });
    sum -= chosen->second;
    if (fits(chosen->first, drawn)) drawn.push_back(chosen->first);
    open.erase(chosen);
  }
  return drawn;
}

}  // namespace af2
