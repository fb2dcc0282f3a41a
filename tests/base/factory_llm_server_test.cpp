// Items by a language model while its endpoint misbehaves: nothing is lost, nothing is paid for twice, and
// the bytes depend on the replies alone.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/factory/llm/llm_items.h"
#include "factory_llm_fixture.h"

namespace af2 {
namespace {

using test::Model;
using test::StandIn;
using test::StandInReply;
using test::yard;

// Two open items about whatever the prompt is about, different for each prompt.
std::string two_items(const std::string& prompt) {
  const std::string mark = std::to_string(fnv1a64(prompt) % 100000);
  Json items = Json::array();
  for (const char* what : {"rain", "dog"})
    items.push_back(
        {{"question", "What does the " + std::string(what) + " tell a neighbour in house " + mark + "?"},
         {"answer", "That somebody is outside."},
         {"topic", "weather"},
         {"events", {what[0] == 'r' ? 3 : 1}}});
  return Json{{"items", items}}.dump();
}

std::string bytes_of(const std::vector<LlmMade>& all) {
  std::string bytes;
  for (const LlmMade& made : all) {
    for (const Item& item : made.items) bytes += item_line(item) + "\n";
    for (const Json& aside : made.aside) bytes += aside.dump() + "\n";
    for (const auto& [name, n] : made.counts) bytes += name + " " + std::to_string(n) + "\n";
  }
  return bytes;
}

class FactoryLlmServer : public test::FactoryLlm {
 protected:
  void SetUp() override {
    FactoryLlm::SetUp();
    model.does("skill_context_open",
               [](const StandIn::Request& request) { return StandIn::says(two_items(request.prompt())); });
  }
  static std::vector<Record> records(int n) {
    std::vector<Record> all;
    for (int i = 0; i < n; ++i) {
      all.push_back(yard("yard" + std::to_string(i)));
      all.back().captions[0].text += " " + std::to_string(i);
    }
    return all;
  }
  // All records by `threads` threads that share a client; stops where it stops.
  std::vector<LlmMade> run(const std::vector<Record>& all, int threads, LlmOptions llm,
                           const std::string& where, std::string* stopped = nullptr) {
    LlmClient client(std::move(llm), "", folder(where), clock());
    const LlmItemMaker maker(&client, &client, words, Margins{}, only("skill_context_open"));
    std::vector<LlmMade> made(all.size());
    std::atomic<std::size_t> next = 0;
    std::mutex reasons;
    const auto work = [&] {
      for (std::size_t i; (i = next++) < all.size();) try {
          made[i] = maker.make(all[i]);
        } catch (const Stopped& reason) {
          const std::lock_guard lock(reasons);
          if (stopped) *stopped = reason.reason;
          return;
        }
    };
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; ++t) pool.emplace_back(work);
    for (std::thread& thread : pool) thread.join();
    stats = client.stats();
    return made;
  }
};

TEST_F(FactoryLlmServer, TheSameBytesAtOneAndFourCallsAtOnce) {
  // Some replies take longer, so that calls end in another order than they began in.
  model.does("skill_context_open", [](const StandIn::Request& request) {
    StandInReply reply = StandIn::says(two_items(request.prompt()));
    reply.delay_s = 0.03 * static_cast<double>(1 + fnv1a64(request.prompt()) % 3);
    return reply;
  });
  LlmOptions one = options(), four = options();
  one.parallel = 1, four.parallel = 4;
  const std::string alone = bytes_of(run(records(12), 1, one, "one"));
  const std::string together = bytes_of(run(records(12), 4, four, "four"));
  EXPECT_EQ(alone, together);
  EXPECT_GE(server.most_at_once(), 2);
  EXPECT_NE(alone.find("yard11/skill_context_open/1"), std::string::npos);
  // And from the cache alone.
  const int before = server.requests();
  EXPECT_EQ(bytes_of(run(records(12), 4, four, "one")), alone);
  EXPECT_EQ(server.requests(), before);
}

TEST_F(FactoryLlmServer, RefusalsOfTheServerAreWaitedFor) {
  std::atomic<int> n = 0;
  model.does("skill_context_open", [&](const StandIn::Request& request) -> StandInReply {
    switch (n++) {
      case 0:
        return {429, "slow down", "Retry-After: 9\r\n"};
      case 1:
        return {500, "oops"};
      case 2: {
        StandInReply slow = StandIn::says(two_items(request.prompt()));
        slow.delay_s = 1;
        return slow;
      }
      case 3:
        return StandIn::says("{\"items\": [");
      case 4:
        return StandIn::says(R"({"items": [{"question": "Only that?"}]})");
      default:
        return StandIn::says("Here you are:\n```json\n" + two_items(request.prompt()) + "\n```\n");
    }
  });
  LlmOptions llm = options();
  llm.timeout_s = 0.3;
  const double began = time_s;
  const auto made = run(records(1), 1, llm, "out");
  ASSERT_EQ(made[0].items.size(), 2u);
  EXPECT_GE(time_s - began, 9 + 2 + 4);
  EXPECT_EQ(stats.retries, 3);
  EXPECT_EQ(stats.re_asked, 2);
  EXPECT_EQ(made[0].items[0].question.rfind("What does the rain tell a neighbour", 0), 0u);
}

TEST_F(FactoryLlmServer, WhatIsNeverOfTheFormIsFailedParseAndKeptAside) {
  model.does("skill_context_open",
             [](const StandIn::Request&) { return StandIn::says("I cannot help with that."); });
  const auto made = run(records(1), 1, options(), "out");
  EXPECT_TRUE(made[0].items.empty());
  EXPECT_EQ(made[0].counts.at("skill_context_open/failed_parse"), 1);
  ASSERT_EQ(made[0].aside.size(), 1u);
  EXPECT_EQ(made[0].aside[0]["reason"], "failed_parse");
  EXPECT_NE(made[0].aside[0]["detail"].get<std::string>().find("parse error"), std::string::npos);
  EXPECT_EQ(server.requests(), 3);
  // A second look that is no judgement is none either.
  model.does("skill_context_open",
             [](const StandIn::Request& request) { return StandIn::says(two_items(request.prompt())); });
  model.does("verify", [](const StandIn::Request&) { return StandIn::says(R"({"right": "yes"})"); });
  const auto unjudged = run(records(1), 1, options(), "unjudged");
  EXPECT_TRUE(unjudged[0].items.empty());
  EXPECT_EQ(unjudged[0].counts.at("refused/verify_failed_parse"), 2);
}

TEST_F(FactoryLlmServer, TheBudgetStopsARunAndARerunAsksForTheRestAlone) {
  LlmOptions llm = options();
  llm.parallel = 1, llm.max_tokens = 100, llm.price_in = 0, llm.price_out = 10000;  // a call: 20 tokens, 0.2
  llm.budget = 2.3;
  std::string stopped;
  const auto first = run(records(6), 1, llm, "out", &stopped);
  EXPECT_EQ(stopped, "the budget is used up");
  const int asked = server.requests();
  EXPECT_GE(asked, 5);
  EXPECT_LT(asked, 18);
  EXPECT_LE(stats.cost, 2.3);
  EXPECT_TRUE(first.back().items.empty());
  // Nothing new for what is cached while the budget stays used up.
  run(records(6), 1, llm, "out", &stopped);
  EXPECT_EQ(server.requests(), asked);
  llm.budget = 100;
  stopped.clear();
  const auto rest = run(records(6), 1, llm, "out", &stopped);
  EXPECT_TRUE(stopped.empty());
  EXPECT_EQ(server.requests(), 18);  // a prompt and two looks each: each asked once
  EXPECT_EQ(bytes_of(rest), bytes_of(run(records(6), 1, options(), "unbroken")));
}

TEST_F(FactoryLlmServer, AnotherModelMayLook) {
  std::atomic<int> looks = 0;
  model.does("verify", [&](const StandIn::Request& request) {
    looks += request.json()["model"] == "judge" ? 1 : 100;
    return StandIn::says(Model::look().dump());
  });
  LlmOptions judging = options();
  judging.model = "judge";
  LlmClient writer(options(), "", folder("writer"), clock()), judge(judging, "", folder("judge"), clock());
  const LlmItemMaker maker(&writer, &judge, words, Margins{}, only("skill_context_open"));
  const LlmMade made = maker.make(yard());
  EXPECT_EQ(looks, 2);
  ASSERT_EQ(made.items.size(), 2u);
  EXPECT_EQ(made.items[0].generator, "stand-in");
}

TEST_F(FactoryLlmServer, ADryRunShowsPromptsAndTheirCostAndSendsNothing) {
  const LlmItemMaker maker(nullptr, nullptr, words, Margins{}, {});
  const std::vector<LlmRequest> requests = maker.preview(yard());
  EXPECT_EQ(requests.size(), 8u);
  LlmOptions prices;
  prices.price_in = 1, prices.price_out = 2;
  const LlmEstimate sum = llm_estimate(requests, 10, prices, 100);
  EXPECT_EQ(sum.calls, 80);
  EXPECT_EQ(sum.tokens_out, 8000);
  double tokens = 0;
  for (const LlmRequest& request : requests)
    tokens += token_estimate(request.system + request.prompt + request.schema.dump());
  EXPECT_EQ(sum.tokens_in, 10 * tokens);
  EXPECT_DOUBLE_EQ(sum.cost, (10 * tokens + 2 * 8000) / 1e6);
  EXPECT_GT(llm_estimate(requests, 10, prices, 100, 2).cost, sum.cost);
  EXPECT_EQ(server.requests(), 0);
  EXPECT_THROW(maker.make(yard()), Error);
  EXPECT_EQ(maker.versions()["verify"], 1);
}

TEST_F(FactoryLlmServer, AFolderOfTemplatesReplacesThem) {
  const std::string text =
      "version: 5\nlimits: {\"items\": 1, \"question_words\": 4, \"answer_words\": 9}\nschema: {\"type\": "
      "\"object\"}\n"
      "--- system\nS\n--- prompt\nOwn words: <data>{{events}}</data>\n--- end\n";
  std::filesystem::create_directories(scratch / "own");
  write_file_atomic(scratch / "own" / "skill_context_open.txt", text);
  LlmClient client(options(), "", folder(), clock());
  const LlmItemMaker maker(&client, &client, words, Margins{}, only("skill_context_open"), scratch / "own");
  const LlmMade made = maker.make(yard());
  EXPECT_EQ(server.seen()[0].prompt().rfind("Own words", 0), 0u);
  ASSERT_EQ(made.aside.size(), 2u);
  EXPECT_EQ(made.aside[0]["reason"], "too_long");
  EXPECT_EQ(made.aside[0]["version"], 5);
}

}  // namespace
}  // namespace af2
