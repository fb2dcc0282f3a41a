// Captions and transcripts by a model that hears: which stretches go to it, and what becomes of its replies.
#include "af2/factory/llm/listener.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "factory_llm_fixture.h"

namespace af2 {
namespace {

using test::StandIn;

class Listeners : public test::FactoryLlm {
 protected:
  // 35 s at 8 kHz: a tone of 300 Hz, silence from 10 to 20 s, a tone of 600 Hz.
  Record walk() {
    constexpr int kRate = 8000;
    std::vector<float> x(35 * kRate);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double t = static_cast<double>(i) / kRate;
      if (t < 10 || t >= 20)
        x[i] = static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * (t < 10 ? 300 : 600) * t));
    }
    write_wav(scratch / "walk.wav", x, {.rate_hz = kRate});
    Record record;
    record.id = "walk", record.audio = "walk.wav", record.duration = 35;
    return record;
  }
  ListenMade hear(const Record& record, const ListenOptions& listen = {}, const std::string& reply = "") {
    const StandIn ear([&](const StandIn::Request& request) {
      sent.push_back(request.json());
      return StandIn::says(reply.empty() ? "A tone at 0:0" + std::to_string(sent.size()) + "." : reply);
    });
    LlmOptions llm = options();
    llm.url = ear.url(), llm.model = "ear", llm.parallel = 1;
    LlmClient client(llm, "", folder("ear" + std::to_string(n++)), clock());
    return Listener(&client, listen).hear(record, scratch.path());
  }
  std::vector<Json> sent;
  int n = 0;
};

TEST_F(Listeners, HearStretchesThatLackCaptionsAndAreNotSilent) {
  Record record = walk();
  const ListenMade made = hear(record);
  ASSERT_EQ(made.record.captions.size(), 3u);
  EXPECT_EQ(made.record.captions[0].text, "A tone.");  // cleaned
  EXPECT_EQ(made.record.captions[0].origin, "ear");
  EXPECT_EQ(made.record.captions[1].start, 20);
  EXPECT_EQ(made.record.captions[2].end, 35);
  EXPECT_EQ(
      made.counts,
      (LlmCounts{
          {"captions/asked", 3}, {"captions/cleaned", 3}, {"captions/made", 3}, {"captions/silent", 1}}));
  const std::string data = sent[2]["messages"][0]["content"][0]["input_audio"]["data"];
  EXPECT_EQ(data.size(), (44 + 5 * 16000 * 2 + 2) / 3 * 4);
  record.captions = {{"A hum.", 0, 10, "person"}};
  sent.clear();
  EXPECT_EQ(hear(record).record.captions.size(), 3u);
  EXPECT_EQ(sent.size(), 2u);
  // Again: all of it, and captions of the whole stay.
  record.captions.push_back({"A test.", 0, 0, "person"});
  const ListenMade again = hear(record, {.again = true, .clean = false});
  ASSERT_EQ(again.record.captions.size(), 4u);
  EXPECT_EQ(again.record.captions[0].text, "A test.");
  EXPECT_EQ(again.record.captions[1].text, "A tone at 0:03.");
}

TEST_F(Listeners, ShortClipsAreHeardAsAWhole) {
  Record record = walk();
  record.start = 2, record.duration = 6;
  const ListenMade made = hear(record);
  ASSERT_EQ(made.record.captions.size(), 1u);
  EXPECT_EQ(made.record.captions[0].end, 0);
  EXPECT_EQ(sent.size(), 1u);
  EXPECT_TRUE(hear(made.record).counts.empty());
}

TEST_F(Listeners, WriteDownWords) {
  Record record = walk();
  EXPECT_TRUE(hear(record, {.task = "speech"}, "None.").record.speech.empty());
  const ListenMade made = hear(record, {.task = "speech", .segment_s = 20}, "Come in!");
  ASSERT_EQ(made.record.speech.size(), 2u);
  EXPECT_EQ(made.record.speech[1].text, "Come in!");
  EXPECT_EQ(made.record.speech[1].start, 20);
  EXPECT_NE(sent.back()["messages"][0]["content"][1]["text"].get<std::string>().find("words"),
            std::string::npos);
}

TEST_F(Listeners, KeepAsideWhatIsNoCaptionAndWhatCannotBeRead) {
  const ListenMade empty = hear(walk(), {}, "The camera pans.");
  EXPECT_TRUE(empty.record.captions.empty());
  EXPECT_EQ(empty.counts.at("captions/nothing_left"), 3);
  ASSERT_EQ(empty.aside.size(), 3u);
  EXPECT_EQ(empty.aside[1]["from"], 20.0);
  EXPECT_EQ(empty.aside[1]["text"], "The camera pans.");
  Record gone = walk();
  gone.audio = "gone.wav";
  const ListenMade none = hear(gone);
  EXPECT_EQ(none.counts, (LlmCounts{{"captions/audio_unreadable", 1}}));
  EXPECT_EQ(none.record.audio, "gone.wav");
  gone = walk(), gone.duration = 90;  // the file ends before
  EXPECT_EQ(hear(gone).counts.at("captions/audio_unreadable"), 1);
  EXPECT_THROW(Listener(nullptr, {.task = "words"}), Error);
}

}  // namespace
}  // namespace af2
