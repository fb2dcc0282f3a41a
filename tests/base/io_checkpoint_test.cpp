// io: checkpoint folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/io/checkpoint.h"
#include "af2/io/strict_json.h"
#include "tests/base/io_test_util.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;
using namespace io_test;
using testing::ElementsAre;
using testing::HasSubstr;

void save(const fs::path& folder, const std::string& content = "weights") {
  CheckpointWriter writer(folder);
  write_file_atomic(writer.path() / "model.safetensors", content);
  fs::create_directories(writer.path() / "rank");
  write_file_atomic(writer.path() / "rank/0.json", "{}");
  writer.commit();
}

TEST(Checkpoint, IsWrittenWholeWithSizesAndHashes) {
  const Scratch scratch;
  const fs::path folder = scratch / "run/step-10";
  {
    CheckpointWriter writer(folder);
    EXPECT_EQ(writer.path(), scratch / "run/step-10.tmp");
    EXPECT_TRUE(fs::is_directory(writer.path()));
    EXPECT_FALSE(fs::exists(folder));
  }
  EXPECT_FALSE(fs::exists(scratch / "run/step-10.tmp")) << "without commit nothing stays";
  save(folder);
  EXPECT_TRUE(is_complete(folder));
  EXPECT_FALSE(fs::exists(scratch / "run/step-10.tmp"));
  EXPECT_EQ(fs::file_size(folder / "DONE"), 0u);
  const nlohmann::json files = read_strict_json(folder / "files.json")["files"];
  EXPECT_EQ(files.size(), 2u);
  EXPECT_EQ(files["model.safetensors"]["size"], 7);
  EXPECT_EQ(files["model.safetensors"]["sha256"], sha256_hex(bytes_of("weights")));
  EXPECT_EQ(files["rank/0.json"]["size"], 2);
  EXPECT_NO_THROW(verify(folder));
  try {
    CheckpointWriter again(folder.string() + "/");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
  }
}

TEST(Checkpoint, ReplacesWhatAKilledRunLeft) {
  const Scratch scratch;
  const fs::path folder = scratch / "step-1";
  fs::create_directories(scratch / "step-1.tmp");
  write_file_atomic(scratch / "step-1.tmp/half", "x");
  fs::create_directories(folder);
  write_file_atomic(folder / "old", "x");  // renamed, but killed before DONE
  save(folder);
  EXPECT_FALSE(fs::exists(folder / "old"));
  EXPECT_FALSE(fs::exists(folder / "half"));
  EXPECT_NO_THROW(verify(folder));
}

TEST(Checkpoint, RefusesToHoldItsOwnMarks) {
  const Scratch scratch;
  CheckpointWriter writer(scratch / "step-1");
  write_file_atomic(writer.path() / "DONE", "");
  EXPECT_THROW(writer.commit(), Error);
  EXPECT_FALSE(fs::exists(scratch / "step-1"));
}

TEST(Checkpoint, LatestSkipsByName) {
  const Scratch scratch;
  EXPECT_FALSE(latest_complete(scratch / "none").folder);
  EXPECT_FALSE(latest_complete(scratch.path()).folder);
  save(scratch / "step-9");
  save(scratch / "step-100");
  save(scratch / "step-20");
  fs::create_directories(scratch / "step-300");
  fs::create_directories(scratch / "step-400.tmp");
  fs::create_directories(scratch / "step-x");
  fs::create_directories(scratch / "step--5");
  fs::create_directories(scratch / "step-");
  fs::create_directories(scratch / "step-99999999999999999999");
  fs::create_directories(scratch / "logs");
  write_file_atomic(scratch / "step-500", "a file");
  const LatestCheckpoint latest = latest_complete(scratch.path());
  EXPECT_EQ(latest.folder, scratch / "step-100");
  EXPECT_EQ(latest.step, 100);
  EXPECT_THAT(
      latest.notices,
      ElementsAre("step--5: skipped, not the name of a step", "step-300: skipped, it has no DONE",
                  "step-400.tmp: skipped, it was not finished",
                  "step-99999999999999999999: skipped, not the name of a step",
                  "step-: skipped, not the name of a step", "step-x: skipped, not the name of a step"));
}

TEST(Checkpoint, VerifyListsEveryDifference) {
  const Scratch scratch;
  const fs::path folder = scratch / "step-1";
  save(folder);
  const auto problem = [&](CheckDepth depth = CheckDepth::kHashes) {
    return message_of([&] { verify(folder, depth); });
  };
  write_file_atomic(folder / "model.safetensors", "weightS");  // same size
  EXPECT_NO_THROW(verify(folder, CheckDepth::kSizes));
  EXPECT_THAT(problem(), HasSubstr("model.safetensors has another SHA-256"));
  write_file_atomic(folder / "model.safetensors", "weig");
  write_file_atomic(folder / "extra", "");
  fs::remove(folder / "rank/0.json");
  const std::string message = problem(CheckDepth::kSizes);
  EXPECT_THAT(message, HasSubstr("model.safetensors has 4 of 7 bytes"));
  EXPECT_THAT(message, HasSubstr("rank/0.json is missing"));
  EXPECT_THAT(message, HasSubstr("extra is not listed"));

  write_file_atomic(folder / "files.json", R"({"files":{"../step-1/extra":{"size":0,"sha256":""}}})");
  EXPECT_THAT(problem(), HasSubstr("../step-1/extra is missing"));  // never followed
  for (const char* bad : {"", "[]", "{\"files\":[]}", "{\"files\":{\"a\":1}}",
                          "{\"files\":{\"a\":{\"size\":-1}}}", "{\"files\":{},\"files\":{}}"}) {
    write_file_atomic(folder / "files.json", bad);
    EXPECT_THAT(problem(), HasSubstr("files.json")) << bad;
  }
  fs::remove(folder / "files.json");
  EXPECT_THAT(problem(), HasSubstr("no files.json"));
  fs::remove(folder / "DONE");
  EXPECT_THAT(problem(), HasSubstr("no DONE"));
}

TEST(StrictJson, DeepNestingAndSizeAreBounded) {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  EXPECT_TRUE(parse_strict_json(deep, "x").is_array());  // no recursion
  EXPECT_THAT(message_of([] { parse_strict_json("{\"a\":{\"b\":1,\"b\":2}}", "x"); }),
              HasSubstr("\"b\" is given twice"));
  EXPECT_NO_THROW(parse_strict_json("[{\"a\":1},{\"a\":2}]", "x"));
  const Scratch scratch;
  write_file_atomic(scratch / "a.json", std::string(100, ' ') + "1");
  EXPECT_THAT(message_of([&] { read_strict_json(scratch / "a.json", 100); }), HasSubstr("holds 101 bytes"));
  EXPECT_EQ(read_strict_json(scratch / "a.json", 101), 1);
}

}  // namespace
}  // namespace af2
