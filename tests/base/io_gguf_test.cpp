// io: GGUF reader and writer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/io/gguf.h"
#include "af2/io/quant_blocks.h"
#include "tests/base/io_test_util.h"

namespace af2 {
namespace {

using namespace io_test;
using testing::ElementsAre;
using testing::HasSubstr;

// Bytes of a file put together by hand.
class Builder {
 public:
  template <class T>
  Builder& put(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Builder& u32(std::uint32_t value) { return put(value); }
  Builder& u64(std::uint64_t value) { return put(value); }
  Builder& str(std::string_view text) {
    u64(text.size());
    text_ += text;
    return *this;
  }
  Builder& head(std::uint64_t n_tensors, std::uint64_t n_keys, std::uint32_t version = 3) {
    text_ += "GGUF";
    return u32(version).u64(n_tensors).u64(n_keys);
  }
  Builder& tensor(std::string_view name, const std::vector<std::uint64_t>& ne, std::uint32_t type,
                  std::uint64_t offset) {
    str(name).u32(static_cast<std::uint32_t>(ne.size()));
    for (const auto n : ne) u64(n);
    return u32(type).u64(offset);
  }
  Builder& pad(std::size_t alignment = 32) {
    text_.resize((text_.size() + alignment - 1) / alignment * alignment);
    return *this;
  }
  Builder& zeros(std::size_t count) {
    text_.append(count, '\0');
    return *this;
  }
  Bytes bytes() const { return bytes_of(text_); }

 private:
  std::string text_;
};

Gguf parse_gguf(const Bytes& bytes) {
  return Gguf::parse(bytes, "x.gguf");
}

void touch_gguf(const Bytes& bytes) {
  const Gguf file = parse_gguf(bytes);
  for (const TensorView& tensor : file.tensors()) {
    ASSERT_EQ(static_cast<std::int64_t>(tensor.bytes.size()), *checked_bytes(tensor.dtype, tensor.shape));
    if (!can_dequantize(tensor.dtype)) continue;
    EXPECT_EQ(static_cast<std::int64_t>(to_float(tensor).size()), tensor.n_elements());
  }
  for (const auto& [key, value] : file.metadata()) EXPECT_EQ(file.find_value(key), &value);
}

TEST(Gguf, ReadsPythonsMetadata) {
  const Gguf file = Gguf::open(data_file("python.gguf"));
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.get_string("general.architecture"), "llama");
  EXPECT_EQ(file.get_uint("t.uint8"), 200u);
  EXPECT_EQ(file.get_int("t.int8"), -100);
  EXPECT_EQ(file.get_uint("t.uint16"), 60000u);
  EXPECT_EQ(file.get_int("t.int16"), -30000);
  EXPECT_EQ(file.get_uint("t.uint32"), 4000000000u);
  EXPECT_EQ(file.get_int("t.uint32"), 4000000000);
  EXPECT_EQ(file.get_int("t.int32"), -2000000000);
  EXPECT_EQ(file.get_float("t.float32"), 0.1f);
  EXPECT_EQ(file.get_float("t.float64"), 0.1f);
  EXPECT_EQ(std::get<double>(*file.find_value("t.float64")), 0.1);
  EXPECT_TRUE(file.get_bool("t.bool"));
  EXPECT_EQ(file.get_string("t.string"), "caf\u00e9 \u2603");
  EXPECT_EQ(file.get_uint("t.uint64"), (std::uint64_t{1} << 63) + 1);
  EXPECT_EQ(file.get_int("t.int64"), -(std::int64_t{1} << 62));
  EXPECT_THAT(file.get_strings("t.strings"), ElementsAre("a", "", "\u0120the"));
  EXPECT_THAT(file.get_ints("t.ints"), ElementsAre(1, -2, 3));
  EXPECT_THAT(file.get_floats("t.floats"), ElementsAre(0.5, -1.25));
  EXPECT_EQ(std::get<std::vector<bool>>(*file.find_value("t.bools")), (std::vector<bool>{true, false}));
  EXPECT_EQ(gguf_type_name(*file.find_value("t.strings")), "array of string");
}

TEST(Gguf, GettersNameTheKeyAndBothTypes) {
  const Gguf file = Gguf::open(data_file("python.gguf"));
  EXPECT_THAT(message_of([&] { file.get_uint("no.key"); }), HasSubstr("lacks the metadata key no.key"));
  EXPECT_THAT(message_of([&] { file.get_uint("t.string"); }),
              HasSubstr("t.string is string, not an integer"));
  EXPECT_THAT(message_of([&] { file.get_uint("t.int8"); }), HasSubstr("t.int8 is out of range: -100"));
  EXPECT_THAT(message_of([&] { file.get_int("t.uint64"); }), HasSubstr("out of range"));
  EXPECT_THAT(message_of([&] { file.get_uint("t.bool"); }), HasSubstr("t.bool is boolean, not an integer"));
  EXPECT_THAT(message_of([&] { file.get_float("t.int8"); }), HasSubstr("t.int8 is int8, not a float"));
  EXPECT_THAT(message_of([&] { file.get_string("t.strings"); }), HasSubstr("array of string, not a string"));
  EXPECT_THAT(message_of([&] { file.get_ints("t.strings"); }), HasSubstr("not an array of integers"));
  EXPECT_THAT(message_of([&] { file.get_ints("t.string"); }), HasSubstr("not an array of integers"));
  EXPECT_THAT(message_of([&] { file.get_ints("t.bools"); }), HasSubstr("not an array of integers"));
  EXPECT_THAT(message_of([&] { file.find_bool("t.string"); }), HasSubstr("not a boolean"));
  EXPECT_EQ(file.find_string("no"), nullptr);
  EXPECT_EQ(file.find_strings("no"), nullptr);
  EXPECT_EQ(file.find_uint("no"), std::nullopt);
  EXPECT_EQ(file.find_int("t.int8"), -100);
  EXPECT_EQ(file.find_float("no"), std::nullopt);
  EXPECT_EQ(file.find_bool("t.bool"), true);
  EXPECT_THAT(message_of([&] { file.get("blk.0"); }), HasSubstr("python.gguf: lacks the tensor blk.0"));
}

TEST(Gguf, ReversesShapes) {
  const Gguf file = Gguf::open(data_file("python.gguf"));
  EXPECT_THAT(file.get("f32").shape, ElementsAre(2, 5));
  EXPECT_THAT(file.get("i32").shape, ElementsAre(1, 2, 3));
  EXPECT_THAT(file.get("q4_1").shape, ElementsAre(8, 256));
  EXPECT_THAT(file.get("q6_k").shape, ElementsAre(4, 256));
  EXPECT_EQ(file.get("q4_k").dtype, DType::kQ4_K);
  const std::int64_t shape[] = {-1, 255};
  EXPECT_THAT(message_of([&] { file.get("q4_1", shape); }), HasSubstr("q4_1 is 8x256, not -1x255"));
  file.release(file.get("q4_1"));
  EXPECT_EQ(to_float(file.get("q4_1")).size(), 2048u);
}

TEST(Gguf, WriterGivesBackPythonsFile) {
  const Scratch scratch;
  const Gguf file = Gguf::open(data_file("python.gguf"));
  write_gguf(scratch / "copy.gguf", file.metadata(), file.tensors());
  EXPECT_EQ(read_file(scratch / "copy.gguf"), read_file(data_file("python.gguf")));
}

TEST(Gguf, WriterKeepsAlignmentAndEveryType) {
  const Scratch scratch;
  const Bytes three(3), eight(8), none;
  const GgufMetadata metadata = {{"general.alignment", std::uint32_t{64}},
                                 {"empty", std::vector<std::string>{}},
                                 {"doubles", std::vector<double>{1.5, -2}},
                                 {"u64", std::vector<std::uint64_t>{~std::uint64_t{0}}},
                                 {"nul", std::string("a\0b", 3)}};
  const std::vector<TensorView> tensors = {{"a", DType::kI8, {3}, three},
                                           {"b", DType::kF64, {}, eight},
                                           {"c", DType::kF32, {0, 4}, none},
                                           {"d", DType::kI64, {1, 1, 1, 1}, eight}};
  write_gguf(scratch / "a.gguf", metadata, tensors);
  const Gguf file = Gguf::open(scratch / "a.gguf");
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), 4u);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file.tensors()[i].describe(), tensors[i].describe());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.tensors()[i].bytes.data()) % 64, 0u);
  }
  write_gguf(scratch / "none.gguf", {}, std::vector<TensorView>{});
  EXPECT_TRUE(Gguf::open(scratch / "none.gguf").tensors().empty());

  const auto write = [&](const GgufMetadata& keys, const std::vector<TensorView>& list) {
    write_gguf(scratch / "bad.gguf", keys, list);
  };
  EXPECT_THROW(write({{"general.alignment", std::uint32_t{24}}}, {}), Error);
  EXPECT_THROW(write({{"k", true}, {"k", false}}, {}), Error);
  EXPECT_THROW(write({}, {tensors[0], tensors[0]}), Error);
  EXPECT_THROW(write({}, {{"x", DType::kBool, {3}, three}}), Error);
  EXPECT_THROW(write({}, {{"x", DType::kI8, {4}, three}}), Error);
  EXPECT_THROW(write({}, {{"x", DType::kI8, {1, 1, 1, 1, 3}, three}}), Error);
  EXPECT_FALSE(std::filesystem::exists(scratch / "bad.gguf"));
}

TEST(Gguf, ReadsVersion2AndScalars) {
  Builder b;
  b.head(1, 1, 2).str("k").u32(8).str("v").tensor("t", {}, 0, 0).pad().put(2.5f);
  const Bytes bytes = b.bytes();
  const Gguf file = parse_gguf(bytes);
  EXPECT_EQ(file.version(), 2u);
  EXPECT_EQ(file.get_string("k"), "v");
  EXPECT_THAT(to_float(file.get("t")), ElementsAre(2.5));
}

TEST(Gguf, EveryCutIsRefused) {
  const Bytes valid = bytes_of(read_file(data_file("python.gguf")));
  const Gguf file = parse_gguf(valid);
  std::size_t end = 0;
  for (const TensorView& tensor : file.tensors())
    end = std::max(end, static_cast<std::size_t>(tensor.bytes.data() + tensor.bytes.size() - valid.data()));
  EXPECT_LT(valid.size() - end, 32u);
  cut_everywhere(valid, end, touch_gguf);  // the padding after the last tensor may be absent
  const std::string message = message_of([&] { parse_gguf(Bytes(valid.begin(), valid.end() - 1000)); });
  EXPECT_THAT(message, HasSubstr("truncated: it has " + std::to_string(valid.size() - 1000) +
                                 " bytes and should have " + std::to_string(end)));

  Builder b;  // a small file, cut everywhere
  b.head(2, 3).str("a").u32(8).str("text").str("b").u32(9).u32(8).u64(2).str("x").str("yz");
  b.str("c").u32(12).put(0.5).tensor("t", {32, 2}, 3, 0).tensor("u", {3}, 0, 64).pad().zeros(64).zeros(12);
  const Bytes small = b.bytes();
  EXPECT_NO_THROW(touch_gguf(small));
  cut_everywhere(small, small.size(), touch_gguf);
}

TEST(Gguf, RandomChangesNeverCrash) {
  Builder b;
  b.head(2, 4).str("a").u32(8).str("text").str("b").u32(9).u32(8).u64(2).str("x").str("yz");
  b.str("c").u32(9).u32(4).u64(3).u32(1).u32(2).u32(3).str("general.alignment").u32(4).u32(64);
  b.tensor("t", {32, 2}, 3, 0).tensor("u", {3}, 0, 64).pad(64).zeros(64).zeros(12);
  EXPECT_NO_THROW(touch_gguf(b.bytes()));
  EXPECT_GT(flip_bytes(b.bytes(), "af2/test/gguf/small", 1000, touch_gguf), 300);
  const Bytes python = bytes_of(read_file(data_file("python.gguf")));
  EXPECT_GT(flip_bytes(python, "af2/test/gguf/python", 1000, touch_gguf), 300);
}

TEST(Gguf, RefusesHostileFiles) {
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 60, kMost = ~std::uint64_t{0};
  const auto one = [](std::uint64_t n_keys = 0) { return Builder().head(1, n_keys); };
  const struct {
    const char* says;
    Bytes bytes;
  } cases[] = {
      {"truncated: it has 2 bytes", bytes_of("GG")},
      {"does not start with", bytes_of("GGML....................")},
      {"version 1;", Builder().head(0, 0, 1).bytes()},
      {"version 4;", Builder().head(0, 0, 4).bytes()},
      {"version 0;", Builder().head(0, 0, 0).bytes()},
      {"big-endian", Builder().head(0, 0, 3u << 24).bytes()},
      {"tensors cannot fit", Builder().head(kHuge, 0).zeros(100).bytes()},
      {"metadata keys cannot fit", Builder().head(0, kHuge).zeros(100).bytes()},
      {"metadata keys cannot fit", Builder().head(0, kMost).zeros(100).bytes()},
      {"key name of", Builder().head(0, 1).u64(kHuge).zeros(100).bytes()},
      {"key name of", Builder().head(0, 1).u64(kMost).zeros(100).bytes()},
      {"empty metadata key", Builder().head(0, 1).str("").u32(0).zeros(100).bytes()},
      {"truncated", Builder().head(0, 1).str("k").u32(8).u64(kMost).zeros(100).bytes()},
      {"truncated", Builder().head(0, 1).str("k").u32(8).u64(101).zeros(100).bytes()},
      {"unknown type 13", Builder().head(0, 1).str("k").u32(13).zeros(100).bytes()},
      {"unknown type 4294967295", Builder().head(0, 1).str("k").u32(~0u).zeros(100).bytes()},
      {"an array of arrays", Builder().head(0, 1).str("k").u32(9).u32(9).zeros(100).bytes()},
      {"an array of the unknown type", Builder().head(0, 1).str("k").u32(9).u32(13).zeros(100).bytes()},
      {"array elements cannot fit",
       Builder().head(0, 1).str("k").u32(9).u32(8).u64(kHuge).zeros(100).bytes()},
      {"array elements cannot fit",
       Builder().head(0, 1).str("k").u32(9).u32(0).u64(kMost).zeros(100).bytes()},
      {"array elements cannot fit", Builder().head(0, 1).str("k").u32(9).u32(7).u64(101).zeros(100).bytes()},
      {"boolean with the value 2", Builder().head(0, 1).str("k").u32(7).put('\2').zeros(100).bytes()},
      {"key k is given twice",
       Builder().head(0, 2).str("k").u32(0).put('\1').str("k").u32(0).put('\1').zeros(30).bytes()},
      {"not a power of two", one(1).str("general.alignment").u32(4).u32(24).zeros(100).bytes()},
      {"not a power of two", one(1).str("general.alignment").u32(4).u32(0).zeros(100).bytes()},
      {"not a power of two", one(1).str("general.alignment").u32(8).str("32").zeros(100).bytes()},
      {"truncated",
       one(1).str("general.alignment").u32(4).u32(1u << 31).tensor("t", {1}, 0, 0).pad().zeros(32).bytes()},
      {"tensor name of", one().u64(kHuge).zeros(100).bytes()},
      {"has 5 dimensions", one().tensor("t", {1, 1, 1, 1, 1}, 0, 0).pad().zeros(4).bytes()},
      {"has 4294967295 dimensions", one().str("t").u32(~0u).zeros(100).bytes()},
      {"dimension of 18446744073709551615", one().tensor("t", {kMost}, 0, 0).pad().zeros(4).bytes()},
      {"too large", one().tensor("t", {kHuge, 64}, 0, 0).pad().zeros(4).bytes()},
      {"too large", one().tensor("t", {0, kHuge, 64}, 0, 0).pad().zeros(4).bytes()},
      {"too large", one().tensor("t", {std::uint64_t{1} << 61}, 28, 0).pad().zeros(4).bytes()},
      {"not whole blocks of 32", one().tensor("t", {33}, 2, 0).pad().zeros(36).bytes()},
      {"not whole blocks of 256", one().tensor("t", {32}, 12, 0).pad().zeros(144).bytes()},
      {"unsupported type number 4", one().tensor("t", {32}, 4, 0).pad().zeros(36).bytes()},
      {"unsupported type number 99", one().tensor("t", {32}, 99, 0).pad().zeros(36).bytes()},
      {"not a multiple of 32", one().tensor("t", {1}, 0, 4).pad().zeros(8).bytes()},
      {"leaves a hole", one().tensor("t", {1}, 0, 32).pad().zeros(36).bytes()},
      {"outside any file", one().tensor("t", {1}, 0, kMost - 31).pad().zeros(36).bytes()},
      {"truncated", one().tensor("t", {kHuge}, 0, 0).pad().zeros(36).bytes()},
      {"t is given twice",
       Builder().head(2, 0).tensor("t", {1}, 0, 0).tensor("t", {1}, 0, 32).pad().zeros(36).bytes()},
      {"overlaps",
       Builder().head(2, 0).tensor("t", {9}, 0, 0).tensor("u", {1}, 0, 32).pad().zeros(64).bytes()},
      {"overlaps",
       Builder().head(2, 0).tensor("t", {1}, 0, 0).tensor("u", {1}, 0, 0).pad().zeros(64).bytes()},
      {"leaves a hole",
       Builder().head(2, 0).tensor("t", {1}, 0, 0).tensor("u", {1}, 0, 64).pad().zeros(96).bytes()},
      {"bytes after its last tensor", one().tensor("t", {1}, 0, 0).pad().zeros(33).bytes()},
      {"truncated", one().tensor("t", {2}, 0, 0).pad().zeros(7).bytes()},
      {"bytes after the metadata", Builder().head(0, 0).zeros(32).bytes()},
  };
  for (const auto& c : cases) {
    const Error error = error_of([&] { parse_gguf(c.bytes); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), HasSubstr(c.says));
    EXPECT_THAT(error.what(), HasSubstr("x.gguf"));
  }
  EXPECT_EQ(error_of([] { Gguf::open("/no/such.gguf"); }).kind(), ErrorKind::kData);
}

}  // namespace
}  // namespace af2
