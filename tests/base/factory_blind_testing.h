// What the options of questions tell without the sound: hardly more than chance.
#pragma once

#include <cmath>
#include <functional>

#include "factory_testing.h"

namespace af2::test {

// Items of one type with answers that are no sounds, evened out: each answer as often as the rarest of those
// with at least a sixtieth of the items. That is what the caller's balance does.
inline std::vector<Item> evened(const std::vector<Made>& made, std::size_t options) {
  std::map<std::string, std::vector<Item>> by_answer;
  std::size_t n = 0;
  const bool sounds =
      !made.empty() && made[0].item.kinds[static_cast<std::size_t>(made[0].item.answer_index)] != "value";
  for (const Made& one : made)
    if (one.item.options.size() == options) by_answer[sounds ? "" : one.item.answer].push_back(one.item), ++n;
  // Orders of sounds hardly ever come twice.
  const bool many = by_answer.size() > n / 20;
  std::size_t least = n;
  for (const auto& [answer, list] : by_answer)
    if (many || list.size() >= n / 60) least = std::min(least, list.size());
  std::vector<Item> items;
  for (const auto& [answer, list] : by_answer)
    if (many || list.size() >= n / 60)
      items.insert(items.end(), list.begin(),
                   list.begin() + static_cast<std::ptrdiff_t>(many ? list.size() : least));
  Random rng("af2/test/factory/evened");
  rng.shuffle(items);
  return items;
}

// The best of some ways to answer without the sound: how often it is right, in percent above chance.
inline double blind_gain(const std::vector<Item>& items, std::string& best) {
  using Choice = std::function<std::size_t(const Item&)>;
  std::map<std::string, Choice> solvers;
  const auto by_score = [](const Item& item, const std::function<double(const std::string&)>& score) {
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < item.options.size(); ++i)
      if (score(item.options[i]) > score(item.options[chosen])) chosen = i;
    return chosen;
  };
  for (std::size_t letter = 0; letter < items[0].options.size(); ++letter)
    solvers["letter " + std::to_string(letter)] = [letter](const Item&) { return letter; };
  solvers["longest"] = [&](const Item& item) {
    return by_score(item, [](const std::string& option) { return static_cast<double>(option.size()); });
  };
  solvers["shortest"] = [&](const Item& item) {
    return by_score(item, [](const std::string& option) { return -static_cast<double>(option.size()); });
  };
  const auto shared_words = [](const Item& item, const std::string& option) {
    const auto question = words_of(item.question);
    double n = 0;
    for (const std::string& word : words_of(option))
      n += static_cast<double>(std::count(question.begin(), question.end(), word));
    return n;
  };
  solvers["words of the question"] = [&](const Item& item) {
    return by_score(item, [&](const std::string& option) { return shared_words(item, option); });
  };
  solvers["none of its words"] = [&](const Item& item) {
    return by_score(item, [&](const std::string& option) { return -shared_words(item, option); });
  };
  solvers["most like the others"] = [&](const Item& item) {
    std::map<std::string, double> counts;
    for (const std::string& option : item.options)
      for (const std::string& word : words_of(option)) counts[word] += 1;
    return by_score(item, [&](const std::string& option) {
      double sum = 0;
      for (const std::string& word : words_of(option)) sum += counts[word];
      return sum / static_cast<double>(words_of(option).size());
    });
  };
  // Learned on the first half: how often an option of that text, and of that rank by its text, is right.
  std::map<std::string, std::pair<double, double>> texts;
  std::map<std::size_t, double> ranks;
  const auto rank_of = [](const Item& item, std::size_t own) {
    return static_cast<std::size_t>(
        std::count_if(item.options.begin(), item.options.end(), [&](const std::string& other) {
          return other.size() < item.options[own].size() ||
                 (other.size() == item.options[own].size() && other < item.options[own]);
        }));
  };
  for (std::size_t k = 0; k < items.size() / 2; ++k)
    for (std::size_t i = 0; i < items[k].options.size(); ++i) {
      auto& [right, all] = texts[items[k].options[i]];
      const bool is_right = static_cast<int>(i) == items[k].answer_index;
      right += is_right, all += 1, ranks[rank_of(items[k], i)] += is_right;
    }
  solvers["texts that were right"] = [&](const Item& item) {
    return by_score(item, [&](const std::string& option) {
      const auto& [right, all] = texts[option];
      return (right + 1) / (all + static_cast<double>(item.options.size()));
    });
  };
  solvers["rank that was right"] = [&](const Item& item) {
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < item.options.size(); ++i)
      if (ranks[rank_of(item, i)] > ranks[rank_of(item, chosen)]) chosen = i;
    return chosen;
  };
  double most = -1;
  for (const auto& [name, solve] : solvers) {
    double right = 0, all = 0;
    for (std::size_t k = items.size() / 2; k < items.size(); ++k)
      right += static_cast<int>(solve(items[k])) == items[k].answer_index, all += 1;
    const double gain = 100 * (right / all - 1.0 / static_cast<double>(items[0].options.size()));
    if (gain > most) most = gain, best = name;
  }
  return most;
}

// No solver is more than 5 points above chance, beyond what drawing may do (three deviations).
inline void expect_blind_at_chance(const std::string& skill) {
  auto all = made_items(skill);
  // Numbers are even by the drawing of scenes: drawn records have more small ones than large ones.
  for (auto& [name, made] : all) {
    const std::string type = name.substr(0, name.find(':'));
    if (name != type + ":choice" || (type.rfind("count", 0) != 0 && type != "kinds")) continue;
    std::vector<Made> even;
    for (const Record& record : counting_records())
      if (auto item = ask(skill, type, record, "choice")) even.push_back({std::move(*item), record});
    EXPECT_GE(even.size(), 500u) << type;
    made.swap(even);
  }
  for (const auto& [name, made] : all) {
    if (name.find(":choice") == std::string::npos) continue;
    for (const std::size_t options : {3u, 4u}) {
      const std::vector<Item> items = evened(made, options);
      if (items.size() < 150) continue;
      std::string solver;
      const double chance = 1.0 / static_cast<double>(options);
      const double noise =
          100 * 3 * std::sqrt(chance * (1 - chance) / (static_cast<double>(items.size()) / 2));
      const double gain = blind_gain(items, solver);
      EXPECT_LT(gain, 5 + noise) << name << " of " << options << " options, " << items.size()
                                 << " items: " << solver;
      testing::Test::RecordProperty(name + std::to_string(options), std::to_string(gain));
    }
  }
}

// Letters of the right option, where they are drawn.
inline void expect_letters_even(const std::string& skill) {
  for (const auto& [name, made] : made_items(skill)) {
    if (name.find(":choice") == std::string::npos) continue;
    std::map<std::size_t, std::map<int, double>> letters;
    std::map<std::size_t, double> all;
    for (const Made& one : made)
      letters[one.item.options.size()][one.item.answer_index] += 1, all[one.item.options.size()] += 1;
    for (const auto& [options, counts] : letters)
      for (int letter = 0; all[options] >= 200 && letter < static_cast<int>(options); ++letter) {
        const double share = 1.0 / static_cast<double>(options);
        const double own = counts.contains(letter) ? counts.at(letter) / all[options] : 0;
        EXPECT_NEAR(own, share, 4 * std::sqrt(share * (1 - share) / all[options]))
            << name << " letter " << letter;
      }
  }
}

}  // namespace af2::test
