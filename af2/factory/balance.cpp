#include "af2/factory/balance.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/data/answers.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

// A number that puts items in an order nobody chose: the first draw of a name.
std::uint64_t rank_of(const char* what, std::int64_t seed, const Item& item) {
  return Random("af2/factory/" + std::string(what) + "/1/" + std::to_string(seed) + "/" + item.id).next();
}

std::string type_of(const Item& item) {
  return skill_key(item) + "." + item.type;
}

void remove_marked(std::vector<Item>& items, const std::vector<char>& keep) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!keep[i]) continue;
    if (to != i) items[to] = std::move(items[i]);
    ++to;
  }
  items.resize(to);
}

std::vector<std::uint64_t> word_grams(const std::string& text) {
  const std::vector<std::string> words = split(text, ' ');
  std::vector<std::uint64_t> grams;
  for (std::size_t i = 0; i < std::max<std::size_t>(words.size(), 3) - 2; ++i) {
    std::string gram;
    for (std::size_t k = i; k < std::min(i + 3, words.size()); ++k) gram += words[k] + " ";
    grams.push_back(fnv1a64(gram));
  }
  std::sort(grams.begin(), grams.end());
  grams.erase(std::unique(grams.begin(), grams.end()), grams.end());
  return grams;
}

double jaccard(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::size_t both = 0;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j) {
      ++both, ++i, ++j;
    } else if (*i < *j) {
      ++i;
    } else {
      ++j;
    }
  }
  return static_cast<double>(both) / static_cast<double>(a.size() + b.size() - both);
}

// Questions kept of one clip. Two sets of grams that are alike share one of the first few of each in sorted
// order, so only those are looked up: no question is held against all others.
class NearQuestions {
 public:
  explicit NearQuestions(double least) : least_(least) {}

  // Whether one like it is there; else it is kept.
  bool seen(const std::string& question) {
    std::vector<std::uint64_t> grams = word_grams(question);
    const auto n = static_cast<double>(grams.size());
    const std::size_t first =
        std::min(grams.size(), grams.size() - static_cast<std::size_t>(std::ceil(least_ * n)) + 1);
    for (std::size_t k = 0; k < first; ++k)
      if (const auto found = with_.find(grams[k]); found != with_.end())
        for (const std::size_t other : found->second)
          if (jaccard(grams, kept_[other]) >= least_) return true;
    for (std::size_t k = 0; k < first; ++k) with_[grams[k]].push_back(kept_.size());
    kept_.push_back(std::move(grams));
    return false;
  }

 private:
  double least_;
  std::vector<std::vector<std::uint64_t>> kept_;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> with_;
};

// Of `places`, all but the `n` lowest by name are marked.
void thin(const std::vector<Item>& items, std::vector<std::size_t> places, std::size_t n, std::int64_t seed,
          const char* reason, std::vector<char>& keep, RecordCounts& counts) {
  std::vector<std::pair<std::uint64_t, std::size_t>> ranks;
  for (const std::size_t i : places) ranks.emplace_back(rank_of("thin", seed, items[i]), i);
  std::sort(ranks.begin(), ranks.end());
  std::vector<std::size_t> gone;
  for (std::size_t k = n; k < ranks.size(); ++k) gone.push_back(ranks[k].second);
  std::sort(gone.begin(), gone.end());
  for (const std::size_t i : gone) keep[i] = 0, counts.drop(reason, items[i].id);
}

}  // namespace

std::string skill_key(const Item& item) {
  return (item.is_long ? "long." : "") + item.skill;
}

std::string clip_key(const Item& item) {
  return item.audio + "\n" + std::to_string(item.start) + "\n" + std::to_string(item.duration);
}

void drop_duplicates(std::vector<Item>& items, const BalanceOptions& options, RecordCounts& counts) {
  // Clips one after another, items of each by id.
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  order.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) order.emplace_back(fnv1a64(clip_key(items[i])), i);
  std::sort(order.begin(), order.end());
  std::vector<const char*> why(items.size(), nullptr);
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && order[end].first == order[begin].first) ++end;
    std::unordered_set<std::string> questions;
    std::unordered_map<std::string, int> of_type;
    NearQuestions near(options.near_jaccard);
    for (std::size_t k = begin; k < end; ++k) {
      const Item& item = items[order[k].second];
      const std::string question = normal_term(item.question);
      const char*& reason = why[order[k].second];
      if (!questions.insert(question).second) {
        reason = "duplicate/same";
      } else if (near.seen(question)) {
        reason = "duplicate/near";
      } else if (options.items_per_clip > 0 && ++of_type[type_of(item)] > options.items_per_clip) {
        reason = "duplicate/clip";
      }
    }
    begin = end;
  }
  std::vector<char> keep(items.size(), 1);
  for (std::size_t i = 0; i < items.size(); ++i)
    if (why[i]) keep[i] = 0, counts.drop(why[i], items[i].id);
  remove_marked(items, keep);
}

void balance_yes_no(std::vector<Item>& items, const BalanceOptions& options, RecordCounts& counts) {
  std::map<std::string, std::vector<std::size_t>[2]> types;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].form != "yes_no") continue;
    const std::optional<bool> yes = parse_yes_no(items[i].answer);
    if (yes) types[type_of(items[i])][*yes ? 1 : 0].push_back(i);
  }
  std::vector<char> keep(items.size(), 1);
  for (const auto& [type, answers] : types) {
    const std::size_t n = std::min(answers[0].size(), answers[1].size());
    for (const auto& places : answers) thin(items, places, n, options.seed, "balance/yes_no", keep, counts);
  }
  remove_marked(items, keep);
}

void cap_answers(std::vector<Item>& items, const BalanceOptions& options, RecordCounts& counts) {
  std::map<std::string, std::map<std::string, std::vector<std::size_t>>> types;
  for (std::size_t i = 0; i < items.size(); ++i)
    if (items[i].form != "yes_no" && items[i].form != "open")
      types[type_of(items[i])][normal_term(items[i].answer)].push_back(i);
  std::vector<char> keep(items.size(), 1);
  for (const auto& [type, answers] : types) {
    std::size_t n = 0;
    bool numbers = true;
    for (const auto& [answer, places] : answers) {
      n += places.size();
      numbers = numbers && parse_count(answer).has_value();
    }
    const double factor = numbers ? options.number_factor : options.class_factor;
    if (factor <= 0 || answers.size() < 2 || 2 * answers.size() > n) continue;
    // Thinning lowers the whole, so that the limit falls with it until it holds.
    std::size_t cap = n;
    for (std::size_t total = n;;) {
      const auto fair = static_cast<double>(total) / static_cast<double>(answers.size());
      const auto limit = static_cast<std::size_t>(std::max(1.0, std::floor(factor * fair)));
      std::size_t left = 0;
      for (const auto& [answer, places] : answers) left += std::min(places.size(), limit);
      cap = std::min(cap, limit);
      if (left == total) break;
      total = left;
    }
    for (const auto& [answer, places] : answers)
      if (places.size() > cap)
        thin(items, places, cap, options.seed, numbers ? "balance/number" : "balance/class", keep, counts);
  }
  remove_marked(items, keep);
}

std::int64_t balance_set(std::vector<Item>& items, const BalanceOptions& options, RecordCounts& counts) {
  for (std::size_t i = 1; i < items.size(); ++i)
    if (!(items[i - 1].id < items[i].id))
      throw internal_error("items are not sorted by id: " + items[i].id + " stands behind " +
                           items[i - 1].id);
  drop_duplicates(items, options, counts);
  if (options.yes_no) balance_yes_no(items, options, counts);
  cap_answers(items, options, counts);
  return balance_letters(items, options);
}

}  // namespace af2
