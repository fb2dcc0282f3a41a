// core: errors, files, hashes, named random draws.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/pages.h"
#include "af2/core/random.h"
#include "af2/core/shared_text.h"
#include "af2/core/text_util.h"
#include "af2/core/workers.h"

namespace af2 {
namespace {

TEST(Error, SaysWhereWhatAndWhatToDo) {
  const Error error = data_error("not a sound file", "a.wav", "give an audio file");
  EXPECT_STREQ(error.what(), "a.wav: not a sound file; give an audio file");
  EXPECT_EQ(error.exit_code(), 3);
}

std::string hash_of(const std::string& text) {
  return sha256_hex(std::as_bytes(std::span(text)));
}

TEST(Sha256, KnownValues) {  // FIPS 180-4 examples and the padding's borders
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash_of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(File, AtomicWriteReadsBackAndReplaces) {
  const auto path = std::filesystem::temp_directory_path() / "af2_core_test.bin";
  write_file_atomic(path, "one");
  write_file_atomic(path, std::string("two\0three", 9));
  EXPECT_EQ(read_file(path), std::string("two\0three", 9));
  const MappedFile map(path);
  EXPECT_EQ(map.bytes().size(), 9u);
  std::filesystem::remove(path);
  EXPECT_THROW(read_file(path), Error);
  EXPECT_THROW(MappedFile{path}, Error);
}

TEST(Random, NamedDrawsAreFixed) {
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cULL);
  Random a("af2/test/1"), b("af2/test/1"), c("af2/test/2");
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
}

TEST(Random, BoundedDrawsAreEven) {
  Random rng("af2/test/even");
  int counts[6] = {};
  for (int i = 0; i < 60000; ++i) ++counts[rng.range(0, 5)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
}

TEST(Random, ShuffleIsAPermutation) {
  std::vector<int> items(100);
  for (int i = 0; i < 100; ++i) items[i] = i;
  Random("af2/test/shuffle").shuffle(items);
  EXPECT_EQ(std::set<int>(items.begin(), items.end()).size(), 100u);
  EXPECT_NE(items[0] * 100 + items[1], 1);
}

// Pages of a mapped file come back when they are read; memory that is no file keeps what it holds.
TEST(Pages, ReleaseTouchesMappedFilesOnly) {
  const test::Scratch scratch;
  std::string text(1 << 16, 'x');
  for (std::size_t i = 0; i < text.size(); i += 100) text[i] = static_cast<char>('a' + i / 100 % 26);
  write_file_atomic(scratch / "file", text);
  const MappedFile file(scratch / "file");
  release_mapped(file.bytes());
  release_mapped(file.bytes().subspan(5000, 20000));
  EXPECT_EQ(std::memcmp(file.bytes().data(), text.data(), text.size()), 0);
  const AlignedBytes memory = aligned_bytes(text.size());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.get()) % 64, 0u);
  std::memcpy(memory.get(), text.data(), text.size());
  release_mapped({memory.get(), text.size()});
  EXPECT_EQ(std::memcmp(memory.get(), text.data(), text.size()), 0);
}

TEST(Base64, IsThatOfTheStandard) {
  const auto of = [](std::string_view text) { return base64(std::as_bytes(std::span(text))); };
  // RFC 4648, section 10.
  EXPECT_EQ(of(""), "");
  EXPECT_EQ(of("f"), "Zg==");
  EXPECT_EQ(of("fo"), "Zm8=");
  EXPECT_EQ(of("foo"), "Zm9v");
  EXPECT_EQ(of("foobar"), "Zm9vYmFy");
  EXPECT_EQ(of("\xfb\xff"), "+/8=");
}

TEST(SharedText, IsATextKeptOnce) {
  static_assert(sizeof(SharedText) == sizeof(void*));
  const SharedText a = "counting", b = std::string("count") + "ing", none;
  EXPECT_EQ(&a.str(), &b.str());
  EXPECT_TRUE(a == b && a == "counting" && a == std::string("counting") && a != "temporal");
  EXPECT_TRUE(none.empty() && none == "");
  EXPECT_EQ(a + "." + b, "counting.counting");
  EXPECT_LT(SharedText("attribute"), a);
  EXPECT_EQ(std::filesystem::path("sets") / a, "sets/counting");
  EXPECT_EQ(Json(a), Json("counting"));
  EXPECT_EQ(Json("general").get<SharedText>(), "general");
}

TEST(SharedText, SeveralThreadsFindTheSameText) {
  std::vector<const std::string*> found(400);
  for_each_by(4, found.size(),
              [&](std::size_t i) { found[i] = &SharedText("text " + std::to_string(i % 10)).str(); });
  for (std::size_t i = 10; i < found.size(); ++i) EXPECT_EQ(found[i], found[i % 10]);
}

}  // namespace
}  // namespace af2
