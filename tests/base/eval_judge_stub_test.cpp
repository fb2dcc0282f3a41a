// The stand-in judge over loopback, in every mode, and the small server that it is made of.
#include "af2/eval/judge_stub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "../scratch.h"
#include "af2/eval/judge_summary.h"
#include "af2/net/http_client.h"
#include "eval_judge_testing.h"
#include "refused.h"

namespace af2 {
namespace {

using test::judge_case_of;
using test::judge_spec;

const std::string kStubDogs = "a dog barks twice and then rain falls";

class JudgeStubTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!built_with_http()) GTEST_SKIP() << "built without HTTP";
  }
  JudgeOptions options(const JudgeStub& stub) const {
    JudgeOptions o;
    o.url = stub.url(), o.model = "judge-stub";
    return o;
  }
  // One answer, marked by a stand-in in `mode`; a folder of its own, so that nothing is remembered.
  JudgeMark mark(const std::string& mode, const JudgeSpec& spec, const JudgeCase& one) {
    const JudgeStub stub({.mode = mode, .delay_s = 0.01});
    const std::filesystem::path folder = scratch / std::to_string(folders_++);
    std::filesystem::create_directories(folder);
    Judge judge(spec, options(stub), "", folder, time.clock());
    const JudgeMark result = judge.mark(one);
    stats = judge.stats();
    return result;
  }
  double mark_of(const std::string& reference, const std::string& response) {
    return mark("overlap", judge_spec("longaudiobench"), judge_case_of("a", reference, response))
        .mark.value();
  }

  test::Scratch scratch;
  test::PatientClock time;
  JudgeStats stats;
  int folders_ = 0;
};

TEST_F(JudgeStubTest, AnchorsHaveTheMarksThatTheyMust) {
  EXPECT_EQ(mark_of(kStubDogs, kStubDogs), 10);
  EXPECT_EQ(mark_of(kStubDogs, "A dog barks twice, and then rain falls."), 10);
  // One word of five and eight is shared: F1 2/13, and 9 times that is 1.38.
  EXPECT_EQ(mark_of(kStubDogs, "violins play a slow waltz"), 2);
  EXPECT_EQ(mark_of(kStubDogs, "violins play slow waltzes"), 1);
  EXPECT_EQ(mark_of(kStubDogs, "..."), 1);
}

TEST_F(JudgeStubTest, EveryRubricIsAnsweredOnItsScale) {
  for (const auto& [id, text] : embedded_rubrics()) {
    const JudgeSpec spec = judge_spec(id);
    JudgeCase same = judge_case_of("a", kStubDogs, kStubDogs),
              other = judge_case_of("b", kStubDogs, "violins play");
    for (JudgeCase* one : {&same, &other}) {
      one->inputs["context"] = kStubDogs;
      one->inputs["rubric"] = R"([{"name":"rain","choices":[0,1]},{"name":"dog","choices":[0,1,2]}])";
      one->inputs["dense_caption"] = "rain falls";
      one->right = true;
    }
    EXPECT_EQ(mark("overlap", spec, same).mark, spec.high) << id;
    EXPECT_EQ(stats.repairs, 0) << id;
    EXPECT_EQ(mark("overlap", spec, other).mark, spec.low) << id;
    const double always = spec.high == 1 ? 1 : 4;
    EXPECT_EQ(mark("always=" + std::to_string(static_cast<int>(always)), spec, other).mark, always) << id;
  }
}

TEST_F(JudgeStubTest, SeatOneIsUndoneByTheSwap) {
  JudgeSpec spec = judge_spec("airbench_pair");
  JudgeCase one = judge_case_of("a", "the reference", "the response");
  one.inputs["context"] = "nothing of either";
  const JudgeMark both = mark("seat1", spec, one);
  EXPECT_EQ(both.mark, 5.5);
  EXPECT_EQ(both.reference, 5.5);
  EXPECT_EQ(stats.calls, 2);
  spec.swap = false;
  const JudgeMark single = mark("seat1", spec, one);
  EXPECT_EQ(single.mark, 1);
  EXPECT_EQ(single.reference, 10);
}

TEST_F(JudgeStubTest, BadJsonAndRefusalsEndAsJudgeFailed) {
  for (const char* mode : {"badjson", "refuse"})
    for (const char* rubric : {"longaudiobench", "equivalence_yes_no", "mmau_pro_open", "airbench_pair"}) {
      JudgeCase one = judge_case_of("a", kStubDogs, kStubDogs);
      one.inputs["context"] = kStubDogs;
      const JudgeMark result = mark(mode, judge_spec(rubric), one);
      EXPECT_FALSE(result.mark.has_value()) << mode << rubric;
      EXPECT_NE(result.problem, "") << mode << rubric;
      EXPECT_EQ(result.repeats, 0);
      EXPECT_EQ(result.unread, 1);
      EXPECT_EQ(stats.calls, 2) << mode << rubric;  // the mark, and one repair
      EXPECT_EQ(stats.repairs, 1);
    }
}

TEST_F(JudgeStubTest, A429IsWaitedFor) {
  const JudgeMark result =
      mark("429", judge_spec("longaudiobench"), judge_case_of("a", kStubDogs, kStubDogs));
  EXPECT_EQ(result.mark, 10);
  EXPECT_EQ(stats.retries, 1);
  // Retry-After: 2 is more than the first wait would be.
  EXPECT_EQ(time.slept(), std::vector<double>{2});
}

TEST_F(JudgeStubTest, ASlowJudgeTimesOutAndIsStoppedAtOnce) {
  auto stub = std::make_unique<JudgeStub>(JudgeStubOptions{.mode = "slow", .delay_s = 3600});
  JudgeOptions o = options(*stub);
  o.timeout_s = 0.1, o.tries = 3;
  Judge judge(judge_spec("longaudiobench"), o, "", scratch.path(), time.clock());
  test::refused(ErrorKind::kRemote, {"3 times"},
                [&] { judge.mark(judge_case_of("a", kStubDogs, kStubDogs)); });
  EXPECT_EQ(time.slept().size(), 2u);
  stub.reset();  // an hour, were it not woken
  EXPECT_EQ(mark("slow", judge_spec("longaudiobench"), judge_case_of("a", kStubDogs, kStubDogs)).mark, 10);
}

TEST_F(JudgeStubTest, KnowsTheProgramsPromptsAlone) {
  const JudgeStub stub;
  const std::string url = stub.url() + "/chat/completions";
  for (const char* body :
       {"", "[]", "{}", R"({"messages":[]})", R"({"messages":[{"role":"user","content":"hi"}]})",
        R"({"messages":[{"role":"user","content":[1]}]})"})
    EXPECT_EQ(post_json(url, body, {}).status, 400) << body;
  EXPECT_EQ(post_json(stub.url() + "/models", "{}", {}).status, 404);
  EXPECT_EQ(stub.requests(), 6);
}

TEST_F(JudgeStubTest, UnknownModesAreRefused) {
  for (const char* mode : {"", "kind", "always=", "always=x", "always=7x"})
    test::refused(ErrorKind::kUser, {"overlap, seat1"}, [&] { JudgeStub({.mode = mode}); });
}

class HttpServerTest : public JudgeStubTest {};

TEST_F(HttpServerTest, TakesAFreePortOfLoopbackAndRoutesByMethodAndPath) {
  HttpServer server;
  server.route("POST", "/a.b", [](const HttpRequest& request) {
    return HttpServerReply{.status = 201,
                           .body = request.method + request.path + request.body + request.header("x-name"),
                           .headers = {{"Retry-After", "7"}}};
  });
  server.route("POST", "/bad", [](const HttpRequest&) -> HttpServerReply { throw data_error("broken"); });
  server.start();
  EXPECT_GT(server.port(), 0);
  HttpOptions http;
  http.headers = {{"X-Name", "me"}};
  const HttpReply reply = post_json(server.url() + "/a.b", "body", http);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.body, "POST/a.bbodyme");
  EXPECT_EQ(reply.retry_after_s, 7);
  EXPECT_EQ(post_json(server.url() + "/aXb", "", {}).status, 404);
  const HttpReply bad = post_json(server.url() + "/bad", "", {});
  EXPECT_EQ(bad.status, 500);
  EXPECT_THAT(bad.body, ::testing::HasSubstr("broken"));
  test::refused(ErrorKind::kResource, {std::to_string(server.port())},
                [&] { HttpServer again(server.port()); });
  test::refused(ErrorKind::kUser, {"70000"}, [] { HttpServer(70000); });
  server.stop();
  EXPECT_THROW(post_json(server.url() + "/a.b", "", {}), Error);
}

TEST_F(HttpServerTest, AnswersSeveralAtOnceAndRefusesLongBodies) {
  HttpServer server(0, 1000);
  std::atomic<int> here = 0;
  // Each waits until all four are there: one at a time would never end.
  server.route("POST", "/meet", [&](const HttpRequest&) {
    for (++here; here < 4;) std::this_thread::yield();
    return HttpServerReply{};
  });
  server.start();
  std::vector<std::thread> callers;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] { answered += post_json(server.url() + "/meet", "", {}).status == 200; });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(answered, 4);
  EXPECT_EQ(post_json(server.url() + "/meet", std::string(2000, 'x'), {}).status, 413);
}

}  // namespace
}  // namespace af2
