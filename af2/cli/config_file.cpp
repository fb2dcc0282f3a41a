#include "af2/cli/config_file.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

CLI::App* verb_of(CLI::App& app, int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return nullptr;
    if (word == "--config" || word == "--log-file") {
      ++i;  // its value may look like a verb
    } else if (!word.starts_with("-")) {
      for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        if (verb->get_name() == word) return verb;
      return nullptr;
    }
  }
  return nullptr;
}

std::optional<fs::path> named_file(int argc, const char* const* argv) {
  constexpr std::string_view kFlag = "--config";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    if (word == kFlag && i + 1 < argc) return argv[i + 1];
    if (word.starts_with(kFlag) && word.size() > kFlag.size() && word[kFlag.size()] == '=')
      return fs::path(word.substr(kFlag.size() + 1));
  }
  return std::nullopt;
}

std::optional<fs::path> find_file(const CLI::App& verb, int argc, const char* const* argv) {
  const bool own_meaning = verb.get_option_no_throw("--config") != nullptr;  // a recipe, a switch
  if (!own_meaning)
    if (const auto named = named_file(argc, argv)) return named;
  if (const char* named = std::getenv("AF2_CONFIG"); named && *named) return named;
  if (fs::exists("af2.yaml")) return "af2.yaml";
  if (const char* home = std::getenv("HOME"); home && *home) {
    const fs::path path = fs::path(home) / ".config/af2/config.yaml";
    if (fs::exists(path)) return path;
  }
  return std::nullopt;
}

std::vector<std::string> long_flags(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    if (!option->get_lnames().empty() && option->get_lnames()[0] != "help" &&
        option->get_lnames()[0] != "version" && option->get_lnames()[0] != "config")
      names.push_back(option->get_lnames()[0]);
  return names;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void hand_over(const std::string& key, const Json& value, const std::string& where) {
  if (value.is_object() || value.is_array() || value.is_null())
    throw user_error("takes one value", where + " key " + key, "give a text, a number, true or false");
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  verbose("{}: {} = {}", where, key, text);
  setenv(environment_name(key).c_str(), text.c_str(), /*overwrite=*/0);
}

[[noreturn]] void refuse(const std::string& key, const std::vector<std::string>& known,
                         const std::string& where) {
  throw user_error("is unknown", where + " key " + key, "did you mean \"" + nearest_word(key, known) + "\"?");
}

}  // namespace

std::string environment_name(const std::string& long_name) {
  std::string name = "AF2_ARG_" + long_name;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return name;
}

void apply_config_file(CLI::App& app, int argc, const char* const* argv) {
  CLI::App* verb = verb_of(app, argc, argv);
  if (!verb) return;  // help, version, or a word that the parser will refuse
  const auto path = find_file(*verb, argc, argv);
  if (!path) return;
  const std::string where = path->string();
  const Json file = read_config_file(*path);
  if (!file.is_object()) throw user_error("holds no keys", where, "write lines such as `max-tokens: 64`");

  std::vector<std::string> verbs, every_flag = long_flags(app);
  for (const CLI::App* other : app.get_subcommands([](const CLI::App*) { return true; })) {
    verbs.push_back(other->get_name());
    for (auto& flag : long_flags(*other)) every_flag.push_back(std::move(flag));
  }
  std::vector<std::string> mine = long_flags(*verb);
  for (auto& flag : long_flags(app)) mine.push_back(std::move(flag));
  std::vector<std::string> known = every_flag;
  known.insert(known.end(), verbs.begin(), verbs.end());
  // The verb's own section counts before the keys at the top.
  if (file.contains(verb->get_name()) && file[verb->get_name()].is_object())
    for (const auto& [key, value] : file[verb->get_name()].items()) {
      const std::string flag = verb->get_name() + "." + key;
      if (!contains(mine, key)) refuse(flag, mine, where);
      hand_over(key, value, where);
    }
  for (const auto& [key, value] : file.items()) {
    if (contains(verbs, key) && value.is_object()) continue;
    if (!contains(every_flag, key)) refuse(key, known, where);
    if (contains(mine, key)) hand_over(key, value, where);
  }
}

}  // namespace af2
