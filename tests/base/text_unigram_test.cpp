#include "af2/text/unigram.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "af2/core/error.h"

namespace af2 {
namespace {

const std::filesystem::path kData = std::filesystem::path(AF2_SOURCE_DIR) / "tests/data/text";

#ifdef AF2_WITH_SENTENCEPIECE
TEST(Unigram, GivesTheIdsOfTheLibraryInPython) {
  const Unigram words = Unigram::open(kData / "unigram.model");
  EXPECT_GT(words.size(), 40);
  std::ifstream file(kData / "unigram.json");
  const auto rows = nlohmann::json::parse(file);
  ASSERT_GT(rows.size(), 5u);
  for (const auto& row : rows) {
    const auto text = row.at("text").get<std::string>();
    EXPECT_EQ(words.encode(text), row.at("ids").get<std::vector<int>>()) << text;
  }
  EXPECT_EQ(words.encode("a dog\xff"), words.encode("a dog\xef\xbf\xbd"));
}

TEST(Unigram, RefusesWhatIsNone) {
  for (const char* name : {"small.json", "unigram.json"}) {
    try {
      Unigram::open(kData / name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
      EXPECT_NE(std::string(error.what()).find("SentencePiece"), std::string::npos);
    }
  }
}
#else
TEST(Unigram, NeedsTheLibrary) {
  EXPECT_THROW(Unigram::open(kData / "unigram.model"), Error);
}
#endif

}  // namespace
}  // namespace af2
