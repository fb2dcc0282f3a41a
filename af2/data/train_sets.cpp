#include "af2/data/train_sets.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <span>

#include "af2/audio/windows.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/data/clap_pair_set.h"
#include "af2/data/sound_place.h"

namespace af2 {
namespace {

constexpr double kCountedRate_hz = 16000;  // windows are counted in samples of this rate, as they are cut

std::int64_t windows_of(double seconds, const TrainWindows& windows) {
  const auto samples = static_cast<std::size_t>(std::llround(std::max(seconds, 0.0) * kCountedRate_hz));
  const auto window = static_cast<std::size_t>(std::llround(windows.window_s * kCountedRate_hz));
  return static_cast<std::int64_t>(window_count(std::max<std::size_t>(samples, 1), window));
}

// Seconds of an item's stretch; nothing where they stand nowhere and the sound cannot tell (counted).
std::optional<double> stretch_seconds(const ManifestItem& item, std::map<std::string, SoundLook>& looks,
                                      RecordCounts& counts) {
  if (item.duration_s) return *item.duration_s;
  const auto [look, fresh] = looks.try_emplace(item.audio);
  if (fresh) look->second = look_at_sound(item.audio);
  if (look->second.problem.empty()) return std::max(0.0, look->second.seconds - item.start_s.value_or(0));
  counts.drop(look->second.problem, item.audio);
  return std::nullopt;
}

// The places of the items that are used: the first of a permutation that is named by set and seed, in order.
std::vector<std::size_t> used_items(std::size_t n, double fraction, const std::string& name,
                                    std::uint64_t seed) {
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  const auto wanted = static_cast<std::size_t>(std::ceil(static_cast<double>(n) * fraction - 1e-9));
  if (wanted >= n) return order;
  Random("af2/fraction/1/" + std::to_string(seed) + "/" + name).shuffle(order);
  order.resize(wanted);
  std::sort(order.begin(), order.end());
  return order;
}

void take_item(const ManifestItem& item, TrainSet& set, const TrainTokens& tokens,
               const TrainTextOptions& text, const TrainWindows& windows,
               std::map<std::string, SoundLook>& looks) {
  TrainItem made{item.id, item.audio, item.task, item.start_s.value_or(0), 0, item.prompt, {}, 1};
  for (const std::string& output : item.outputs)
    if (train_ids(item.prompt, output, tokens, text).fits) made.outputs.push_back(output);
  if (made.outputs.empty()) {
    set.left_out.drop("answer_cut", item.id.empty() ? item.audio : item.id);
    return;
  }
  const std::optional<double> seconds = stretch_seconds(item, looks, set.left_out);
  if (!seconds) return;
  made.seconds = *seconds;
  const std::int64_t n = windows_of(*seconds, windows);
  made.windows = static_cast<std::int32_t>(std::min<std::int64_t>(n, windows.max_windows));
  set.hours += *seconds / 3600;
  if (n > windows.max_windows) {
    ++set.over_cap;
    set.seconds_cut += *seconds - windows.max_windows * windows.window_s;
  }
  set.items.push_back(std::move(made));
}

std::string sha256_of(const std::string& text) {
  return sha256_hex(std::as_bytes(std::span(text)));
}

// By the sound's file, so that no sound is on both sides, whatever folder it is read from.
bool is_held_out(const ManifestItem& item, const TrainSetOptions& set, std::uint64_t seed) {
  if (set.hold_out == 0) return false;
  return Random("af2/hold-out/1/" + std::to_string(seed) + "/" + name_of_place(item.audio)).uniform() <
         set.hold_out;
}

std::string full_name(const TrainSetOptions& set) {
  return set.group.empty() ? set.name : set.group + "/" + set.name;
}

bool is_named(const TrainSetOptions& set, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return name == set.name || name == full_name(set); });
}

bool is_in_groups(const TrainSetOptions& set, const std::vector<std::string>& groups) {
  return groups.empty() || std::find(groups.begin(), groups.end(), set.group) != groups.end();
}

void check_choice(const std::vector<TrainSetOptions>& options, const TrainSetChoice& choice) {
  std::vector<std::string> names, groups;
  for (const TrainSetOptions& set : options) {
    names.push_back(full_name(set));
    if (std::find(groups.begin(), groups.end(), set.group) == groups.end()) groups.push_back(set.group);
  }
  const auto check = [&](const std::vector<std::string>& chosen, const char* key, bool group) {
    for (const std::string& name : chosen)
      if (std::none_of(options.begin(), options.end(), [&](const TrainSetOptions& set) {
            return group ? set.group == name : is_named(set, {name});
          }))
        throw user_error("names no " + std::string(group ? "group" : "set") + ": " + name,
                         std::string("key ") + key, "one of: " + join(group ? groups : names, ", "));
  };
  check(choice.groups, "groups", true);
  check(choice.only, "only", false);
  check(choice.exclude, "exclude", false);
}

}  // namespace

TrainIds train_ids(const std::string& prompt, const std::string& output, const TrainTokens& tokens,
                   const TrainTextOptions& options) {
  TrainIds ids;
  PromptOptions how = tokens.prompt;
  how.lowercase = !options.keep_case;
  ids.answer = tokens.tokenizer.encode(clean_question(output, how.lowercase), /*parse_special=*/false);
  for (const std::string& stop : tokens.stop) ids.answer.push_back(tokens.tokenizer.id_of(stop).value());
  const int room = tokens.prompt.max_prompt_tokens - static_cast<int>(ids.answer.size());
  constexpr int kFrame = 2;  // audio token and separator
  if (options.cut_prompt && room >= kFrame) how.max_prompt_tokens = room;
  const Prompt built = build_prompt(tokens.tokenizer, prompt, how);
  ids.prompt = built.ids;
  ids.fits = static_cast<int>(ids.prompt.size()) <= room && (options.cut_prompt || built.tokens_cut == 0);
  return ids;
}

void TrainTextOptions::check(const std::string& where) const {
  if (!(plain_share >= 0 && unlettered_share >= 0 && plain_share + unlettered_share <= 1))
    throw user_error("are shares of the same questions: not below 0, and together at most 1",
                     where + "plain_share and unlettered_share");
}

namespace {

// Without its list of choices, or its answers without their letters.
void ask_plainly(ManifestItem& item, const TrainTextOptions& options, const std::string& set,
                 std::uint64_t seed) {
  if (options.plain_share + options.unlettered_share <= 0) return;
  SplitPrompt split = split_choices(item.prompt);
  if (split.choices.empty() || item.outputs.empty()) return;
  std::vector<std::string> texts;
  for (const std::string& output : item.outputs)
    for (std::size_t i = 0; i < split.choices.size(); ++i)
      if (output == choice_label(i) + split.choices[i]) texts.push_back(split.choices[i]);
  if (texts.size() != item.outputs.size()) return;
  const double drawn =
      Random("af2/choices/1/" + std::to_string(seed) + "/" + set + "/" + item.id + "/" + item.audio)
          .uniform();
  if (drawn >= options.plain_share + options.unlettered_share) return;
  if (drawn < options.plain_share) item.prompt = std::move(split.question);
  item.outputs = std::move(texts);
}

}  // namespace

ManifestItem asked_item(ManifestItem item, const TrainTextOptions& options, const std::string& set,
                        std::uint64_t seed, const std::string& lead) {
  ask_plainly(item, options, set, seed);
  if (options.leads && item.meta.is_object() && item.meta.contains("lead") && item.meta["lead"].is_string())
    for (std::string& output : item.outputs)
      output = item.meta["lead"].get<std::string>() + lead + " " + output;
  return item;
}

const std::string& train_output(const TrainItem& item, const std::string& set, std::int64_t pass,
                                std::uint64_t seed) {
  if (item.outputs.size() == 1) return item.outputs.front();
  Random draw("af2/output/1/" + std::to_string(seed) + "/" + set + "/" + item.id + "/" + item.audio + "/" +
              std::to_string(pass));
  return item.outputs[draw.below(item.outputs.size())];
}

std::vector<TrainSet> read_train_sets(const std::vector<TrainSetOptions>& options,
                                      const TrainSetChoice& choice, const TrainTokens& tokens,
                                      const TrainTextOptions& text, const TrainWindows& windows,
                                      std::uint64_t seed) {
  check_choice(options, choice);
  if (text.leads && tokens.lead.empty())
    throw user_error("is set, but the model's config.json does not say what ends a lead",
                     "recipe key stage.text.leads", "add \"text\": {\"lead\": \":\"} there");
  std::set<std::string> names;
  std::vector<TrainSet> sets;
  for (const TrainSetOptions& one : options) {
    const std::string name = full_name(one), where = "set " + name;
    if (one.name.empty()) throw user_error("is missing", "sets key name");
    if (!names.insert(name).second) throw user_error("is named twice", where);
    if (!is_in_groups(one, choice.groups) || is_named(one, choice.exclude)) continue;
    if (!choice.only.empty() && !is_named(one, choice.only)) continue;
    if (!(one.hold_out >= 0 && one.hold_out < 1) || (one.held_out && one.hold_out == 0))
      throw user_error("must be in 0..1, and above 0 where held_out is set", where + " key hold_out");
    const double share = one.fraction * choice.fraction;
    if (!(share > 0 && share <= 1))
      throw user_error("must be above 0 and at most 1", where + " key fraction");
    TrainSet& set = sets.emplace_back();
    set.name = name, set.manifest = one.manifest;
    set.passes_micro = passes_micro(one.passes, where + " key passes");
    std::vector<ManifestItem> items;
    for (const std::string& file : expand_braces(one.manifest)) {
      set.sha256 = set.sha256.empty() ? sha256_file(file) : sha256_of(set.sha256 + sha256_file(file));
      ManifestRead how = one.read;
      how.in_place = true;
      for (ManifestItem& item : read_any_manifest(file, how, set.left_out)) items.push_back(std::move(item));
    }
    set.read = static_cast<std::int64_t>(items.size());
    std::erase_if(items, [&](const ManifestItem& item) {
      const bool wanted =
          one.tasks.empty() || std::find(one.tasks.begin(), one.tasks.end(), item.task) != one.tasks.end();
      return !wanted || is_held_out(item, one, seed) != one.held_out;
    });
    const std::vector<std::size_t> used = used_items(items.size(), share, name, seed);
    set.unused = set.read - static_cast<std::int64_t>(used.size());
    std::map<std::string, SoundLook> looks;
    for (const std::size_t i : used)
      take_item(asked_item(std::move(items[i]), text, name, seed, tokens.lead), set, tokens, text, windows,
                looks);
    if (set.items.empty()) throw data_error(where + " has no item that can be trained on", one.manifest);
  }
  if (sets.empty()) throw user_error("leave no set", "keys groups, only and exclude");
  return sets;
}

std::vector<BlendSet> blend_sets(const std::vector<TrainSet>& sets) {
  std::vector<BlendSet> blended;
  for (const TrainSet& set : sets) {
    BlendSet& one = blended.emplace_back(BlendSet{set.name, set.passes_micro, {}});
    for (const TrainItem& item : set.items) one.windows.push_back(item.windows);
  }
  return blended;
}

Json train_sets_json(const std::vector<TrainSet>& sets) {
  Json list = Json::array();
  for (const TrainSet& set : sets)
    list.push_back({{"name", set.name},
                    {"manifest", set.manifest},
                    {"sha256", set.sha256},
                    {"passes", static_cast<double>(set.passes_micro) / 1e6},
                    {"read", set.read},
                    {"items", set.items.size()},
                    {"unused", set.unused},
                    {"hours", set.hours},
                    {"over_cap", set.over_cap},
                    {"seconds_cut", set.seconds_cut},
                    {"left_out", set.left_out.dropped},
                    {"first", set.left_out.first}});
  return list;
}

}  // namespace af2
