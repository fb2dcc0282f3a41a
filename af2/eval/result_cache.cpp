#include "af2/eval/result_cache.h"

#include <cstdlib>

#include "af2/core/error.h"
#include "af2/core/file.h"
#ifdef AF2_WITH_SQLITE
#include "af2/index/sqlite.h"
#endif

namespace af2 {
namespace {

constexpr int kResultVersion = 1;

}  // namespace

std::string result_key(const Ask& ask, const std::vector<std::string>& audio, const std::string& model) {
  // nlohmann::json, unlike Json, sorts its keys.
  nlohmann::json key;
  key["audio"] = nlohmann::json::array();
  const std::string how = ask.hearing == Hearing::kSilence   ? "silence:"
                          : ask.hearing == Hearing::kCascade ? "cascade:"
                                                             : "";
  if (ask.hearing != Hearing::kOff)
    for (const std::string& hash : audio) key["audio"].push_back(how + hash);
  key["decode"] = {{"beams", 1}, {"max_new_tokens", ask.max_new_tokens}, {"seed", 0}, {"temperature", 0}};
  if (!ask.stop.empty()) key["decode"]["stop"] = ask.stop;
  if (!ask.choices.empty()) key["decode"]["choices"] = ask.choices;
  key["model"] = model;
  key["prompt"] = ask.prompt;
  key["version"] = kResultVersion;
  key["windows"] =
      ask.hearing == Hearing::kFirstWindow ? nlohmann::json(1) : nlohmann::json::parse(ask.windows.dump());
  const std::string text = key.dump();
  return sha256_hex(std::as_bytes(std::span(text)));
}

Json reply_json(const Reply& reply) {
  Json heard = Json::array();
  for (const HeardSound& one : reply.heard)
    heard.push_back({{"sha256", one.sha256},
                     {"seconds", one.seconds},
                     {"seconds_used", one.seconds_used},
                     {"seconds_cut", one.seconds_cut},
                     {"windows", one.windows}});
  Json json = {{"text", reply.text}, {"finish", reply.finish}, {"tokens", reply.tokens}, {"heard", heard}};
  if (reply.logprob_mean) json["logprob_mean"] = *reply.logprob_mean;
  if (!reply.shares.empty()) json["shares"] = reply.shares;
  return json;
}

Reply reply_from_json(const Json& json, const std::string& where) try {
  Reply reply;
  reply.text = json.at("text").get<std::string>();
  reply.finish = json.at("finish").get<std::string>();
  reply.tokens = json.at("tokens").get<int>();
  if (json.contains("logprob_mean")) reply.logprob_mean = json["logprob_mean"].get<double>();
  if (json.contains("shares")) reply.shares = json["shares"].get<std::vector<double>>();
  for (const Json& one : json.at("heard"))
    reply.heard.push_back({one.at("sha256").get<std::string>(), one.at("seconds").get<double>(),
                           one.at("seconds_used").get<double>(), one.at("seconds_cut").get<double>(),
                           one.at("windows").get<int>()});
  return reply;
} catch (const Json::exception& error) {
  throw data_error(std::string("is no kept reply: ") + error.what(), where, "remove the file: it is a cache");
}

#ifdef AF2_WITH_SQLITE

struct ResultCache::Data {
  explicit Data(const std::filesystem::path& path) : db(path, Database::Open::kCreate) {
    db.run("CREATE TABLE IF NOT EXISTS results(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
  }
  mutable Database db;
};

ResultCache::ResultCache(const std::filesystem::path& folder, const std::string& model_hash)
    : path_(folder / (model_hash.substr(0, 32) + ".sqlite")) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    throw resource_error("cannot be made: " + failed.message(), folder.string(), "name another by --cache");
  data_ = std::make_unique<Data>(path_);
}

std::optional<Json> ResultCache::find(const std::string& key) const {
  Statement find(data_->db, "SELECT value FROM results WHERE key = ?");
  find.bind(1, std::string_view(key));
  if (!find.step()) return std::nullopt;
  return parse_json(find.text(0), path_.string());
}

void ResultCache::put(const std::vector<std::pair<std::string, Json>>& results) {
  Transaction change(data_->db);
  Statement insert(data_->db, "INSERT OR IGNORE INTO results(key, value) VALUES(?, ?)");
  for (const auto& [key, value] : results) {
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    insert.bind(1, std::string_view(key)).bind(2, std::string_view(text)).run();
  }
  change.commit();
}

#else

struct ResultCache::Data {};

ResultCache::ResultCache(const std::filesystem::path&, const std::string&) {
  throw user_error("this af2 was built without SQLite", "--cache", "give --no-cache");
}
std::optional<Json> ResultCache::find(const std::string&) const {
  return std::nullopt;
}
void ResultCache::put(const std::vector<std::pair<std::string, Json>>&) {}

#endif

ResultCache::~ResultCache() = default;

std::filesystem::path default_cache_folder() {
  const auto from = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value ? value : "");
  };
  if (!from("AF2_CACHE_DIR").empty()) return from("AF2_CACHE_DIR") / "eval";
  if (!from("XDG_CACHE_HOME").empty()) return from("XDG_CACHE_HOME") / "af2/eval";
  return from("HOME") / ".cache/af2/eval";
}

}  // namespace af2
