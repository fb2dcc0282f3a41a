// core/options: one list of fields gives reading, writing and strict errors; JSON and YAML agree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"

namespace af2 {
namespace {

struct Inner {
  int depth = 2;
  template <class V>
  void visit(V& v) {
    v.field("depth", depth, "how deep");
  }
};

struct Outer {
  double rate = 0.5;
  bool on = false;
  std::string name = "x";
  std::vector<int> sizes = {1, 2};
  Inner inner;
  std::vector<Inner> list;
  template <class V>
  void visit(V& v) {
    v.field("rate", rate, "");
    v.field("on", on, "");
    v.field("name", name, "");
    v.field("sizes", sizes, "");
    v.field("inner", inner, "");
    v.field("list", list, "");
  }
};

TEST(Options, RoundTrip) {
  Outer a;
  from_json(parse_json(R"({"rate":2,"inner":{"depth":7},"sizes":[3],"list":[{"depth":1},{}]})", "t"), a, "t");
  EXPECT_EQ(a.rate, 2.0);
  EXPECT_EQ(a.inner.depth, 7);
  ASSERT_EQ(a.list.size(), 2u);
  EXPECT_EQ(a.list[1].depth, 2);
  Outer b;
  from_json(to_json(a), b, "t");
  EXPECT_EQ(to_json(b).dump(), to_json(a).dump());
}

std::string message(const std::string& text) {
  Outer options;
  try {
    from_json(parse_json(text, "f"), options, "f.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    return error.what();
  }
  return "";
}

TEST(Options, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message(R"({"rat":1})"), testing::HasSubstr("did you mean \"rate\"?"));
  EXPECT_THAT(message(R"({"inner":{"dept":1}})"),
              testing::HasSubstr("f.yaml key inner: unknown key \"dept\""));
  EXPECT_THAT(message(R"({"on":1})"), testing::HasSubstr("must be true or false"));
  EXPECT_THAT(message(R"({"sizes":[1,"a"]})"), testing::HasSubstr("sizes[1]: must be a whole number"));
  EXPECT_THAT(message("[]"), testing::HasSubstr("table of keys"));
}

#ifdef AF2_WITH_YAML
TEST(Options, YamlScalars) {
  const auto path = std::filesystem::temp_directory_path() / "af2_options_test.yaml";
  write_file_atomic(path, "a: 1\nb: 1e-3\nc: '1'\nd: [true, null, x y]\ne: {f: -2}\n");
  EXPECT_EQ(read_config_file(path).dump(), R"({"a":1,"b":0.001,"c":"1","d":[true,null,"x y"],"e":{"f":-2}})");
  write_file_atomic(path, "a: 1\na: 2\n");
  EXPECT_THROW(read_config_file(path), Error);
  write_file_atomic(path, "a: [1\n");
  EXPECT_THROW(read_config_file(path), Error);
  std::filesystem::remove(path);
}
#endif

}  // namespace
}  // namespace af2
