// Data of benchmarks that are not as published: what stops a run and what is kept and named
// (docs/spec/evaluation.md section 9).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "af2/eval/benchmark_items.h"
#include "af2/eval/benchmark_rows.h"
#include "af2/eval/benchmark_texts.h"
#include "af2/eval/data_files.h"
#include "af2/eval/row_list.h"
#include "eval_benchmark_testing.h"
#include "refused.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A benchmark of five questions in one file of the wanted format.
class EvalBadItems : public ::testing::Test {
 protected:
  EvalBadItems() { fs::create_directories(root_); }

  Benchmark benchmark(const Json& data = Json::object()) const {
    Benchmark own = test::repository_benchmark("trea");
    own.by.clear();
    for (const auto& [key, value] : data.items()) own.data[key] = value;
    return own;
  }
  void lines(int n, const std::string& more = "") const {
    std::string text;
    for (int i = 0; i < n; ++i)
      text += R"({"audio_path": "a/)" + std::to_string(i) +
              R"(.wav", "question": "Which?", "choices": ["x", "y"],)"
              R"( "answer": "y"})"
              "\n";
    write_file_atomic(root_ / "trea.jsonl", text + more);
  }
  void tones(int n) const {
    for (int i = 0; i < n; ++i) test::write_tone(root_ / "a" / (std::to_string(i) + ".wav"));
  }
  BenchmarkItems read(const Benchmark& own, const ReadItemsOptions& options = {}) const {
    return read_items(own, root_, options);
  }
  static ReadItemsOptions partial() {
    ReadItemsOptions options;
    options.allow_partial = true;
    return options;
  }

  test::Scratch scratch_;
  fs::path root_ = scratch_ / "root";
};

TEST_F(EvalBadItems, CountsThatDifferStopTheRunUnlessAllowed) {
  lines(5), tones(5);
  const Json expect = {{"items", 6}, {"clips", 5}, {"refs", 2}};
  test::refused(ErrorKind::kData, {"items: expected 6, found 5", "refs: expected 2", "--allow-partial"}, [&] {
    read(benchmark({{"expect", expect}}));
  });
  const BenchmarkItems kept = read(benchmark({{"expect", expect}}), partial());
  EXPECT_EQ(kept.items.size(), 5u);
  EXPECT_THAT(kept.mismatches,
              ElementsAre("items: expected 6, found 5",
                          "refs: expected 2 of every item, found others in 5 (000000 has 1)"));
  EXPECT_FALSE(is_complete(kept));
  const BenchmarkItems whole = read(benchmark({{"expect", {{"items", 5}}}}));
  EXPECT_TRUE(is_complete(whole));
  // A limit takes items, not the counts.
  ReadItemsOptions few;
  few.limit = 2;
  const BenchmarkItems first = read(benchmark({{"expect", {{"items", 5}, {"clips", 5}}}}), few);
  EXPECT_EQ(first.items.size(), 2u);
  EXPECT_EQ(first.n_items, 5u);
}

TEST_F(EvalBadItems, MissingClipsAreNamedAndStopAboveATwentieth) {
  lines(40), tones(38);
  const BenchmarkItems few = read(benchmark());
  ASSERT_EQ(few.missing.size(), 2u);
  EXPECT_EQ(few.items.size(), 40u);
  EXPECT_EQ(few.missing[0].item, "000038");
  EXPECT_EQ(few.missing[0].path, "a/38.wav");
  EXPECT_THAT(few.items[38].faults, ElementsAre("the clip is missing: a/38.wav"));
  EXPECT_FALSE(is_complete(few));
  lines(41);
  test::refused(ErrorKind::kData,
                {"3 of 41 items lack their clip", "a/38.wav", "a/40.wav", "--allow-partial"},
                [&] { read(benchmark()); });
  EXPECT_EQ(read(benchmark(), partial()).n_without_audio, 3u);
  EXPECT_EQ(read(benchmark({{"allow_missing_audio", true}})).missing.size(), 3u);
  ReadItemsOptions blind;
  blind.look_for_audio = false;
  EXPECT_THAT(read(benchmark(), blind).missing, IsEmpty());
  const std::string text = benchmark_check_text(benchmark(), root_, read(benchmark(), partial()));
  EXPECT_THAT(text, HasSubstr("missing clips: 3\n  a/38.wav (000038): is not there"));
  EXPECT_THAT(text, HasSubstr("not complete"));
}

TEST_F(EvalBadItems, ClipsThatCannotBeHeardAreNamed) {
  lines(5), tones(5);
  const std::string whole = read_file(root_ / "a/1.wav");
  write_file_atomic(root_ / "a/1.wav", whole.substr(0, whole.size() / 2));
  write_file_atomic(root_ / "a/2.wav", "");
  write_file_atomic(root_ / "a/3.wav", "<!DOCTYPE html>not found");
  write_file_atomic(root_ / "a/4.wav", whole.substr(0, 20));
  ReadItemsOptions options;
  options.open_audio = true;
  const BenchmarkItems heard = read(benchmark(), options);
  ASSERT_EQ(heard.unreadable.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(heard.unreadable[i].path, "a/" + std::to_string(i + 1) + ".wav");
    EXPECT_FALSE(heard.unreadable[i].problem.empty());
    EXPECT_EQ(heard.items[i + 1].faults.size(), 1u);
  }
  EXPECT_THAT(heard.missing, IsEmpty());
  EXPECT_THAT(heard.items[0].faults, IsEmpty());
  EXPECT_FALSE(is_complete(heard));
}

TEST_F(EvalBadItems, IdsThatStandTwiceAreToldWithBothLines) {
  Benchmark own = benchmark();
  own.fields["id"] = "audio_path";
  lines(3, R"({"audio_path": "a/1.wav", "question": "Again?", "choices": ["x", "y"], "answer": "x"})");
  test::refused(ErrorKind::kData, {"\"a/1.wav\" stands twice", "trea.jsonl:2 and ", "trea.jsonl:4"},
                [&] { read(own, partial()); });
}

TEST_F(EvalBadItems, OddItemsAreKeptWithTheirFaults) {
  lines(1, R"({"audio_path": "a/1.wav", "question": "A?", "choices": ["x", "x", ""], "answer": "z"})"
           "\n"
           R"({"audio_path": "a/2.wav", "question": " ", "choices": [], "answer": ""})"
           "\n"
           R"({"audio_path": null, "question": "B?", "choices": ["x", "y"], "answer": "x"})"
           "\n");
  const BenchmarkItems kept = read(benchmark(), partial());
  ASSERT_EQ(kept.items.size(), 4u);
  EXPECT_THAT(kept.items[1].faults,
              ElementsAre("the right answer is not among the options: z", "options 1 and 2 are equal",
                          "option 3 is empty", "the clip is missing: a/1.wav"));
  EXPECT_EQ(kept.items[1].gold_index, -1);
  EXPECT_THAT(kept.items[2].faults, ElementsAre("has no question", "has no right answer", "has no options",
                                                "the clip is missing: a/2.wav"));
  EXPECT_THAT(kept.items[3].faults, ElementsAre("names no clip"));
  EXPECT_THAT(kept.items[3].audio, IsEmpty());
  EXPECT_EQ(kept.items[3].cluster, "000003");
  EXPECT_THAT(benchmark_check_text(benchmark(), root_, kept), HasSubstr("items with a fault: 4\n"));
}

TEST_F(EvalBadItems, PathsOutOfTheRootAreRefused) {
  for (const std::string path : {"../secret.wav", "/etc/passwd", "a/../../b.wav"}) {
    lines(0, R"({"audio_path": ")" + path + R"(", "question": "A?", "choices": ["x", "y"], "answer": "x"})");
    test::refused(ErrorKind::kData, {"is none below the root", "trea.jsonl:1"},
                  [&] { read(benchmark(), partial()); });
  }
  EXPECT_EQ(path_below_root("a/./b//c/../d.wav", ""), "a/b/d.wav");
  lines(1);
  test::refused(ErrorKind::kData, {"is none below the root"}, [&] {
    read(benchmark({{"files", {"../root/trea.jsonl"}}}));
  });
}

TEST_F(EvalBadItems, FaultsOfFilesHaveTheirPlace) {
  test::refused(ErrorKind::kData, {"trea.jsonl is missing", "iiscleap"}, [&] { read(benchmark()); });
  test::refused(ErrorKind::kData, {"no such folder"}, [&] { read_items(benchmark(), root_ / "none", {}); });
  lines(2, "{\"audio_path\": \"a\"\n");
  test::refused(ErrorKind::kData, {"trea.jsonl:3", "not valid JSON"}, [&] { read(benchmark()); });
  lines(1, "[1]\n");
  test::refused(ErrorKind::kData, {"trea.jsonl:2", "no object of fields"}, [&] { read(benchmark()); });
  lines(1, R"({"answer": "x", "answer": "y"})");
  test::refused(ErrorKind::kData, {"trea.jsonl:2", "\"answer\" stands twice"}, [&] { read(benchmark()); });
  write_file_atomic(root_ / "trea.jsonl", "\n\n");
  test::refused(ErrorKind::kData, {"has no lines"}, [&] { read(benchmark()); });
  lines(2);
  Benchmark own = benchmark();
  own.fields["question"] = "Question";
  test::refused(ErrorKind::kData,
                {"no row has `Question`, the question of an item", "audio_path, question, choices"},
                [&] { read(own); });

  const Benchmark json = benchmark({{"format", "json"}, {"list", "QA[*]"}});
  write_file_atomic(root_ / "trea.jsonl", "{\n \"QA\": [\n  {\"a\": 1,}\n ]\n}");
  test::refused(ErrorKind::kData, {"trea.jsonl", "line 3, column 11"}, [&] { read(json); });
  write_file_atomic(root_ / "trea.jsonl", "{\"questions\": []}");
  test::refused(ErrorKind::kData, {"lacks the key \"QA\""}, [&] { read(json); });
  write_file_atomic(root_ / "trea.jsonl", "{\"QA\": {}}");
  test::refused(ErrorKind::kData, {"trea.jsonl QA", "is no list"}, [&] { read(json); });
  write_file_atomic(root_ / "trea.jsonl", "{\"QA\": [{}, 3]}");
  test::refused(ErrorKind::kData, {"QA[1]", "no object of fields"}, [&] { read(json); });
  const std::string whole =
      R"({"QA": [{"question": "A?", "choices": ["x", "y"], "answer": "x", "audio_path": "a"}]})";
  write_file_atomic(root_ / "trea.jsonl", whole);
  EXPECT_EQ(read(json, partial()).items.size(), 1u);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    write_file_atomic(root_ / "trea.jsonl", whole.substr(0, cut));
    test::refused(ErrorKind::kData, {"trea.jsonl"}, [&] { read(json, partial()); });
  }
}

TEST_F(EvalBadItems, FaultsOfTablesHaveTheirLine) {
  const auto table = [&](const std::string& text, const Json& more = Json::object()) {
    write_file_atomic(root_ / "t.csv", text);
    Json data = {{"format", "csv"}, {"files", {"t.csv"}}};
    data.update(more);
    Benchmark own = benchmark(data);
    own.task = "open_qa";
    own.fields = {{"question", "question"}, {"answer", "answer"}};
    own.audio["path"] = "{audio_path}";
    return read(own, partial());
  };
  const std::string header = "audio_path,question,answer\r\n";
  const BenchmarkItems kept =
      table("\xEF\xBB\xBF" + header + "\"a, b.wav\",\"two\nlines \"\"q\"\"\",x\r\n\r\nc.wav,B?,y");
  ASSERT_EQ(kept.items.size(), 2u);
  EXPECT_EQ(kept.items[0].question, "two\nlines \"q\"");
  EXPECT_THAT(kept.items[0].audio, ElementsAre("a, b.wav"));
  EXPECT_THAT(kept.items[1].where, HasSubstr("t.csv:5"));
  test::refused(ErrorKind::kData, {"t.csv:3", "2 cells"}, [&] { table(header + "a,b,c\na,b\n"); });
  test::refused(ErrorKind::kData, {"t.csv:2", "no end"}, [&] { table(header + "a,\"b,c\n"); });
  test::refused(ErrorKind::kData, {"no rows"}, [&] { table(header); });
  test::refused(ErrorKind::kData, {"no column \"frage\"", "audio_path, question, answer"}, [&] {
    table(header + "a,b,c\n", {{"columns", {"frage"}}});
  });
  test::refused(ErrorKind::kData, {"`x` is number 7"}, [&] {
    table(header + "a,b,c\n", {{"columns_by_index", {{"x", 7}}}});
  });
  test::refused(ErrorKind::kData, {"no row has `question` = z"}, [&] {
    table(header + "a,b,c\n", {{"where", {{"question", "z"}}}});
  });
  test::refused(ErrorKind::kData, {"t.csv:2 `question`", "a comma is missing"}, [&] {
    table(header + "a,['x' 'y'],c\n", {{"parse", {{"question", "pylist"}}}});
  });
  test::refused(ErrorKind::kData, {"more slots than values"}, [&] {
    table(header + "a,is <O> or <P>?,['x']\n",
          {{"parse", {{"answer", "pylist"}}},
           {"fill", {{"field", "question"}, {"slot", "angle"}, {"from", "answer"}}}});
  });
  const BenchmarkItems latin = table(header + "a,caf\xE9,c\n");
  EXPECT_EQ(latin.items[0].question, "caf\xEF\xBF\xBD");
  EXPECT_THAT(latin.notices, ElementsAre(HasSubstr("not all UTF-8")));
}

TEST_F(EvalBadItems, ClipsAreFoundUnderTheNamesTheyMayHave) {
  Benchmark own = benchmark();
  own.audio["alt_paths"] = {"b/Y{audio_path}", "{audio_path}.flac"};
  lines(0, R"({"audio_path": "x.wav", "question": "A?", "choices": ["x", "y"], "answer": "x"})"
           "\n"
           R"({"audio_path": "Cafe\u0301.wav", "question": "A?", "choices": ["x", "y"], "answer": "x"})"
           "\n"
           R"({"audio_path": "two  blanks.wav", "question": "A?", "choices": ["x", "y"], "answer": "x"})"
           "\n"
           R"({"audio_path": "sub/z.wav", "question": "A?", "choices": ["x", "y"], "answer": "x"})"
           "\n"
           R"({"audio_path": "\u00dc x.wav", "question": "A?", "choices": ["x", "y"], "answer": "x"})");
  test::write_tone(root_ / "b/Yx.wav");
  test::write_tone(root_ / "Caf\xC3\xA9.wav");  // composed on disk, not in the list
  test::write_tone(root_ / "two blanks.wav");
  test::write_tone(root_ / "sub/z.wav.flac");
  test::write_tone(root_ / "U\xCC\x88  x.wav");  // decomposed on disk, and with a stray blank
  const BenchmarkItems found = read(own);
  EXPECT_THAT(found.missing, IsEmpty());
  EXPECT_EQ(found.items[0].audio[0], "b/Yx.wav");
  EXPECT_EQ(found.items[1].audio[0], "Caf\xC3\xA9.wav");
  EXPECT_EQ(found.items[2].audio[0], "two blanks.wav");
  EXPECT_EQ(found.items[3].audio[0], "sub/z.wav.flac");
  EXPECT_EQ(found.items[4].audio[0], "U\xCC\x88  x.wav");
}

TEST_F(EvalBadItems, AListedFileThatIsNotThereIsAnItemAllTheSame) {
  const Benchmark own = test::repository_benchmark("vocalsound");
  test::lay_out_benchmark(own, "vocalsound", scratch_ / "v");
  fs::remove(scratch_ / "v/audio_16k/f0001_0_sigh.wav");
  const BenchmarkItems kept = read_items(own, scratch_ / "v", partial());
  ASSERT_EQ(kept.items.size(), 5u);
  ASSERT_EQ(kept.missing.size(), 1u);
  EXPECT_EQ(kept.missing[0].path, "audio_16k/f0001_0_sigh.wav");
  EXPECT_THAT(kept.items[1].labels, ElementsAre("sigh"));
  test::write_tone(scratch_ / "v/audio_16k/notes.wav");
  EXPECT_EQ(read_items(own, scratch_ / "v", partial()).items.size(), 5u);  // in no list
}

TEST_F(EvalBadItems, AFileOfAnotherVersionIsRefused) {
  Benchmark own = benchmark();
  own.version = "v05.15.25";
  lines(0, R"({"version": "v1", "audio_path": "a", "question": "A?", "choices": ["x", "y"], "answer": "x"})");
  test::refused(ErrorKind::kData, {"is of version v1, the benchmark of v05.15.25"},
                [&] { read(own, partial()); });
}

TEST(EvalDataFiles, NamesFitPatternsByTheShortestTexts) {
  using Holes = std::map<std::string, std::string>;
  EXPECT_EQ(holes_of_name("{dir}/{label}/{name}.{n}.wav", "genres/jazz/jazz.00001.wav"),
            (Holes{{"dir", "genres"}, {"label", "jazz"}, {"name", "jazz"}, {"n", "00001"}}));
  EXPECT_EQ(holes_of_name("{a}_{b}.wav", "x_y_z.wav"), (Holes{{"a", "x"}, {"b", "y_z"}}));
  EXPECT_EQ(holes_of_name("{a}-{b}-{a}", "1-2-1"), (Holes{{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(holes_of_name("{a}-{b}-{a}", "1-2-3"));
  EXPECT_FALSE(holes_of_name("{a}.wav", "x/y.wav"));  // no hole holds a slash
  EXPECT_FALSE(holes_of_name("{a}.wav", ".wav"));
  EXPECT_FALSE(holes_of_name("{a}.wav", "x.wav.txt"));
  EXPECT_EQ(holes_of_name("plain.txt", "plain.txt"), Holes{});
}

TEST(EvalDataFiles, GlobsAreSortedAndStayBelowTheRoot) {
  const test::Scratch scratch;
  for (const char* name : {"b/2.wav", "b/1.wav", "a/3.wav", "a/x.txt", "a/deep/4.wav", ".hidden/5.wav"}) {
    fs::create_directories((scratch / name).parent_path());
    write_file_atomic(scratch / name, "x");
  }
  EXPECT_THAT(files_matching(scratch.path(), "*/*.wav"), ElementsAre("a/3.wav", "b/1.wav", "b/2.wav"));
  EXPECT_THAT(files_matching(scratch.path(), "a/*"), ElementsAre("a/3.wav", "a/x.txt"));
  EXPECT_THAT(files_matching(scratch.path(), "none/*.wav"), IsEmpty());
  const auto files = find_data_files(scratch.path(), {"{task}/3.wav", "b/*.wav"}, "task", "");
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].name, "a");
  EXPECT_EQ(files[1].name, "1");
}

TEST(EvalDataFiles, ListsOfPythonAreRead) {
  EXPECT_EQ(parse_python_list(
                R"(['a', "it's", 'say "x"', 'q\'s', 1, -2.5, None, True, ['b', ()], 'ü\n\x41\u00e9',])", "t"),
            Json::parse(R"(["a", "it's", "say \"x\"", "q's", 1, -2.5, null, true, ["b", []], "ü\nAé"])"));
  EXPECT_EQ(parse_python_list("[]", "t"), Json::array());
  for (const char* bad :
       {"", "'a'", "['a'", "['a' 'b']", "['a]", "[a]", "['a'] x", "[1 2]", "['\\u12']", "["})
    test::refused(ErrorKind::kData, {"t column"}, [&] { parse_python_list(bad, "t"); });
  test::refused(ErrorKind::kData, {"too deep"}, [&] { parse_python_list(std::string(50, '['), "t"); });
}

TEST(EvalDataFiles, PathsFindValues) {
  const Json row =
      Json::parse(R"({"a.b": 1, "type": ["x", "y"], "turns": [{"v": 1}, {"v": 2}], "sub-c": "d"})");
  EXPECT_EQ(value_at(row, "a.b"), 1);
  EXPECT_EQ(value_at(row, "type[1]"), "y");
  EXPECT_EQ(value_at(row, "turns[1].v"), 2);
  EXPECT_EQ(value_at(row, "turns[*].v"), Json({1, 2}));
  EXPECT_EQ(value_at(row, "type[*]"), row.at("type"));
  EXPECT_EQ(value_at(row, "sub-c"), "d");
  for (const char* none :
       {"type[2]", "type[-1]", "type[x]", "b", "turns[0].w", "sub-c[0]", "sub-c.x", "type["})
    EXPECT_EQ(value_at(row, none), nullptr) << none;
}

}  // namespace
}  // namespace af2
