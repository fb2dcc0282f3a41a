#include "af2/factory/item_maker.h"

#include <algorithm>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/factory/rules/recheck.h"

namespace af2 {
namespace {

bool is_wanted(const RuleType& type, const ItemOptions& options) {
  if (type.is_long != options.is_long) return false;
  if (options.types.empty()) return true;
  return std::any_of(options.types.begin(), options.types.end(), [&](const std::string& name) {
    return name == type.skill || name == type.skill + "." + type.name;
  });
}

void check_types(const ItemOptions& options) {
  for (const std::string& name : options.types) {
    const bool known = std::any_of(rule_types().begin(), rule_types().end(), [&](const RuleType& type) {
      return type.is_long == options.is_long && (name == type.skill || name == type.skill + "." + type.name);
    });
    if (!known)
      throw user_error(
          "is no skill or type of " + std::string(options.is_long ? "long audio" : "short clips"), name,
          "the list is printed by --list-types");
  }
}

// The forms of a type in the order in which they are tried.
std::vector<std::string> draw_forms(const RuleType& type, const ItemOptions& options, Random& rng) {
  std::vector<std::string> others;
  bool choice = false;
  for (const std::string& form : type.forms)
    if (form == "choice")
      choice = true;
    else
      others.push_back(form);
  rng.shuffle(others);
  if (!choice) return others;
  const bool first = others.empty() || rng.chance(options.choice_share);
  others.insert(first ? others.begin() : others.end(), "choice");
  return others;
}

}  // namespace

std::vector<Item> items_of_record(const Record& record, const Vocabulary& words, const ItemOptions& options,
                                  RecordCounts& counts, const StoryPool* pool) {
  check_types(options);
  std::vector<Item> items;
  std::set<std::string> asked;
  for (const RuleType& type : rule_types()) {
    if (!is_wanted(type, options)) continue;
    const std::string key = type_key(type.skill, type.name, type.is_long);
    for (int k = 0; k < options.per_type; ++k) {
      const std::string id = record.id + "/" + type.skill + "." + type.name + "." + std::to_string(k);
      Random rng("af2/factory/item/1/" + std::to_string(options.seed) + "/" + id);
      RuleContext context{record, words, options.margins, rng, pool};
      std::optional<Item> item;
      for (const std::string& form : draw_forms(type, options, rng)) {
        ItemForm wanted;
        wanted.form = form, wanted.options = options.options, wanted.held_out = options.held_out_wordings;
        item = make_item(type, context, wanted);
        if (item) break;
      }
      if (!item) {
        counts.drop("nothing_for/" + key, record.id);
        continue;
      }
      item->id = id;
      item->seed = options.seed;
      const std::string problem = item_problem(*item, record, words, options.margins);
      if (!problem.empty()) {
        counts.drop("bug/" + key, id + " (" + prompt_of(*item) + " " + item->answer + "): " + problem);
        continue;
      }
      item->checks.push_back("recheck");
      if (asked.insert(prompt_of(*item)).second) items.push_back(std::move(*item));
    }
  }
  return items;
}

namespace {

std::uint64_t draw_of(const Item& item, std::int64_t seed) {
  return fnv1a64("af2/factory/choose/1/" + std::to_string(seed) + "/" + item.id);
}

// How many of each group are taken when the same number of each would be best and `n` are wanted.
std::vector<std::size_t> fill_evenly(const std::vector<std::size_t>& sizes, std::size_t n) {
  std::vector<std::size_t> taken(sizes.size(), 0);
  for (bool more = true; more && n > 0;) {
    more = false;
    std::size_t open = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) open += taken[i] < sizes[i] ? 1 : 0;
    if (open == 0) break;
    const std::size_t each = std::max<std::size_t>(1, n / open);
    for (std::size_t i = 0; i < sizes.size() && n > 0; ++i) {
      const std::size_t some = std::min({each, sizes[i] - taken[i], n});
      taken[i] += some, n -= some;
      more = more || some > 0;
    }
  }
  return taken;
}

using Groups = std::map<std::string, std::vector<Item>>;

// `n` of the groups, evenly; what is taken leaves them.
void take_evenly(Groups& groups, std::size_t n, std::vector<Item>& chosen) {
  std::vector<std::size_t> sizes;
  for (const auto& [type, items] : groups) sizes.push_back(items.size());
  const std::vector<std::size_t> taken = fill_evenly(sizes, n);
  std::size_t i = 0;
  for (auto& [type, items] : groups) {
    const auto end = items.begin() + static_cast<std::ptrdiff_t>(taken[i++]);
    chosen.insert(chosen.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(end));
    items.erase(items.begin(), end);
  }
}

std::size_t size_of(const Groups& groups) {
  std::size_t n = 0;
  for (const auto& [type, items] : groups) n += items.size();
  return n;
}

// Plain tasks have the form that their sets have, items of a language model the form of their template;
// what a model only words anew is still the rules'.
bool has_fixed_form(const Item& item) {
  return item.skill == "foundational" ||
         (!item.generator.empty() && item.generator != "rules" && !starts_with(item.wording, "paraphrase/"));
}

}  // namespace

std::vector<Item> choose_items(std::vector<Item> items, const ChooseOptions& options) {
  if (options.choice_share < 0 || options.choice_share > 1)
    throw user_error("must be in 0..1", "choice_share");
  std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
    const auto x = draw_of(a, options.seed), y = draw_of(b, options.seed);
    return x != y ? x < y : a.id < b.id;
  });
  if (options.per_audio > 0) {
    std::map<std::string, int> n;
    std::erase_if(items, [&](const Item& item) {
      return ++n[item.audio + "\n" + std::to_string(item.start)] > options.per_audio;
    });
  }
  struct Skill {
    Groups choices, others, fixed;  // fixed: whose form nobody chose
  };
  std::map<std::string, Skill> skills;
  for (Item& item : items) {
    Skill& skill = skills[item.skill];
    const bool is_choice =
        item.form == "choice" && static_cast<int>(item.options.size()) >= options.choice_options;
    (has_fixed_form(item) ? skill.fixed
     : is_choice          ? skill.choices
                          : skill.others)[item.type]
        .push_back(std::move(item));
  }
  std::vector<Item> chosen;
  for (auto& [name, skill] : skills) {
    const std::size_t n_choices = size_of(skill.choices), n_others = size_of(skill.others),
                      n_fixed = size_of(skill.fixed), all = n_choices + n_others + n_fixed;
    std::size_t n = options.per_skill > 0 ? std::min(all, static_cast<std::size_t>(options.per_skill)) : all;
    const std::size_t fixed =
        all == 0 ? 0 : static_cast<std::size_t>(static_cast<double>(n) * n_fixed / all + 0.5);
    n -= fixed;
    // Choices as their share asks, more where the others are too few; fewer choices take others with them.
    const auto wanted =
        static_cast<std::size_t>(std::min(1.0, options.choice_share + 0.1) * static_cast<double>(n) + 0.5);
    std::size_t take = std::min(n_choices, std::max(wanted, n > n_others ? n - n_others : 0));
    std::size_t rest = std::min(n_others, n - take);
    if (options.choice_share > 0 && n_choices > 0) {
      const double most = static_cast<double>(take) * (1 - options.choice_share) / options.choice_share;
      rest = std::min(rest, static_cast<std::size_t>(most));
    }
    take_evenly(skill.choices, take, chosen);
    take_evenly(skill.others, rest, chosen);
    take_evenly(skill.fixed, fixed, chosen);
  }
  std::sort(chosen.begin(), chosen.end(), [](const Item& a, const Item& b) { return a.id < b.id; });
  return chosen;
}

}  // namespace af2
