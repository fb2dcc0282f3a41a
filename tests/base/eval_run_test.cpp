// Runs over a look-alike of a published benchmark with scripted models: what is asked, what is kept, that a
// run which is cut goes on in the same bytes, what the scores say, two runs beside each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "af2/core/error.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/eval/baselines.h"
#include "af2/eval/prediction.h"
#include "af2/eval/prompts.h"
#include "af2/eval/result_cache.h"
#include "af2/eval/run.h"
#include "af2/eval/scored_run.h"
#include "af2/eval/summary.h"
#include "eval_benchmark_testing.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

// A benchmark of the repository with its look-alike laid out, and models that answer by a script.
struct EvalRun : ::testing::Test {
  Benchmark benchmark;
  BenchmarkItems items;
  test::Scratch scratch;
  int asked = 0;

  void use(const std::string& id, const std::string& folder = "") {
    benchmark = test::repository_benchmark(id);
    test::lay_out_benchmark(benchmark, folder.empty() ? id : folder, scratch / "data");
    items = read_items(benchmark, scratch / "data", {.allow_partial = true});
    ASSERT_GE(items.items.size(), 5u);
  }
  const EvalItem& item_of(const Ask& ask, const std::vector<Variant>& variants) const {
    for (const Variant& variant : variants)
      for (const EvalItem& item : items.items) {
        const EvalItem now = varied(benchmark, variant, item);
        if (prompt_for(benchmark, items.labels, now, variant.prompt_name) == ask.prompt) {
          found_ = now;
          return found_;
        }
      }
    throw std::runtime_error("no item asks " + ask.prompt);
  }
  // What `say` answers to an item as it is asked.
  EvalModel model(const std::function<std::string(const EvalItem&, const Ask&)>& say,
                  const std::string& name = "scripted") {
    EvalModel made;
    made.name = name, made.hash = name + "-hash-0123456789abcdef0123456789abcdef";
    made.answer = [this, say](const std::vector<Ask>& asks) {
      const auto variants = variants_of(benchmark, items.items, model_baselines(), "default");
      std::vector<Reply> replies;
      for (const Ask& ask : asks) {
        ++asked;
        Reply reply;
        reply.text = say(item_of(ask, variants), ask);
        reply.finish = "stop", reply.tokens = 3, reply.logprob_mean = -0.25;
        for (const AskedSound& sound : ask.audio) {
          EXPECT_TRUE(fs::exists(sound.path)) << sound.path;
          reply.heard.push_back({"", 0.2, 0.2, 0, 1});
        }
        replies.push_back(reply);
      }
      return replies;
    };
    return made;
  }
  RunOptions options(const std::string& out, std::vector<std::string> baselines = {}) const {
    RunOptions o;
    o.out = scratch / out, o.root = scratch / "data", o.baselines = std::move(baselines), o.batch = 4;
    return o;
  }
  RunResult run(EvalModel& with, const RunOptions& o) {
    return run_benchmark(benchmark, items.labels, items.items, data_sha256(items), with, o);
  }
  Json score(const std::string& out) {
    ScoreOptions o;
    o.resamples = 200;
    return score_run(scratch / out, benchmark, items, o);
  }
  static double metric(const Json& summary, const std::string& name, const std::string& matcher) {
    for (const Json& one : summary["metrics"])
      if (one["name"] == name && one["matcher"] == matcher && one["known"] == true)
        return one["value"].get<double>();
    ADD_FAILURE() << "no metric " << name << " " << matcher << " in " << summary["metrics"].dump();
    return -1;
  }
  static double variant(const Json& summary, const std::string& name) {
    for (const Json& one : summary["variants"])
      if (one["name"] == name) return one["value"].get<double>();
    ADD_FAILURE() << "no variant " << name;
    return -1;
  }

 private:
  mutable EvalItem found_;
};

std::string gold_text(const EvalItem& item) {
  if (item.gold_index >= 0) return item.choices[static_cast<std::size_t>(item.gold_index)];
  return item.answer();
}

TEST_F(EvalRun, AModelThatKnowsAllIsRightWithEveryRule) {
  use("mmau_mini", "mmau");
  EvalModel knows = model([](const EvalItem& item, const Ask&) { return gold_text(item); });
  const RunResult result = run(knows, options("run"));
  EXPECT_EQ(result.asks, static_cast<std::int64_t>(items.items.size()));
  EXPECT_TRUE(result.stopped.empty());
  const Json summary = score("run");
  EXPECT_EQ(summary["counts"]["n"], items.items.size());
  // The published key has items that no answer can be right in (gold not among the choices): they count as
  // wrong.
  const auto possible = std::count_if(items.items.begin(), items.items.end(),
                                      [](const EvalItem& item) { return item.gold_index >= 0; });
  EXPECT_DOUBLE_EQ(metric(summary, "accuracy", "robust"),
                   static_cast<double>(possible) / static_cast<double>(items.items.size()));
  EXPECT_EQ(summary["counts"]["unmatched"], 0);
}

TEST_F(EvalRun, OneCaptionForAllStandsBesideCaptions) {
  use("audiocaps");
  const std::string caption = constant_caption(items.items);
  EvalModel same = model([&](const EvalItem&, const Ask&) { return caption; });
  run(same, options("same"));
  const Json summary = score("same");
  EXPECT_NEAR(variant(summary, "constant_caption"), metric(summary, benchmark.metrics.primary, ""), 1e-12);
  EXPECT_GT(variant(summary, "constant_caption"), 0);
}

TEST_F(EvalRun, EmptyAnswersAndFailuresStayInTheTotal) {
  use("mmau_mini", "mmau");
  EvalModel silent = model([](const EvalItem&, const Ask&) { return std::string(); });
  run(silent, options("empty"));
  const Json empty = score("empty");
  EXPECT_DOUBLE_EQ(metric(empty, "accuracy", "robust"), 0);
  EXPECT_EQ(empty["counts"]["empty"], items.items.size());
  EXPECT_EQ(empty["counts"]["unmatched"], items.items.size());

  // A clip that is gone is a failure of its item alone.
  EvalModel knows = model([](const EvalItem& item, const Ask&) { return gold_text(item); });
  const std::string gone = items.items[1].audio.at(0);
  fs::remove(scratch / "data" / gone);
  const auto lost = std::count_if(items.items.begin(), items.items.end(), [&](const EvalItem& item) {
    return item.audio == std::vector<std::string>{gone};
  });
  const RunResult result = run(knows, options("gone"));
  EXPECT_EQ(result.failed, lost);
  const Json summary = score("gone");
  EXPECT_EQ(summary["counts"]["failed"], lost);
  EXPECT_EQ(summary["counts"]["n"], items.items.size());
  const auto said = read_predictions(scratch / "gone/predictions.jsonl");
  EXPECT_NE(said.at(items.items[1].id).reply.error.find(gone), std::string::npos);
}

TEST_F(EvalRun, ARunThatIsCutGoesOnInTheSameBytes) {
  use("mmau_mini", "mmau");
  const auto say = [](const EvalItem& item, const Ask&) { return gold_text(item); };
  const std::vector<std::string> baselines = {"audio_off", "shuffled_audio", "choice_shuffle"};
  EvalModel whole = model(say);
  const RunResult at_once = run(whole, options("whole", baselines));
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(scratch / "whole"))
    if (entry.path().filename().string().starts_with("predictions"))
      files.push_back(entry.path().filename().string());
  EXPECT_EQ(files.size(), 6u);  // main, two baselines, three rotations

  int batches = 0;
  EvalModel cut = model(say);
  const auto answer = cut.answer;
  cut.answer = [&](const std::vector<Ask>& asks) {
    if (++batches > 3) throw Stopped{"cut"};
    return answer(asks);
  };
  EXPECT_EQ(run(cut, options("cut", baselines)).stopped, "cut");
  // A process that is killed leaves half a line.
  {
    std::string text = read_file(scratch / "cut/predictions.jsonl");
    write_file_atomic(scratch / "cut/predictions.jsonl", text + "{\"id\":\"half");
  }
  asked = 0;
  EvalModel on = model(say);
  const RunResult rest = run(on, options("cut", baselines));
  EXPECT_EQ(rest.asks + 12, at_once.asks);
  EXPECT_EQ(asked, rest.asks);
  for (const std::string& file : files)
    EXPECT_EQ(read_file(scratch / "cut" / file), read_file(scratch / "whole" / file)) << file;

  // Whole already: nothing is asked.
  EXPECT_EQ(run(on, options("cut", baselines)).asks, 0);
}

TEST_F(EvalRun, AnotherRunIsRefusedInAFolder) {
  use("mmau_mini", "mmau");
  const auto say = [](const EvalItem&, const Ask&) { return std::string("a"); };
  EvalModel one = model(say), other = model(say, "other");
  run(one, options("run"));
  try {
    run(other, options("run"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    EXPECT_NE(std::string(error.what()).find("model"), std::string::npos) << error.what();
  }
}

#ifdef AF2_WITH_SQLITE
TEST_F(EvalRun, WhatTheCacheKnowsIsNotAskedAgain) {
  use("mmau_mini", "mmau");
  const auto say = [](const EvalItem& item, const Ask&) { return gold_text(item); };
  EvalModel knows = model(say);
  ResultCache cache(scratch / "cache", knows.hash);
  RunOptions o = options("first", {"audio_off"});
  o.cache = &cache;
  run(knows, o);
  const int first = asked;
  EXPECT_GT(first, 0);
  o.out = scratch / "second";
  const RunResult again = run(knows, o);
  EXPECT_EQ(asked, first);
  EXPECT_EQ(again.cached, again.asks);
  EXPECT_EQ(read_file(scratch / "first/predictions.jsonl"), read_file(scratch / "second/predictions.jsonl"));
  EXPECT_EQ(score("first").dump(), score("second").dump());
  // Another model knows nothing of it.
  EXPECT_FALSE(
      ResultCache(scratch / "cache", "another-hash-0123456789abcdef").find(result_key({"x"}, {}, "y")));
}
#endif

TEST(EvalCache, KeysAreThoseOfTheSpecification) {
  Ask ask;
  ask.prompt = "this emotion is";
  const std::string zeros(64, '0'), ones(64, '1');
  EXPECT_EQ(result_key(ask, {zeros}, ones),
            "ec3472283533e951c3f416a55cacc77410dfffc812a7582528992a83570b2638");
  Ask other = ask;
  other.hearing = Hearing::kSilence;
  EXPECT_NE(result_key(other, {zeros}, ones), result_key(ask, {zeros}, ones));
  other = ask;
  other.choices = {"a", "b"};
  EXPECT_NE(result_key(other, {zeros}, ones), result_key(ask, {zeros}, ones));
}

TEST_F(EvalRun, WeaknessesShowWhatAModelLivesOn) {
  use("mmau_mini", "mmau");
  const std::vector<std::string> baselines = {"audio_off", "silence", "shuffled_audio", "choice_shuffle",
                                              "prompts"};
  // Hears: right with its clip alone.
  EvalModel hears = model([&](const EvalItem& item, const Ask& ask) {
    const bool own = !ask.audio.empty() && ask.audio[0].path == scratch / "data" / item.audio.at(0);
    return ask.hearing == Hearing::kSound && own ? gold_text(item) : std::string("no idea");
  });
  run(hears, options("hears", baselines));
  const Json good = score("hears");
  EXPECT_DOUBLE_EQ(variant(good, "audio_off"), 0);
  EXPECT_DOUBLE_EQ(variant(good, "silence"), 0);
  EXPECT_DOUBLE_EQ(variant(good, "shuffled_audio"), 0);
  EXPECT_DOUBLE_EQ(good["hearing_gain"]["value"].get<double>(), metric(good, "accuracy", "official"));

  // Always answers the first option: as good as it is often right, and never in all orders.
  EvalModel first = model([](const EvalItem& item, const Ask&) { return item.choices.at(0); });
  run(first, options("first", baselines));
  const Json always = score("first");
  const auto right = std::count_if(items.items.begin(), items.items.end(), [](const EvalItem& item) {
    return item.gold_index >= 0 && item.choices[0] == item.choices[static_cast<std::size_t>(item.gold_index)];
  });
  EXPECT_NEAR(metric(always, "accuracy", "robust"),
              static_cast<double>(right) / static_cast<double>(items.items.size()), 1e-12);
  EXPECT_DOUBLE_EQ(always["hearing_gain"]["value"].get<double>(), 0);
  EXPECT_DOUBLE_EQ(always["rotations"]["circular_accuracy"].get<double>(), 0);
  EXPECT_GE(always["letters"]["answered"][0].get<std::int64_t>(), 4);
}

TEST_F(EvalRun, TwoRunsBesideEachOther) {
  use("mmau_mini", "mmau");
  EvalModel knows = model([](const EvalItem& item, const Ask&) { return gold_text(item); });
  EvalModel first = model([](const EvalItem& item, const Ask&) { return item.choices.at(0); }, "first");
  run(first, options("a")), run(knows, options("b"));
  score("a"), score("b");
  const Json both = compare_runs(scratch / "a", scratch / "b", 200);
  const auto n = static_cast<std::int64_t>(items.items.size());
  EXPECT_EQ(both["n"], n);
  EXPECT_EQ(both["losses"], 0);
  EXPECT_EQ(both["wins"].get<std::int64_t>() + both["ties"].get<std::int64_t>(), n);
  EXPECT_NEAR(both["difference"].get<double>(), both["wins"].get<double>() / static_cast<double>(n), 1e-12);
  EXPECT_EQ(both["flipped"].size(), both["wins"].get<std::size_t>());
  // Of itself nothing differs.
  EXPECT_EQ(compare_runs(scratch / "a", scratch / "a", 200)["difference"], 0.0);
  // Other files are refused, unless that is what is compared.
  Json other = parse_json(read_file(scratch / "b" / "summary.json"), "summary.json");
  other["data"]["sha256"] = "of worse sounds";
  write_file_atomic(scratch / "b" / "summary.json", other.dump());
  test::refused(ErrorKind::kUser, {"other data", "--other-data"},
                [&] { compare_runs(scratch / "a", scratch / "b", 200); });
  EXPECT_EQ(compare_runs(scratch / "a", scratch / "b", 200, 1, /*other_data=*/true)["difference"],
            both["difference"]);
}

TEST_F(EvalRun, OtherProgramsPredictionsAreScoredAlike) {
  use("mmau_mini", "mmau");
  EvalModel knows = model([](const EvalItem& item, const Ask&) { return gold_text(item); });
  run(knows, options("run"));
  Json list = Json::array();
  for (std::size_t i = 1; i < items.items.size(); ++i)
    list.push_back({{"id", items.items[i].id}, {"model_output", gold_text(items.items[i])}});
  write_file_atomic(scratch / "theirs.json", list.dump());
  ScoreOptions o;
  o.resamples = 200, o.foreign = scratch / "theirs.json";
  const Json summary = score_run(scratch / "run", benchmark, items, o);
  EXPECT_EQ(summary["counts"]["failed"], 1);  // the one that they leave out
  EXPECT_EQ(summary["counts"]["n"], items.items.size());
}

TEST(EvalPredictions, ALineIsReadAsItWasWritten) {
  Prediction said{"id 1", "clip", "default", "what?", {"a/b.wav"}, {}};
  said.reply.text = "\"(a)\" <b>\n\xf0\x9f\x90\x95", said.reply.tokens = 4, said.reply.finish = "length";
  EXPECT_FALSE(parse_json(prediction_line(said), "x").contains("shares"));
  said.reply.shares = {0.25, 0.5, 0.25};
  said.reply.logprob_mean = -0.5, said.reply.heard = {{"00", 12.5, 10, 2.5, 1}};
  const std::string line = prediction_line(said);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const Prediction read = prediction_from_json(parse_json(line, "x"), "x");
  EXPECT_EQ(prediction_line(read), line);
  EXPECT_EQ(read.reply.text, said.reply.text);
  EXPECT_EQ(read.reply.shares, said.reply.shares);
  EXPECT_EQ(read.reply.heard.at(0).seconds_cut, 2.5);
  EXPECT_THROW(prediction_from_json(parse_json(R"({"id": 3})", "x"), "x"), Error);
}

}  // namespace
}  // namespace af2
