// The model under test behind an endpoint: what is sent, what comes back, what is an item's failure.
#include "af2/eval/endpoint_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>
#include <span>
#include <thread>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/net/http_client.h"
#include "eval_judge_testing.h"
#include "http_stand_in.h"
#include "refused.h"

namespace af2 {
namespace {

using test::StandIn;
using test::StandInReply;
using ::testing::HasSubstr;

class EndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!built_with_http()) GTEST_SKIP() << "built without HTTP";
  }
  EndpointOptions options(const StandIn& server) const {
    EndpointOptions o;
    o.url = server.url(), o.model = "m", o.timeout_s = 5;
    return o;
  }
  EndpointAnswer ask(const StandIn& server, const EndpointQuestion& question,
                     const std::string& sound = "none") {
    EndpointOptions o = options(server);
    o.sound = sound;
    return EndpointModel(o, "secret-key", time.clock()).ask(question);
  }
  // `seconds` of a tone at 16 kHz; its samples are exact in 16 bit, so that they can be compared.
  std::filesystem::path tone(const std::string& name, double seconds) {
    std::vector<float> samples(static_cast<std::size_t>(seconds * 16000));
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] = static_cast<float>(std::round(8000 * std::sin(0.1 * static_cast<double>(i))) / 32768);
    write_wav(scratch / name, samples);
    return scratch / name;
  }

  test::Scratch scratch;
  test::PatientClock time;
};

TEST_F(EndpointTest, SendsATextAloneAsAString) {
  const StandIn server([](const auto&) -> StandInReply {
    return {200, R"({"choices":[{"message":{"content":"(b) rain"},"finish_reason":"length"}],
                     "usage":{"prompt_tokens":12,"completion_tokens":3}})"};
  });
  EndpointQuestion question{.id = "a", .prompt = "what is heard?"};
  question.audio = {tone("a.wav", 1)};
  question.stop = {"<|endofchunk|>"}, question.max_new_tokens = 17;
  const EndpointAnswer answer = ask(server, question);
  EXPECT_EQ(answer.text, "(b) rain");
  EXPECT_EQ(answer.finish, "length");
  EXPECT_EQ(answer.tokens_in, 12);
  EXPECT_EQ(answer.tokens, 3);
  EXPECT_EQ(answer.tries, 1);
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(server.seen().at(0).json(), Json::parse(R"({"model":"m",
      "messages":[{"role":"user","content":"what is heard?"}],"temperature":0.0,"max_tokens":17,"seed":0,
      "stop":["<|endofchunk|>"]})"));
  EXPECT_THAT(server.seen()[0].head, HasSubstr("Authorization: Bearer secret-key"));
}

TEST_F(EndpointTest, SendsTheClipsAsWav) {
  const StandIn server([](const auto&) { return StandIn::says("rain"); });
  EndpointQuestion question{.id = "a", .prompt = "what is heard?"};
  question.audio = {tone("a.wav", 0.5), tone("b.wav", 0.25)};
  const EndpointAnswer answer = ask(server, question, "input_audio");
  EXPECT_EQ(answer.text, "rain");
  EXPECT_DOUBLE_EQ(answer.seconds_used, 0.75);
  const Json content = server.seen().at(0).json()["messages"][0]["content"];
  ASSERT_EQ(content.size(), 3u);
  EXPECT_EQ(content[2], (Json{{"type", "text"}, {"text", "what is heard?"}}));
  for (int k = 0; k < 2; ++k) {
    const std::string file = read_file(question.audio[k]);
    EXPECT_EQ(content[k]["input_audio"]["format"], "wav");
    EXPECT_EQ(content[k]["input_audio"]["data"], base64(std::as_bytes(std::span(file)))) << k;
  }
}

TEST_F(EndpointTest, CutsStretchesAndSaysWhatWasLeftOut) {
  const StandIn server([](const auto&) { return StandIn::says("rain"); });
  EndpointOptions o = options(server);
  o.max_seconds = 1;
  EndpointModel model(o, "", time.clock());
  EndpointQuestion question{.id = "a", .prompt = "p", .audio = {tone("a.wav", 4)}, .start_s = 0.5};
  const EndpointAnswer answer = model.ask(question);
  EXPECT_NEAR(answer.seconds_used, 1, 1e-3);
  EXPECT_NEAR(answer.seconds_cut, 2.5, 1e-3);
}

TEST_F(EndpointTest, AClipThatCannotBeReadIsTheItemsError) {
  const StandIn server([](const auto&) { return StandIn::says("rain"); });
  write_file_atomic(scratch / "torn.wav", "RIFF");
  EndpointQuestion question{.id = "a", .prompt = "p"};
  for (const char* name : {"torn.wav", "none.wav"}) {
    question.audio = {scratch / name};
    const EndpointAnswer answer = ask(server, question, "input_audio");
    EXPECT_THAT(answer.error, HasSubstr(name));
    EXPECT_EQ(answer.text, "");
  }
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(EndpointTest, ARefusedRequestIsTheItemsErrorARefusedKeyIsNot) {
  int status = 400;
  const StandIn server([&](const auto&) { return StandInReply{status, "the context is too long"}; });
  EndpointQuestion question{.id = "a", .prompt = "p"};
  for (const int about_the_item : {400, 413, 422}) {
    status = about_the_item;
    const EndpointAnswer answer = ask(server, question);
    EXPECT_THAT(answer.error, HasSubstr("the context is too long"));
    EXPECT_EQ(answer.text, "");
    EXPECT_EQ(answer.tries, 1);
  }
  for (const int about_the_run : {401, 403, 404}) {
    status = about_the_run;
    test::refused(ErrorKind::kRemote, {std::to_string(status)}, [&] { ask(server, question); });
  }
  EXPECT_TRUE(time.slept().empty());
}

TEST_F(EndpointTest, ADeadServerEndsTheRunAfterSixTriesAndAnswersStay) {
  const StandIn server([](const auto& request) -> StandInReply {
    if (request.number >= 2) return {503, "down"};
    return StandIn::says("answer " + std::to_string(request.number));
  });
  EndpointOptions o = options(server);
  o.parallel = 1;
  std::vector<EndpointQuestion> questions(5, EndpointQuestion{.id = "a", .prompt = "p"});
  std::vector<std::string> got;
  EndpointModel model(o, "", time.clock());
  test::refused(ErrorKind::kRemote, {"503", "6 times"}, [&] {
    model.ask_all(questions, [&](std::size_t, const EndpointAnswer& answer) { got.push_back(answer.text); });
  });
  EXPECT_EQ(got, (std::vector<std::string>{"answer 0", "answer 1"}));
  EXPECT_EQ(server.requests(), 8);
  EXPECT_EQ(time.slept().size(), 5u);
}

TEST_F(EndpointTest, RetriesAreNoOtherAnswer) {
  const StandIn server([](const auto& request) -> StandInReply {
    if (request.number == 0) return {429, "", "Retry-After: 9\r\n"};
    if (request.number == 1) return {200, "no completion"};
    return {200, R"({"choices":[{"message":{"content":null}}],"usage":null})"};
  });
  const EndpointAnswer answer = ask(server, {.id = "a", .prompt = "p"});
  EXPECT_EQ(answer.text, "");  // an empty answer, not a failure
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.tries, 3);
  EXPECT_EQ(time.slept().at(0), 9);
  EXPECT_GE(answer.seconds, 9 + 2);
}

TEST_F(EndpointTest, SeveralAreAskedAtOnceAndComeOneByOne) {
  // The first three wait for each other: one at a time would never end.
  std::atomic<int> here = 0;
  const StandIn server([&](const auto& request) {
    for (++here; here < 3;) std::this_thread::yield();
    return StandIn::says("re: " + request.prompt());
  });
  EndpointOptions o = options(server);
  o.parallel = 3;
  std::vector<EndpointQuestion> questions;
  for (int i = 0; i < 9; ++i) questions.push_back({.id = std::to_string(i), .prompt = std::to_string(i)});
  std::set<std::size_t> got;
  EndpointModel(o, "", time.clock()).ask_all(questions, [&](std::size_t i, const EndpointAnswer& answer) {
    EXPECT_EQ(answer.text, "re: " + std::to_string(i));
    got.insert(i);
  });
  EXPECT_EQ(got.size(), 9u);
  EXPECT_EQ(server.most_at_once(), 3);
}

TEST_F(EndpointTest, SenselessOptionsAreRefusedByFlag) {
  const StandIn server([](const auto&) { return StandIn::says("rain"); });
  const auto refused = [&](const char* flag, const std::function<void(EndpointOptions&)>& change) {
    EndpointOptions o = options(server);
    change(o);
    test::refused(ErrorKind::kUser, {flag}, [&] { EndpointModel(o, "", time.clock()); });
  };
  refused("--endpoint", [](auto& o) { o.url = ""; });
  refused("--endpoint-model", [](auto& o) { o.model = ""; });
  refused("--endpoint-sound", [](auto& o) { o.sound = "loud"; });
  refused("--endpoint-parallel", [](auto& o) { o.parallel = 0; });
  refused("--endpoint-max-seconds", [](auto& o) { o.max_seconds = -1; });
}

}  // namespace
}  // namespace af2
