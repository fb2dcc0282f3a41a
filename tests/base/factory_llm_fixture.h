// A record, its vocabulary, and a stand-in for a language model that answers each template as a test wants.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "../scratch.h"
#include "af2/core/file.h"
#include "af2/data/llm_client.h"
#include "af2/factory/llm/llm_items.h"
#include "af2/net/http_client.h"
#include "http_stand_in.h"

namespace af2::test {

inline std::vector<LabelInfo> yard_labels() {
  return {{"bell", "a bell ringing", "a bell", "a bell rings", {"chime"}, "object"},
          {"car", "a car passing", "a car", "a car passes", {}, "vehicle"},
          {"dog", "a dog barking", "a dog", "a dog barks", {"hound"}, "animal"},
          {"rain", "rain falling", "rain", "rain falls", {}, "weather"},
          {"siren", "a siren wailing", "a siren", "a siren wails", {}, "vehicle"}};
}

// Ten seconds: a dog (1.25 to 2), a bell (3 to 4.5), rain (6 to 9.125).
inline Record yard(const std::string& id = "yard") {
  Record record;
  record.id = id, record.audio = id + ".wav", record.duration = 10;
  record.events = {{.label = "dog", .onset = 1.25, .offset = 2, .level = -20.5},
                   {.label = "bell", .onset = 3, .offset = 4.5, .level = -12},
                   {.label = "rain", .onset = 6, .offset = 9.125, .level = -30.25}};
  record.captions = {{"A dog barks, a bell rings, then rain falls.", 0, 0, "test"}};
  record.all_labelled = true;
  record.source = "yards", record.licence = "CC0", record.group = "group of " + id,
  record.attribution = "Ann";
  return record;
}

// Forty seconds in four stretches of ten, each with a caption.
inline Record long_walk() {
  Record record;
  record.id = "walk", record.audio = "walk.wav", record.duration = 40;
  record.captions = {{"Birds sing in the distance.", 0, 10, ""},
                     {"A gate creaks and falls shut.", 10, 20, ""},
                     {"Steps on gravel.", 20, 30, ""},
                     {"A kettle whistles in Mandarin.", 30, 40, ""}};
  record.visual = {{"A green garden.", 0, 10, ""}, {"A person walks through a garden.", 0, 0, "dense"}};
  record.source = "walks";
  return record;
}

// Answers by template: what it was told, else None, and "all is well" to second looks.
class Model {
 public:
  using Answer = std::function<StandInReply(const StandIn::Request&)>;

  void says(const std::string& purpose, const Json& reply) {
    answers_[purpose] = [reply](const StandIn::Request&) { return StandIn::says(reply.dump()); };
  }
  void does(const std::string& purpose, Answer answer) { answers_[purpose] = std::move(answer); }
  StandInReply operator()(const StandIn::Request& request) const {
    const std::string purpose = request.json()["response_format"]["json_schema"]["name"];
    const auto known = answers_.find(purpose);
    if (known != answers_.end()) return known->second(request);
    return StandIn::says(purpose == "verify" ? look().dump() : R"({"items":null})");
  }
  // A second look that finds nothing.
  static Json look() {
    return {{"right", true},         {"about_audio", true}, {"visual", false},    {"speech_content", false},
            {"reason", "It is so."}, {"question", nullptr}, {"options", nullptr}, {"answer", nullptr}};
  }

 private:
  std::map<std::string, Answer> answers_;
};

class FactoryLlm : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!built_with_http()) GTEST_SKIP() << "built without HTTP";
  }
  LlmOptions options() const {
    LlmOptions o;
    o.url = server.url(), o.model = "stand-in", o.timeout_s = 5;
    return o;
  }
  // Time that passes only by sleeping.
  LlmClock clock() {
    return {[this] {
              const std::lock_guard lock(mutex);
              return time_s;
            },
            [this](double seconds) {
              const std::lock_guard lock(mutex);
              time_s += seconds;
            }};
  }
  std::filesystem::path folder(const std::string& name = "out") const {
    std::filesystem::create_directories(scratch / name);
    return scratch / name;
  }
  // What becomes of a record when the model answers as told.
  LlmMade make(const Record& record, LlmItemOptions item_options = {}, LlmItemChecks checks = {},
               const std::string& where = "out") {
    LlmClient client(options(), "", folder(where), clock());
    const LlmItemMaker maker(&client, &client, words, Margins{}, std::move(item_options), {},
                             std::move(checks));
    LlmMade made = maker.make(record);
    stats = client.stats();
    return made;
  }
  static LlmItemOptions only(const std::string& name) {
    LlmItemOptions item_options;
    item_options.prompts.only = {name};
    return item_options;
  }
  // The reason why the one item that `name` asked for was refused; "taken" if it was not.
  std::string fate(const std::string& name, const Json& item, const Record& record = yard()) {
    model.says(name, {{"items", Json::array({item})}});
    LlmItemOptions options = only(name);
    options.recheck = rechecked;
    const LlmMade made = make(record, options, {}, "fate" + std::to_string(fates_++));
    if (made.items.size() == 1 && made.aside.empty()) {
      last = made.items[0];
      return "taken";
    }
    if (made.aside.size() != 1 || !made.items.empty()) return "neither taken nor refused";
    last_detail = made.aside[0]["detail"].get<std::string>();
    return made.aside[0]["reason"].get<std::string>();
  }

  Scratch scratch;
  const Vocabulary words{yard_labels()};
  Model model;
  const StandIn server{[this](const StandIn::Request& request) { return model(request); }};
  LlmStats stats;
  Item last;
  std::string last_detail;
  bool rechecked = true;  // fate(): answers are recomputed
  std::mutex mutex;
  double time_s = 1000;

 private:
  int fates_ = 0;
};

}  // namespace af2::test
