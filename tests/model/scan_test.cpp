// Scanning: groups of twelve, a tree above them, every stretch in the reply.
#include "af2/generate/scan.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "noise_clip.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

Clip scan_noise(const std::string& name, int seconds) {
  return test::noise_clip("scan/" + name, seconds);
}

class Scanning : public test::Published {
 protected:
  Scanning() {
    write(true, SaveType::kF32);
    options.max_new_tokens = 3;
    options.ignore_eos = true;
  }
  AnswerOptions options;
};

TEST_F(Scanning, OneStretchIsItsOwnAnswer) {
  const Engine engine = Engine::load(folder, {.threads = 1});
  Scan scan(engine, "what?", {}, options);
  scan.hear(scan_noise("one", 10), 0);
  const ScanAnswer found = scan.finish();
  EXPECT_EQ(found.answer.text, engine.answer(engine.listen(scan_noise("one", 10)), "what?", options).text);
  ASSERT_EQ(found.stretches.size(), 1u);
  EXPECT_EQ(found.stretches[0].text, found.answer.text);
  EXPECT_EQ(found.n_windows, 1);
}

// Fourteen stretches: a group of twelve, a group of two, and one question about both groups. The answer is
// that of the last question, which hears the surest stretch of all.
TEST_F(Scanning, GroupsAreCombinedAsATree) {
  const Engine engine = Engine::load(folder, {.threads = 1});
  Scan scan(engine, "what?", {}, options);
  std::vector<StretchAnswer> first, second;
  std::vector<double> sureness;
  std::vector<Memory> memories;
  for (int i = 0; i < 14; ++i) {
    const Clip clip = scan_noise(std::to_string(i), 10);
    memories.push_back(engine.listen(clip));
    const StretchAnswer heard = scan.hear(clip, 10.0 * i);
    EXPECT_EQ(heard.start_s, 10.0 * i);
    EXPECT_EQ(heard.end_s, 10.0 * i + 10);
    (i < 12 ? first : second).push_back(heard);
    sureness.push_back(engine.score(memories.back(), "what?", heard.text) / 4);
  }
  const ScanAnswer found = scan.finish();
  EXPECT_EQ(found.stretches.size(), 14u);
  const auto surest = [&](int from, int to) {
    return memories[static_cast<std::size_t>(
        std::max_element(sureness.begin() + from, sureness.begin() + to) - sureness.begin())];
  };
  const auto asked = [&](const std::vector<StretchAnswer>& parts, const Memory& memory) {
    return engine.answer(memory, combining_prompt("what?", parts), options).text;
  };
  const std::vector<StretchAnswer> groups = {{0, 120, asked(first, surest(0, 12)), {}},
                                             {120, 140, asked(second, surest(12, 14)), {}}};
  EXPECT_EQ(found.answer.text, asked(groups, surest(0, 14)));
}

TEST(CombiningPrompt, NamesTimesAndAnswers) {
  EXPECT_EQ(combining_prompt("What happens? ", {{0, 300, "A dog barks.", {}}, {3600, 3725, "rain", {}}}),
            "What happens? (0:00-5:00: A dog barks. 1:00:00-1:02:05: rain.)");
}

}  // namespace
}  // namespace af2
