#include "af2/factory/blind_solvers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/data/answers.h"
#include "af2/data/text_terms.h"
#include "af2/factory/balance.h"
#include "af2/factory/blind_problems.h"

namespace af2 {
namespace blind {
namespace {

std::vector<std::uint64_t> word_numbers(std::string_view text) {
  std::vector<std::uint64_t> numbers;
  const std::string plain = normal_term(text);
  for (const std::string& word : split(plain, ' '))
    if (!word.empty()) numbers.push_back(fnv1a64(word));
  return numbers;
}

Candidate candidate_of(const std::string& text) {
  return {fnv1a64(normal_term(text)), word_numbers(text), static_cast<int>(trim(text).size())};
}

}  // namespace

float share_of_best(const std::vector<double>& scores, int right) {
  const double best = *std::max_element(scores.begin(), scores.end());
  if (right < 0 || scores[static_cast<std::size_t>(right)] < best) return 0;
  return 1.0f / static_cast<float>(std::count(scores.begin(), scores.end(), best));
}

std::vector<Problem> problems_of(const std::vector<Item>& items, const SolverOptions& options) {
  // Answers of types without options, the most frequent first.
  std::map<std::string, std::map<std::string, int>> answers;
  std::map<std::string, int> of_type;
  const auto type_of = [](const Item& item) { return skill_key(item) + "." + item.type + ":" + item.form; };
  const auto unlisted = [](const Item& item) {
    return item.options.empty() && (item.form == "short" || item.form == "yes_no");
  };
  for (const Item& item : items)
    if (unlisted(item)) ++answers[type_of(item)][normal_term(item.answer)], ++of_type[type_of(item)];
  std::map<std::string, std::vector<std::string>> known;
  std::map<std::string, double> chance;
  for (auto& [type, counts] : answers) {
    if (type.ends_with(":yes_no")) counts.try_emplace("yes", 0), counts.try_emplace("no", 0);
    if (2 * static_cast<int>(counts.size()) > of_type[type] && !type.ends_with(":yes_no")) continue;
    std::vector<std::pair<int, std::string>> order;
    for (const auto& [answer, n] : counts) order.emplace_back(-n, answer);
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < order.size() && static_cast<int>(i) < options.answers; ++i)
      known[type].push_back(order[i].second);
    chance[type] = 1.0 / static_cast<double>(counts.size());
  }
  std::map<std::string, std::shared_ptr<const std::vector<Candidate>>> answers_of;
  for (const auto& [type, list] : known) {
    std::vector<Candidate> candidates;
    for (const std::string& answer : list) candidates.push_back(candidate_of(answer));
    answers_of[type] = std::make_shared<const std::vector<Candidate>>(std::move(candidates));
  }

  std::vector<Problem> problems(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    Problem& p = problems[i];
    p.group = fnv1a64(!item.group.empty() ? item.group : !item.record.empty() ? item.record : item.audio);
    if (item.options.size() >= 2 && item.answer_index >= 0) {
      p.listed_candidates.reserve(item.options.size());
      for (const std::string& option : item.options) p.listed_candidates.push_back(candidate_of(option));
      p.right = item.answer_index, p.listed = true;
      p.chance = 1.0 / static_cast<double>(item.options.size());
    } else if (const auto list = answers_of.find(type_of(item)); unlisted(item) && list != answers_of.end()) {
      p.type_answers = list->second;
      const auto& names = known[type_of(item)];
      const auto found = std::find(names.begin(), names.end(), normal_term(item.answer));
      p.right = found == names.end() ? -1 : static_cast<int>(found - names.begin());
      p.chance = chance[type_of(item)];
    } else {
      continue;
    }
    p.type = fnv1a64(type_of(item));
    p.wording = fnv1a64(type_of(item) + "/" + item.wording);
    p.question = word_numbers(item.question);
    p.fold = static_cast<int>(Random("af2/factory/fold/1/" + std::to_string(p.group))
                                  .below(static_cast<std::uint64_t>(options.folds)));
  }
  return problems;
}

namespace {

// How often each answer was right, for a key, in all folds and in one.
class AnswerCounts {
 public:
  void add(std::uint64_t key, std::uint64_t answer, int fold) {
    ++counts_[hash(key, answer, -1)];
    ++counts_[hash(key, answer, fold)];
  }
  double outside(std::uint64_t key, std::uint64_t answer, int fold) const {
    return at(hash(key, answer, -1)) - at(hash(key, answer, fold));
  }

 private:
  static std::uint64_t hash(std::uint64_t key, std::uint64_t answer, int fold) {
    return (key * 31 + answer) * 31 + static_cast<std::uint64_t>(fold + 2);
  }
  double at(std::uint64_t key) const {
    const auto found = counts_.find(key);
    return found == counts_.end() ? 0 : found->second;
  }
  std::unordered_map<std::uint64_t, int> counts_;
};

std::vector<float> solve_by_frequency(const std::vector<Problem>& problems) {
  AnswerCounts wordings, types;
  for (const Problem& p : problems)
    if (p.solvable() && p.right >= 0) {
      const std::uint64_t answer = p.candidates()[static_cast<std::size_t>(p.right)].whole;
      wordings.add(p.wording, answer, p.fold), types.add(p.type, answer, p.fold);
    }
  std::vector<float> share(problems.size(), -1.0f);
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const Problem& p = problems[i];
    if (!p.solvable()) continue;
    std::vector<double> scores;
    // The type decides where the wording is new.
    for (const Candidate& c : p.candidates())
      scores.push_back(wordings.outside(p.wording, c.whole, p.fold) +
                       1e-7 * types.outside(p.type, c.whole, p.fold));
    share[i] = share_of_best(scores, p.right);
  }
  return share;
}

template <class Score>
std::vector<float> solve_listed(const std::vector<Problem>& problems, Score score) {
  std::vector<float> share(problems.size(), -1.0f);
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (!problems[i].listed) continue;
    std::vector<double> scores;
    for (const Candidate& c : problems[i].candidates()) scores.push_back(score(problems[i], c));
    share[i] = share_of_best(scores, problems[i].right);
  }
  return share;
}

double shared_words(const Problem& p, const Candidate& c) {
  // Words that every sentence has say nothing.
  static const std::vector<std::uint64_t> common = [] {
    std::vector<std::uint64_t> list;
    for (const char* word :
         {"a", "an", "the", "of", "in", "on", "is", "it", "to", "and", "or", "with", "by", "at"})
      list.push_back(fnv1a64(word));
    return list;
  }();
  double n = 0;
  for (const std::uint64_t word : c.words)
    n += std::find(common.begin(), common.end(), word) == common.end() &&
         std::find(p.question.begin(), p.question.end(), word) != p.question.end();
  return n;
}

}  // namespace
}  // namespace blind

namespace {

constexpr int kMostOptions = 5;

struct Solved {
  std::string name;
  std::vector<float> share;  // [items], below 0: not tried
};

// The solvers' answers; the letters come as one each, since which is best depends on the scope.
std::vector<Solved> solve_all(const std::vector<Item>& items, const std::vector<blind::Problem>& problems,
                              const SolverOptions& options, const TextModelAnswers* model) {
  using blind::Candidate;
  using blind::Problem;
  std::vector<Solved> all;
  for (int letter = 0; letter < kMostOptions; ++letter) {
    std::vector<float> share(items.size(), -1.0f);
    for (std::size_t i = 0; i < items.size(); ++i)
      if (problems[i].listed) share[i] = problems[i].right == letter ? 1.0f : 0.0f;
    all.push_back({"letter", std::move(share)});
  }
  all.push_back({"longest", blind::solve_listed(problems, [](const Problem&, const Candidate& c) {
                   return static_cast<double>(c.letters);
                 })});
  all.push_back({"shortest", blind::solve_listed(problems, [](const Problem&, const Candidate& c) {
                   return -static_cast<double>(c.letters);
                 })});
  all.push_back({"frequent", blind::solve_by_frequency(problems)});
  all.push_back({"words", blind::solve_listed(problems, blind::shared_words)});
  std::vector<std::uint64_t> names;
  for (const Item& item : items)
    names.push_back(
        Random("af2/factory/word_model/1/" + std::to_string(options.seed) + "/" + item.id).next());
  all.push_back({"ngrams", blind::solve_by_words(problems, names, options)});
  if (model) all.push_back({"text_model", model->share});
  return all;
}

using Scopes = std::map<std::string, std::vector<std::size_t>>;
Scopes scopes_of(const std::vector<Item>& items, const std::vector<char>& alive) {
  Scopes scopes;
  for (std::size_t i = 0; i < items.size(); ++i)
    if (alive[i]) scopes["all"].push_back(i), scopes[skill_key(items[i])].push_back(i);
  return scopes;
}

SolverScore score_of(const Solved& solved, const std::string& scope, const std::vector<std::size_t>& places,
                     const std::vector<blind::Problem>& problems) {
  SolverScore score;
  score.solver = solved.name, score.scope = scope;
  std::unordered_map<std::uint64_t, std::pair<double, double>> groups;  // sum of shares, number
  for (const std::size_t i : places) {
    const float share = solved.share[i];
    if (share < 0) continue;
    ++score.n;
    score.accuracy += static_cast<double>(share), score.chance += problems[i].chance;
    auto& [sum, n] = groups[problems[i].group];
    sum += static_cast<double>(share), n += 1;
  }
  if (score.n == 0) return score;
  const auto n = static_cast<double>(score.n);
  score.accuracy /= n, score.chance /= n;
  // Spread between groups, and Wilson's interval, which also holds where all are right or wrong.
  double spread = 0;
  for (const auto& [group, of] : groups) spread += std::pow(of.first - of.second * score.accuracy, 2);
  const double z = 1.96, p = score.accuracy, half = z * std::sqrt(spread) / n;
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double wilson = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  score.low = std::max(0.0, std::min(p - half, middle - wilson));
  score.high = std::min(1.0, std::max(p + half, middle + wilson));
  return score;
}

// One score for each solver and scope; of the letters, that of the best.
std::vector<SolverScore> scores_of(const std::vector<Solved>& all, const Scopes& scopes,
                                   const std::vector<blind::Problem>& problems) {
  std::vector<SolverScore> scores;
  for (const auto& [scope, places] : scopes)
    for (std::size_t s = 0; s < all.size(); ++s) {
      const SolverScore score = score_of(all[s], scope, places, problems);
      if (score.n == 0) continue;
      const bool same =
          !scores.empty() && scores.back().scope == scope && scores.back().solver == score.solver;
      if (!same) {
        scores.push_back(score);
      } else if (score.accuracy > scores.back().accuracy) {
        scores.back() = score;
      }
    }
  return scores;
}

// Takes items out of a scope, of those the solver has right, until it is within the limit.
void take_out(const Solved& solved, const std::vector<std::size_t>& places,
              const std::vector<blind::Problem>& problems, const std::vector<Item>& items,
              const SolverOptions& options, std::vector<char>& alive, RecordCounts& counts) {
  double sum = 0, chance = 0, n = 0;
  std::vector<std::pair<std::uint64_t, std::size_t>> right;
  for (const std::size_t i : places) {
    if (!alive[i] || solved.share[i] < 0) continue;
    n += 1, sum += static_cast<double>(solved.share[i]), chance += problems[i].chance;
    if (static_cast<double>(solved.share[i]) > problems[i].chance)
      right.emplace_back(Random("af2/factory/blind/1/" + std::to_string(options.seed) + "/" + solved.name +
                                "/" + items[i].id)
                             .next(),
                         i);
  }
  if (n < options.min_items) return;
  const double margin = options.margin_points / 100;
  if (sum <= chance + margin * n) return;
  std::sort(right.begin(), right.end());
  // A little below the limit, or the solver, learning anew, is over it again.
  for (const auto& [rank, i] : right) {
    if (sum <= chance + 0.9 * margin * n) break;
    alive[i] = 0;
    counts.drop("blind/" + solved.name, items[i].id);
    n -= 1, sum -= static_cast<double>(solved.share[i]), chance -= problems[i].chance;
  }
}

bool all_within(const std::vector<SolverScore>& scores, const SolverOptions& options) {
  return std::none_of(scores.begin(), scores.end(), [&](const SolverScore& s) {
    return s.n >= options.min_items && s.over(options.margin_points);
  });
}

template <class T>
std::vector<T> those_alive(const std::vector<T>& list, const std::vector<char>& alive) {
  std::vector<T> left;
  for (std::size_t i = 0; i < list.size(); ++i)
    if (alive[i]) left.push_back(list[i]);
  return left;
}

}  // namespace

const std::vector<std::string>& solver_names() {
  static const std::vector<std::string> names = {"letter",   "longest", "shortest",
                                                 "frequent", "words",   "ngrams"};
  return names;
}

std::vector<SolverScore> run_solvers(const std::vector<Item>& items, const SolverOptions& options,
                                     const TextModelAnswers* model) {
  if (options.folds < 2) throw user_error("must be at least 2", "folds");
  const std::vector<blind::Problem> problems = blind::problems_of(items, options);
  return scores_of(solve_all(items, problems, options, model),
                   scopes_of(items, std::vector<char>(items.size(), 1)), problems);
}

PruneResult prune(std::vector<Item>& items, const SolverOptions& options, RecordCounts& counts,
                  const TextModelAnswers* model) {
  if (options.folds < 2) throw user_error("must be at least 2", "folds");
  PruneResult result;
  TextModelAnswers answers = model ? *model : TextModelAnswers{};
  for (int round = 0;; ++round) {
    const std::vector<blind::Problem> problems = blind::problems_of(items, options);
    const std::vector<Solved> all = solve_all(items, problems, options, model ? &answers : nullptr);
    std::vector<char> alive(items.size(), 1);
    const Scopes scopes = scopes_of(items, alive);
    result.after = scores_of(all, scopes, problems);
    if (round == 0) result.before = result.after;
    result.rounds = round;
    if (round == 0 && model)
      for (std::size_t i = 0; i < items.size(); ++i)
        if (answers.every[i]) alive[i] = 0, counts.drop("blind/text_model", items[i].id);
    result.within = all_within(result.after, options);
    if (round == options.rounds) return result;
    // Skills first: what is over in all is often over in one of them.
    for (const bool whole : {false, true})
      for (const auto& [scope, places] : scopes)
        if ((scope == "all") == whole)
          for (const Solved& solved : all) take_out(solved, places, problems, items, options, alive, counts);
    if (std::count(alive.begin(), alive.end(), 0) == 0) return result;
    if (model) {
      answers.share = those_alive(answers.share, alive);
      answers.every = those_alive(answers.every, alive);
    }
    std::size_t to = 0;
    for (std::size_t i = 0; i < items.size(); ++i)
      if (alive[i]) {
        if (to != i) items[to] = std::move(items[i]);
        ++to;
      }
    items.resize(to);
  }
}

}  // namespace af2
