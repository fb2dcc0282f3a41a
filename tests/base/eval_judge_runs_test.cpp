// Runs of judges that are cut, replayed, stopped, or whose endpoint misbehaves: what is kept, what is asked
// again.
#include "af2/eval/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <set>

#include "af2/eval/judge_stub.h"
#include "af2/eval/judge_summary.h"
#include "eval_judge_testing.h"
#include "refused.h"

namespace af2 {
namespace {

using test::judge_case_of;
using test::judge_spec;
using test::kJudgedText;
using test::StandIn;
using test::StandInReply;
using ::testing::HasSubstr;

class JudgeRuns : public test::JudgeTest {};

using test::numbered_cases;

TEST_F(JudgeRuns, ARunThatIsCutGoesOnAndAsksNothingTwice) {
  bool down = true;
  const StandIn server([&](const auto& request) -> StandInReply {
    if (down && request.number >= 4) return {503, "down"};
    return score(6);
  });
  const std::vector<JudgeCase> cases = numbered_cases(10);
  JudgeOptions o = options(server.url());
  o.parallel = 1, o.tries = 2;
  {
    Judge first(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
    test::refused(ErrorKind::kRemote, {"503", "2 times"}, [&] { first.marks(cases); });
  }
  EXPECT_EQ(lines().size(), 4u);
  // The process died while it wrote its last line.
  const std::string whole = read_file(scratch / "judge.jsonl");
  write_file_atomic(scratch / "judge.jsonl", whole.substr(0, whole.size() - 30));
  down = false;
  const int before = server.requests();
  {
    Judge second(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
    for (const JudgeMark& mark : second.marks(cases)) EXPECT_EQ(mark.mark, 6);
    EXPECT_EQ(second.stats().cached, 3);
  }
  EXPECT_EQ(server.requests(), before + 7);
  EXPECT_EQ(lines().size(), 10u);
  Judge third(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
  third.marks(cases);
  EXPECT_EQ(server.requests(), before + 7);
}

TEST_F(JudgeRuns, TheSameTextsAreOneRequestAlsoAtOnce) {
  const StandIn server([](const auto&) {
    StandInReply reply = score(6);
    reply.delay_s = 0.05;
    return reply;
  });
  std::vector<JudgeCase> cases(8, judge_case_of("a", kJudgedText, "rain"));
  for (std::size_t i = 0; i < cases.size(); ++i) cases[i].id += std::to_string(i);
  JudgeOptions o = options(server.url());
  o.parallel = 4;
  Judge one(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
  for (const JudgeMark& mark : one.marks(cases)) EXPECT_EQ(mark.mark, 6);
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(JudgeRuns, RequestsDifferByAllThatTheReplyDependsOn) {
  JudgeSpec spec = judge_spec("longaudiobench");
  const Json messages =
      judge_rubric("longaudiobench").messages({{"question", "q"}, {"answer", "a"}, {"response", "r"}});
  std::set<std::string> hashes;
  const auto add = [&](const std::string& url, const JudgeSpec& s, const std::string& model, int repeat) {
    JudgeOptions o = options(url);
    o.model = model;
    hashes.insert(Judge(s, o, "", scratch.path(), time.clock()).request_hash(messages, repeat));
  };
  add("http://host:1/v1", spec, "m", 0);
  add("http://host:1/v1/", spec, "m", 0);  // the same
  EXPECT_EQ(hashes.size(), 1u);
  add("http://host:2/v1", spec, "m", 0);
  add("http://host:1/v1", spec, "n", 0);
  add("http://host:1/v1", spec, "m", 1);
  spec.temperature = 0.5;
  add("http://host:1/v1", spec, "m", 0);
  spec.temperature = 0, spec.seed = 7;
  add("http://host:1/v1", spec, "m", 0);
  add("http://host:1/v1", judge_spec("audiobench_0_5"), "m", 0);
  EXPECT_EQ(hashes.size(), 7u);
}

TEST_F(JudgeRuns, ReplayReadsWhatIsOnDiskAndNamesWhatIsNot) {
  std::vector<JudgeCase> cases = numbered_cases(3);
  std::vector<JudgeMark> asked;
  {
    const JudgeStub stub({.mode = "always=4"});
    asked = judge(stub.url()).marks(cases);
  }
  JudgeOptions o;
  o.backend = "replay";
  const std::string before = read_file(scratch / "judge.jsonl");
  Judge replay(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
  EXPECT_THAT(replay.name(), HasSubstr("replay of m"));
  const std::vector<JudgeMark> again = replay.marks(cases);
  for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(again[i].mark, asked[i].mark);
  EXPECT_EQ(replay.stats().calls, 0);
  EXPECT_EQ(read_file(scratch / "judge.jsonl"), before);
  cases[1].inputs["response"] += " and thunder";  // another answer than the one that was marked
  test::refused(ErrorKind::kData, {"item1", "no mark"}, [&] { replay.marks(cases); });
  o.model = "another";
  Judge other(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
  test::refused(ErrorKind::kData, {"item0"}, [&] { other.mark(cases[0]); });
  test::Scratch empty;
  test::refused(ErrorKind::kData, {"judge.jsonl"},
                [&] { Judge(judge_spec("longaudiobench"), o, "", empty.path(), time.clock()); });
}

TEST_F(JudgeRuns, ReplayWithSeveralJudgesNeedsToKnowWhich) {
  for (const char* model : {"kind", "strict"}) {
    const JudgeStub stub({.mode = std::string("always=") + (*model == 'k' ? "9" : "2")});
    JudgeOptions o = options(stub.url());
    o.model = model;
    Judge(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock()).marks(numbered_cases(2));
  }
  JudgeOptions o;
  o.backend = "replay";
  Judge either(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
  test::refused(ErrorKind::kUser, {"kind, strict", "--judge-model"},
                [&] { either.mark(numbered_cases(1)[0]); });
  o.model = "strict";
  Judge strict(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
  EXPECT_EQ(strict.mark(numbered_cases(1)[0]).mark, 2);
}

TEST_F(JudgeRuns, TheBudgetStopsBeforeItIsPassedAndMoreOfItGoesOn) {
  const StandIn server([](const auto&) { return StandIn::says(R"({"score": 5})", 1000, 100); });
  JudgeOptions o = options(server.url());
  o.parallel = 1, o.max_tokens = 100;
  o.price_in = 1000, o.price_out = 10000;  // a call costs 2, and is thought to cost between 1 and 2
  const std::vector<JudgeCase> cases = numbered_cases(6);
  const auto run = [&](double budget) {
    o.budget = budget;
    Judge one(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
    try {
      one.marks(cases);
    } catch (const Stopped& stopped) {
      EXPECT_THAT(stopped.reason, HasSubstr("budget"));
      return false;
    }
    EXPECT_NEAR(one.stats().cost + one.stats().spent_before, 12, 1e-9);
    return true;
  };
  EXPECT_FALSE(run(6));
  EXPECT_EQ(server.requests(), 3);
  EXPECT_FALSE(run(6));  // what was spent before counts
  EXPECT_EQ(server.requests(), 3);
  EXPECT_TRUE(run(100));
  EXPECT_EQ(server.requests(), 6);
}

TEST_F(JudgeRuns, ASignalStopsBetweenCallsAndLeavesWhatIsMarked) {
  const std::vector<JudgeCase> cases = numbered_cases(6);
  const auto cut_run = [&] {
    const JudgeStub stub({.mode = "always=4"});
    JudgeOptions o = options(stub.url());
    o.parallel = 1;
    Judge one(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
    install_stop_signals();
    try {
      one.marks(cases, [](std::size_t done) {
        if (done == 2) std::raise(SIGTERM);
      });
    } catch (const Stopped&) {
      std::_Exit(42);
    }
    std::_Exit(1);
  };
  EXPECT_EXIT(cut_run(), ::testing::ExitedWithCode(42), "");
  EXPECT_EQ(lines().size(), 2u);
  JudgeOptions o;
  o.backend = "replay";
  EXPECT_EQ(Judge(judge_spec("longaudiobench"), o, "", scratch.path()).mark(cases[1]).mark, 4);
}

TEST_F(JudgeRuns, OtherRefusalsEndTheRunAtOnce) {
  const StandIn server([](const auto&) { return StandInReply{401, "bad key"}; });
  Judge one = judge(server.url());
  test::refused(ErrorKind::kRemote, {"bad key", "AF2_JUDGE_API_KEY"},
                [&] { one.mark(judge_case_of("a", kJudgedText, "rain")); });
  EXPECT_EQ(server.requests(), 1);
  EXPECT_TRUE(time.slept().empty());
}

TEST_F(JudgeRuns, WaitsDoubleUpToHalfAMinuteAndEndInExitCode7) {
  const StandIn server([](const auto& request) -> StandInReply {
    return {request.number % 2 ? 500 : 429, "", request.number == 1 ? "Retry-After: 50\r\n" : ""};
  });
  JudgeOptions o = options(server.url());
  o.tries = 8;
  Judge one(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
  try {
    one.mark(judge_case_of("a", kJudgedText, "rain"));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 7);
  }
  const std::vector<double> slept = time.slept();
  ASSERT_EQ(slept.size(), 7u);
  const double wanted[] = {1, 50, 4, 8, 16, 32, 32};
  for (int k = 0; k < 7; ++k) {
    EXPECT_GE(slept[k], wanted[k]);
    EXPECT_LE(slept[k], 1.25 * wanted[k]);
  }
}

TEST_F(JudgeRuns, AnEndpointWithoutSeedsIsAskedWithoutOne) {
  const StandIn server([](const auto& request) -> StandInReply {
    if (request.json().contains("seed")) return {400, R"({"error":"Unknown parameter: seed"})"};
    return score(5);
  });
  Judge one = judge(server.url());
  for (const JudgeCase& c : numbered_cases(2)) EXPECT_EQ(one.mark(c).mark, 5);
  EXPECT_EQ(server.requests(), 3);
}
}  // namespace
}  // namespace af2
