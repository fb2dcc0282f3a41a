// io: safetensors files, folders of shards, the writer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "af2/io/quant_blocks.h"
#include "af2/io/safetensors.h"
#include "tests/base/io_test_util.h"

namespace af2 {
namespace {

using namespace io_test;
using testing::ElementsAre;
using testing::HasSubstr;

// A file of this header and so many data bytes.
Bytes safetensors_of(const std::string& header, std::size_t n_data) {
  const std::uint64_t size = header.size();
  std::string text(reinterpret_cast<const char*>(&size), 8);
  return bytes_of(text + header + std::string(n_data, '\1'));
}

SafeTensorsContent contents(const Bytes& bytes) {
  return parse_safetensors(bytes, "x.safetensors");
}

void touch_safetensors(const Bytes& bytes) {  // parses, then read every byte handed out
  const SafeTensorsContent content = contents(bytes);
  unsigned sum = 0;
  for (const TensorView& tensor : content.tensors) {
    ASSERT_EQ(static_cast<std::int64_t>(tensor.bytes.size()), *checked_bytes(tensor.dtype, tensor.shape));
    for (const std::byte b : tensor.bytes) sum += static_cast<unsigned>(b);
  }
  EXPECT_LT(sum, 1u << 30);
}

TEST(SafeTensors, ReadsPythonsFile) {
  const SafeTensors file = SafeTensors::open(data_file("python.safetensors"));
  EXPECT_EQ(file.size(), 12u);
  EXPECT_EQ(file.metadata(), (StringMap{{"format", "pt"}}));
  EXPECT_EQ(file.get("b.weight").dtype, DType::kF32);
  EXPECT_THAT(file.get("b.weight").shape, ElementsAre(2, 3));
  EXPECT_THAT(to_float(file.get("b.weight")), ElementsAre(0, 0.25, 0.5, 0.75, 1, 1.25));
  EXPECT_THAT(to_float(file.get("half")), ElementsAre(1, -0.5, 65504, 0x1p-24f));
  EXPECT_THAT(to_float(file.get("brain")), ElementsAre(1, -2));
  EXPECT_THAT(to_float(file.get("scalar")), ElementsAre(2.5));
  EXPECT_THAT(to_float(file.get("odd \"name\" \u00e9\n")), ElementsAre(0.1f));
  EXPECT_TRUE(file.get("scalar").shape.empty());
  EXPECT_THAT(file.get("empty").shape, ElementsAre(0, 4));
  EXPECT_TRUE(to_float(file.get("empty")).empty());
  std::int64_t ids[3];
  ASSERT_EQ(file.get("ids").bytes.size(), sizeof ids);
  std::memcpy(ids, file.get("ids").bytes.data(), sizeof ids);
  EXPECT_THAT(ids, ElementsAre(1, -2, std::int64_t{1} << 40));
  EXPECT_EQ(file.get("flags").dtype, DType::kBool);
  EXPECT_EQ(file.get("small").dtype, DType::kI8);
  EXPECT_EQ(file.get("int").dtype, DType::kI32);
  EXPECT_EQ(file.get("bytes").dtype, DType::kU8);
  EXPECT_EQ(file.get("brain").dtype, DType::kBF16);
  file.release(file.get("b.weight"));  // still readable afterwards
  EXPECT_EQ(to_float(file.get("b.weight"))[5], 1.25f);
  EXPECT_EQ(file.find("nothing"), nullptr);
  EXPECT_THAT(message_of([&] { file.get("no.such"); }),
              HasSubstr("python.safetensors: lacks the tensor no.such"));
  const std::int64_t any[] = {-1, 3}, wrong[] = {3, 2};
  EXPECT_EQ(&file.get("b.weight", any), &file.get("b.weight"));
  EXPECT_THAT(message_of([&] { file.get("b.weight", wrong); }), HasSubstr("b.weight is 2x3, not 3x2"));
}

TEST(SafeTensors, WritesTheBytesThatPythonWrites) {
  const Scratch scratch;
  const SafeTensors file = SafeTensors::open(data_file("python.safetensors"));
  std::vector<TensorView> tensors;
  for (const auto& [name, tensor] : file.tensors()) tensors.insert(tensors.begin(), tensor);
  write_safetensors(scratch / "copy.safetensors", tensors, file.metadata());
  EXPECT_EQ(read_file(scratch / "copy.safetensors"), read_file(data_file("python.safetensors")));
  write_safetensors(scratch / "none.safetensors", std::vector<TensorView>{});
  EXPECT_EQ(SafeTensors::open(scratch / "none.safetensors").size(), 0u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.path()), {}), 2)
      << "temporary files stayed";
}

TEST(SafeTensors, WriterStreamsMoreThanItsBuffer) {
  const Scratch scratch;
  std::vector<float> large(600'000), small(7, 3.0f);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<float>(i);
  const std::vector<TensorView> tensors = {{"l", DType::kF32, {600, 1000}, std::as_bytes(std::span(large))},
                                           {"s", DType::kF32, {7}, std::as_bytes(std::span(small))},
                                           {"k", DType::kF32, {7}, std::as_bytes(std::span(small))}};
  write_safetensors(scratch / "a.safetensors", tensors);
  const SafeTensors file = SafeTensors::open(scratch / "a.safetensors");
  EXPECT_EQ(to_float(file.get("l")), large);
  EXPECT_EQ(to_float(file.get("s")), small);
  EXPECT_EQ(to_float(file.get("k")), small);
}

TEST(SafeTensors, WriterRefusesWhatCannotBeReadBack) {
  const Scratch scratch;
  const Bytes four(4), eighteen(18);
  const auto write = [&](const std::vector<TensorView>& tensors) {
    write_safetensors(scratch / "w", tensors);
  };
  EXPECT_THROW(write({{"a", DType::kF32, {2}, four}}), Error);
  EXPECT_THROW(write({{"a", DType::kF32, {1}, four}, {"a", DType::kI32, {1}, four}}), Error);
  EXPECT_THROW(write({{"__metadata__", DType::kF32, {1}, four}}), Error);
  EXPECT_THROW(write({{"q", DType::kQ4_0, {32}, eighteen}}), Error);
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
  try {
    write_safetensors(scratch / "no/such/folder", std::vector<TensorView>{});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kResource);
  }
}

TEST(SafeTensors, EveryCutIsRefused) {
  const Bytes valid = bytes_of(read_file(data_file("python.safetensors")));
  EXPECT_NO_THROW(touch_safetensors(valid));
  cut_everywhere(valid, valid.size(), touch_safetensors);
  const Bytes cut(valid.begin(), valid.end() - 3);
  const std::string message = message_of([&] { contents(cut); });
  EXPECT_THAT(message, HasSubstr("truncated: it has " + std::to_string(valid.size() - 3) +
                                 " bytes and should have " + std::to_string(valid.size())));
}

TEST(SafeTensors, RandomChangesNeverCrash) {
  const Bytes valid = bytes_of(read_file(data_file("python.safetensors")));
  EXPECT_GT(flip_bytes(valid, "af2/test/safetensors", 1000, touch_safetensors), 300);
}

TEST(SafeTensors, RefusesEveryBreachOfTheFormat) {
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const struct {
    std::string header;
    std::size_t n_data;
    const char* says;
  } cases[] = {
      {"{" + a + "," + a + "}", 4, "given twice"},
      {"{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", 6, "inside the tensor before"},
      {"{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "inside the tensor before"},
      {"{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})", 12, "leaving a hole"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "leaving a hole"},
      {"{" + a + "}", 5, "1 bytes after its last tensor"},
      {"{" + a + "}", 3, "truncated"},
      {"{}", 1, "after its last tensor"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "needs 8 bytes"},
      {R"({"a":{"dtype":"F16","shape":[1],"data_offsets":[0,4]}})", 4, "needs 2 bytes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "needs 4 bytes"},
      {R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", 1, "has type \"F4\""},
      {R"({"a":{"dtype":"Q4_0","shape":[32],"data_offsets":[0,18]}})", 18, "has type \"Q4_0\""},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", 4, "larger than any"},
      {R"({"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})", 0,
       "larger than any"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0, "larger than any"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4, "above 2^63"},
      {R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})", 4, "a fraction"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "negative"},
      {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "fraction"},
      {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "a list"},
      {R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", 4, "a string"},
      {R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})", 4, "a number"},
      {R"({"a":{"dtype":"F32","shape":[{}],"data_offsets":[0,4]}})", 4, "an object"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "lacks an offset"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "more than two"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 0, "lacks dtype, shape or data_offsets"},
      {R"({"a":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}})", 4, "a list"},
      {R"({"a":{"dtype":null,"shape":[1],"data_offsets":[0,4]}})", 4, "null"},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "repeated field"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4,
       "unknown or repeated field \"x\""},
      {R"({"a":true})", 0, "a truth value"},
      {R"({"a":[]})", 0, "a list"},
      {R"({"a":"F32"})", 0, "a string"},
      {R"({"__metadata__":{"x":1}})", 0, "a number"},
      {R"({"__metadata__":{"x":{}}})", 0, "an object"},
      {R"({"__metadata__":{"x":[]}})", 0, "a list"},
      {R"({"__metadata__":{"x":"1","x":"2"}})", 0, "given twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "given twice"},
      {R"({}{})", 0, "not valid JSON"},
      {R"({"a":)", 0, "not valid JSON"},
      {"{\"\xff\":1}", 0, "not valid JSON"},
      {" {}", 0, "does not start with '{'"},
      {"[]", 0, "does not start with '{'"},
      {"{\"a\":" + std::string(100000, '['), 0, "a list"},
      {"{\"a\":" + std::string(1000, '{'), 0, "not valid JSON"},
  };
  for (const auto& c : cases) {
    const Bytes bytes = safetensors_of(c.header, c.n_data);
    const Error error = error_of([&] { contents(bytes); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), HasSubstr(c.says)) << c.header.substr(0, 100);
    EXPECT_THAT(error.what(), HasSubstr("x.safetensors"));
  }
  EXPECT_EQ(contents(safetensors_of("{" + a + "}   ", 4)).tensors.size(), 1u);  // padding is allowed
}

TEST(SafeTensors, HeaderSizeIsBounded) {
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{100'000'001}, ~std::uint64_t{0}}) {
    std::string text(reinterpret_cast<const char*>(&size), 8);
    const Bytes bytes = bytes_of(text + "{}");
    EXPECT_THAT(message_of([&] { contents(bytes); }), HasSubstr("its header would have"));
  }
}

class Shards : public testing::Test {
 protected:
  void write(const std::string& file, const std::vector<std::string>& names) {
    std::vector<TensorView> tensors;
    for (const auto& name : names) tensors.push_back({name, DType::kF32, {1}, four_});
    write_safetensors(scratch_ / file, tensors, {{"file", file}});
  }
  void index(const std::string& weight_map) {
    write_file_atomic(scratch_ / "model.safetensors.index.json", "{\"weight_map\":" + weight_map + "}");
  }
  std::string problem() {
    return message_of([&] { SafeTensors::open(scratch_.path()); });
  }
  Scratch scratch_;
  const Bytes four_ = Bytes(4);
};

TEST_F(Shards, FolderIsMergedAndChecked) {
  EXPECT_THAT(problem(), HasSubstr("holds no .safetensors file"));
  write("1.safetensors", {"a", "b"});
  write("2.safetensors", {"c"});
  EXPECT_THAT(SafeTensors::open(scratch_.path()).names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(SafeTensors::open(scratch_.path()).metadata().at("file"), "1.safetensors");
  index(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"})");
  EXPECT_THAT(SafeTensors::open(scratch_.path()).names(), ElementsAre("a", "b", "c"));
  index(R"({"a":"1.safetensors","b":"2.safetensors","d":"1.safetensors"})");
  EXPECT_THAT(problem(), HasSubstr("tensors are missing: b in 2.safetensors, d in 1.safetensors"));
  index(R"({"a":"1.safetensors","d":"3.safetensors"})");
  EXPECT_THAT(problem(), HasSubstr("shards are missing: 3.safetensors"));
  index(R"({"a":"../1.safetensors"})");
  EXPECT_THAT(problem(), HasSubstr("not a plain file name"));
  index(R"({"a":"1.safetensors","a":"2.safetensors"})");
  EXPECT_THAT(problem(), HasSubstr("\"a\" is given twice"));
  index("[]");
  EXPECT_THAT(problem(), HasSubstr("weight_map"));
  index(R"({"a":1})");
  EXPECT_THAT(problem(), HasSubstr("not a file name"));
  index("{} x");
  EXPECT_THAT(problem(), HasSubstr("not valid JSON"));
}

TEST_F(Shards, NameInTwoFilesIsAnError) {
  write("1.safetensors", {"a", "b"});
  write("2.safetensors", {"b", "c"});
  EXPECT_THAT(problem(), HasSubstr("the tensor b is in two files"));
}

TEST_F(Shards, WhatIsLackingComesFromAnotherFile) {
  write("1.safetensors", {"a", "b"});
  std::filesystem::create_directory(scratch_ / "other");
  Bytes seven(4);
  const float value = 7;
  std::memcpy(seven.data(), &value, 4);
  write_safetensors(scratch_ / "other/2.safetensors",
                    std::vector<TensorView>{{"x.b", DType::kF32, {1}, seven},
                                            {"x.c", DType::kF32, {1}, seven},
                                            {"y.d", DType::kF32, {1}, seven}});
  SafeTensors file = SafeTensors::open(scratch_.path());
  const TensorView before = file.get("b");
  file.add_lacking(scratch_ / "other/2.safetensors",
                   [](const std::string& name) { return name.starts_with("x.") ? name.substr(2) : ""; });
  EXPECT_THAT(file.names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(file.get("b").bytes.data(), before.bytes.data());  // what is there stays
  EXPECT_THAT(to_float(file.get("c")), ElementsAre(7));
  EXPECT_THAT(message_of([&] {
                file.add_lacking(scratch_ / "3.safetensors", [](const std::string& name) { return name; });
              }),
              HasSubstr("3.safetensors"));
}

TEST_F(Shards, ViewsSurviveMoving) {
  write("1.safetensors", {"a"});
  SafeTensors first = SafeTensors::open(scratch_.path());
  const TensorView view = first.get("a");
  const SafeTensors second = std::move(first);
  EXPECT_THAT(to_float(view), ElementsAre(0));
  EXPECT_EQ(second.get("a").bytes.data(), view.bytes.data());
}

TEST(TensorView, SizesAndRows) {
  const Bytes bytes(2 * 3 * 20);
  const TensorView view{"q", DType::kQ4_1, {2, 3, 32}, bytes};
  EXPECT_EQ(view.n_elements(), 192);
  EXPECT_EQ(view.n_rows(), 6);
  EXPECT_EQ(view.row_bytes(), 20);
  EXPECT_EQ(view.rows(4, 2).data(), bytes.data() + 80);
  EXPECT_THROW(view.rows(5, 2), Error);
  EXPECT_THROW(view.rows(-1, 1), Error);
  EXPECT_EQ(view.describe(), "q Q4_1 2x3x32");
  EXPECT_FALSE(checked_bytes(DType::kQ4_1, std::vector<std::int64_t>{32, 16}));
  EXPECT_FALSE(checked_elements(std::vector<std::int64_t>{-1}));
  EXPECT_EQ(checked_bytes(DType::kF64, std::vector<std::int64_t>{}), 8);
}

}  // namespace
}  // namespace af2
