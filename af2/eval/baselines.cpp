#include "af2/eval/baselines.h"

#include <algorithm>
#include <map>
#include <set>

#include "af2/core/text_util.h"
#include "af2/eval/answer_text.h"
#include "af2/eval/caption_metrics.h"
#include "af2/text/unicode.h"

namespace af2 {
namespace {

constexpr std::size_t kConstantCandidates = 100, kComparedItems = 200;
constexpr double kMostAnswers = 0.5;  // as many different answers as this share of items: no closed list

bool has_options(const EvalItem& item) {
  return item.choices.size() >= 2;
}

bool is_yes_no(const EvalItem& item) {
  const std::string answer = lower_case(trim(item.answer()));
  return item.choices.empty() && (answer == "yes" || answer == "no");
}

// What one item's right answer is among the answers of the benchmark; empty: it has none.
std::string gold_class(const EvalItem& item) {
  if (item.labels.size() == 1) return item.labels.front();
  if (has_options(item))
    return item.gold_index < 0 ? std::string() : item.choices[static_cast<std::size_t>(item.gold_index)];
  return lower_case(trim(item.answer()));
}

// One answer to all: the share that it has right, of the best.
BlindScore majority_of(const std::vector<EvalItem>& items) {
  std::map<std::string, std::int64_t> counts;
  BlindScore score{"majority", 0, 0, ""};
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string gold = gold_class(items[i]);
    if (gold.empty()) continue;
    ++counts[gold], ++score.n;
    score.items.push_back(i);
  }
  std::int64_t best = 0;
  for (const auto& [answer, n] : counts)
    if (n > best) best = n, score.note = answer;
  const bool closed = static_cast<double>(counts.size()) <= kMostAnswers * static_cast<double>(score.n);
  if (!closed || score.n == 0) return {"majority", 0, 0, ""};
  score.value = static_cast<double>(best) / static_cast<double>(score.n);
  return score;
}

double longest_share(const EvalItem& item) {
  std::size_t longest = 0, ties = 0;
  for (const std::string& option : item.choices) {
    const std::size_t length = trim(option).size();
    if (length > longest) longest = length, ties = 0;
    ties += length == longest;
  }
  const bool right = trim(item.choices[static_cast<std::size_t>(item.gold_index)]).size() == longest;
  return right ? 1.0 / static_cast<double>(ties) : 0.0;
}

}  // namespace

std::vector<BlindScore> blind_scores(const Benchmark& benchmark, const LabelSet& labels,
                                     const std::vector<EvalItem>& items) {
  BlindScore chance{"chance", 0, 0, ""}, first{"always_first", 0, 0, "A"},
      longest{"longest_option", 0, 0, ""};
  std::map<int, std::int64_t> letters;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const EvalItem& item = items[i];
    double share = 0;
    if (has_options(item)) {
      share = 1.0 / static_cast<double>(item.choices.size());
      ++first.n, ++longest.n;
      first.items.push_back(i), longest.items.push_back(i);
      if (item.gold_index >= 0) {
        ++letters[item.gold_index];
        first.value += item.gold_index == 0 ? 1 : 0;
        longest.value += longest_share(item);
      }
    } else if (is_yes_no(item)) {
      share = 0.5;
    } else if (benchmark.task == "classification" && labels.list.size() >= 2) {
      share = 1.0 / static_cast<double>(labels.list.size());
    } else {
      continue;
    }
    chance.value += share, ++chance.n;
    chance.items.push_back(i);
  }
  std::vector<BlindScore> all;
  const auto keep = [&](BlindScore score) {
    if (score.n == 0) return;
    score.value /= static_cast<double>(score.n);
    all.push_back(std::move(score));
  };
  keep(chance);
  BlindScore majority = majority_of(items);
  majority.value *= static_cast<double>(majority.n);
  keep(majority);
  keep(first);
  BlindScore best{"best_letter", 0, first.n, "", first.items};
  for (const auto& [letter, n] : letters)
    if (static_cast<double>(n) > best.value)
      best.value = static_cast<double>(n), best.note = std::string(1, static_cast<char>('A' + letter));
  keep(best);
  keep(longest);
  return all;
}

std::string constant_caption(const std::vector<EvalItem>& items) {
  std::vector<const EvalItem*> told;
  for (const EvalItem& item : items)
    if (!item.refs.empty()) told.push_back(&item);
  if (told.empty()) return "";
  const auto step = [&](std::size_t most) { return std::max<std::size_t>(1, told.size() / most); };
  std::vector<std::vector<CaptionTokens>> others;
  for (std::size_t i = 0; i < told.size(); i += step(kComparedItems)) {
    std::vector<CaptionTokens>& references = others.emplace_back();
    for (const std::string& text : told[i]->refs) references.push_back(word_runs(text));
  }
  std::string best;
  double most = -1;
  for (std::size_t i = 0; i < told.size(); i += step(kConstantCandidates)) {
    const std::string& candidate = told[i]->refs.front();
    const CaptionTokens tokens = word_runs(candidate);
    double near = 0;
    for (const std::vector<CaptionTokens>& references : others) {
      double nearest = 0;
      for (const CaptionTokens& reference : references)
        nearest = std::max(nearest, token_f1(tokens, reference));
      near += nearest;
    }
    if (near > most) most = near, best = candidate;
  }
  return best;
}

const BlindScore* blind_score(const std::vector<BlindScore>& scores, const std::string& name) {
  const auto found =
      std::find_if(scores.begin(), scores.end(), [&](const BlindScore& score) { return score.name == name; });
  return found == scores.end() ? nullptr : &*found;
}

}  // namespace af2
