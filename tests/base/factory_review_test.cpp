// Review and release of a benchmark: a set of generated items is drawn from, filled by simulated people in
// three rounds, counted and released; every refusal is planted once.
#include "af2/factory/review/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <set>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/manifest.h"
#include "af2/data/table.h"
#include "af2/factory/review/markup.h"
#include "af2/factory/review/release.h"
#include "af2/factory/review/review_export.h"
#include "af2/factory/review/review_report.h"
#include "af2/factory/review/review_rows.h"
#include "af2/factory/set_files.h"
#include "factory_item_maker.h"
#include "refused.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::refused;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kItems = 200, kSample = 60;

class Reviewing : public ::testing::Test {
 protected:
  Reviewing() : items(made_items()), words(test::maker_labels()) {
    // Made once: synced writes take their time.
    static const test::Scratch made;
    if (!fs::exists(made / "items.jsonl")) {
      std::vector<Record> records;
      for (const Item& item : items) {
        records.push_back(test::made_record(item));
        if (!fs::exists(made / item.audio))
          write_sound(made / item.audio, 300 + static_cast<double>(records.size()));
      }
      write_item_set(made.path(), items, records);
    }
    fs::copy(made.path(), scratch / "set", fs::copy_options::recursive);
  }
  static std::vector<Item> made_items() {
    std::vector<Item> list = test::made_items(kItems);
    for (int i = 0; i < kItems; ++i) {
      Item& item = list[static_cast<std::size_t>(i)];
      item.record = item.id;
      item.type = "made";  // a type that no rule knows: what is checked here is all but the rules
      item.duration = 1;
      for (auto& e : item.evidence) e.onset = 0.2, e.offset = 0.7;
      item.split = i / 8 % 4 == 0 ? "train" : "test";
      item.licence = i % 3 ? "CC0" : "CC BY 4.0", item.attribution = "Maker " + std::to_string(i % 3);
    }
    return list;
  }
  static void write_sound(const fs::path& file, double hz) {
    fs::create_directories(file.parent_path());
    std::vector<float> samples(16000);
    for (std::size_t t = 0; t < samples.size(); ++t)
      samples[t] =
          0.3f * static_cast<float>(std::sin(2 * std::numbers::pi * hz * static_cast<double>(t) / 16000));
    write_wav(file, samples);
  }
  Review sampled() {
    sample_review(scratch / "set", scratch / "review", {.n = kSample, .seed = 4, .check_share = 0.3});
    return open_review(scratch / "review");
  }
  fs::path write(const std::string& name, const std::string& text) {
    write_file_atomic(scratch / name, text);
    return scratch / name;
  }
  // One person fills one round; `fill` is given the item's place in the sample.
  ImportResult fill(Review& review, int round, const std::string& reviewer,
                    const std::function<void(int, Json&)>& fill) {
    std::map<std::string, int> place;
    for (std::size_t i = 0; i < review.items.size(); ++i)
      place[review.items[i].item.id] = static_cast<int>(i);
    std::string lines;
    const auto rows = rows_for_round(review, round, {.reviewer = reviewer});
    for (const std::string& line : split(review_jsonl(rows, reviewer), '\n')) {
      if (line.empty()) continue;
      Json row = parse_json(line, "row");
      row["decision"] = "keep", row["listened_full"] = true;
      fill(place.at(row["id"].get<std::string>()), row);
      lines += row.dump() + "\n";
    }
    const std::string name = "round" + std::to_string(round) + reviewer + ".jsonl";
    const ImportResult result = import_rows(review, round, {write(name, lines)});
    for (int r = round; r <= kReviewRounds; ++r) write_round(review, r);
    return result;
  }
  static std::string other_answer(const Json& row) {
    const auto options = row["shown_options"].get<std::vector<std::string>>();
    const std::string answer = row["shown_answer"].get<std::string>();
    if (options.empty()) return answer == "yes" ? "no" : answer == "no" ? "yes" : answer == "4" ? "5" : "4";
    return answer == options[1] ? "(C)" : "B";
  }
  // Ann: of ten, the first is discarded, the second reworded, the third escalated. Ben: takes half of the
  // discards back, and gives the fourth another answer.
  void two_rounds(Review& review) {
    EXPECT_EQ(fill(review, 1, "Ann",
                   [](int i, Json& row) {
                     if (i % 10 == 0) row["decision"] = "discard", row["reason"] = "not clear";
                     if (i % 10 == 1)
                       row["decision"] = "fix",
                       row["question"] = "Listen well: " + row["shown_question"].get<std::string>();
                     if (i % 10 == 2) row["decision"] = "escalate", row["reason"] = "is this rain?";
                   })
                  .taken,
              static_cast<std::size_t>(kSample));
    EXPECT_EQ(fill(review, 2, "Ben",
                   [](int i, Json& row) {
                     if (i % 20 == 0) row["decision"] = "discard", row["reason"] = "I hear nothing";
                     if (i % 10 == 3) row["decision"] = "fix", row["answer"] = other_answer(row);
                   })
                  .taken,
              static_cast<std::size_t>(kSample));
  }
  void third_round(Review& review) {
    fill(review, 3, "Cleo", [&](int i, Json& row) {
      const bool both_discard = i % 20 == 0;
      if (both_discard || i % 20 == 10) row["decision"] = "discard", row["reason"] = "not clear";
      if (i == overruled) row["decision"] = "discard", row["reason"] = "two right answers";
    });
  }

  test::Scratch scratch;
  std::vector<Item> items;
  Vocabulary words;
  int overruled = -1;
};

TEST_F(Reviewing, DrawsTestItemsAlone) {
  const std::vector<Item> drawn = draw_sample(items, {.n = kSample, .seed = 4});
  EXPECT_EQ(drawn.size(), static_cast<std::size_t>(kSample));
  std::map<std::string, int> counts;
  std::set<std::string> ids;
  for (const Item& item : drawn) {
    EXPECT_EQ(item.split, "test");
    ++counts[item.skill], ids.insert(item.id);
  }
  EXPECT_EQ(ids.size(), drawn.size());
  for (const auto& [skill, n] : counts) EXPECT_EQ(n, 15) << skill;  // four skills of one size
  const auto same = draw_sample(items, {.n = kSample, .seed = 4});
  const auto other = draw_sample(items, {.n = kSample, .seed = 5});
  EXPECT_TRUE(std::equal(drawn.begin(), drawn.end(), same.begin(),
                         [](const Item& a, const Item& b) { return a.id == b.id; }));
  EXPECT_FALSE(std::equal(drawn.begin(), drawn.end(), other.begin(),
                          [](const Item& a, const Item& b) { return a.id == b.id; }));
  // Neither the order of the set nor other categories change what is drawn of one.
  std::vector<Item> turned(items.rbegin(), items.rend());
  std::erase_if(turned, [](const Item& item) { return item.skill == "general"; });
  const auto quota = draw_sample(turned, {.quotas = {"temporal=15", "counting = 2"}, .seed = 4});
  int found = 0;
  for (const Item& item : quota) found += item.skill == "temporal" && ids.contains(item.id);
  EXPECT_EQ(found, 15);
  EXPECT_EQ(quota.size(), 17u);
  EXPECT_EQ(draw_sample(items, {.by = "type", .quotas = {"general.made=3"}}).size(), 3u);
  // Shares that do not come out even: largest remainders, and the sum is kept.
  EXPECT_EQ(draw_sample(items, {.n = 59}).size(), 59u);
}

TEST_F(Reviewing, SampleRefusesWhatItCannotMeet) {
  refused(ErrorKind::kUser, {"temporal has 36 test items, 37 are wanted", "counting (36)"},
          [&] { draw_sample(items, {.quotas = {"temporal=37"}}); });
  refused(ErrorKind::kUser, {"plot has 0"}, [&] { draw_sample(items, {.quotas = {"plot=1"}}); });
  refused(ErrorKind::kUser, {"`temporal`"}, [&] { draw_sample(items, {.quotas = {"temporal"}}); });
  refused(ErrorKind::kUser, {"twice"}, [&] { draw_sample(items, {.quotas = {"temporal=1", "temporal=2"}}); });
  refused(ErrorKind::kUser, {"144 test items, 145"}, [&] { draw_sample(items, {.n = 145}); });
  refused(ErrorKind::kUser, {"n of the review"}, [&] { draw_sample(items, {}); });
  refused(ErrorKind::kUser, {"by of the review"}, [&] { draw_sample(items, {.by = "level", .n = 1}); });
  std::vector<Item> train = items;
  for (Item& item : train) item.split = "train";
  refused(ErrorKind::kData, {"no test items"}, [&] { draw_sample(train, {.n = 1}); });
  sampled();
  refused(ErrorKind::kUser, {"holds a review"}, [&] { sampled(); });
  fs::remove(scratch / "set" / items[8].audio);
  refused(ErrorKind::kData, {items[8].audio, "missing"},
          [&] { sample_review(scratch / "set", scratch / "other", {.n = 144}); });
  refused(ErrorKind::kData, {"review.json"}, [&] { open_review(scratch / "set"); });
}

TEST_F(Reviewing, CopiedSoundsGoWithTheReview) {
  sample_review(scratch / "set", scratch / "copied", {.n = 10}, true);
  fs::rename(scratch / "copied", scratch / "elsewhere");
  fs::remove_all(scratch / "set");
  const Review review = open_review(scratch / "elsewhere");
  for (const ReviewItem& item : review.items)
    EXPECT_EQ(sha256_file(review.sound(item.item)), item.audio_sha256);
}

TEST_F(Reviewing, WholeFlowFromSampleToRelease) {
  Review review = sampled();
  two_rounds(review);
  review = open_review(scratch / "review");  // all is in the folder
  Json report = review_report(review);
  EXPECT_EQ(report["agreement"]["items"], kSample);
  EXPECT_EQ(report["agreement"]["agreed"], 45);  // 15 disagreements: 3 + 6 + 6
  // By hand: 51 of 60 fates are one; by chance (48 * 57 + 6 * 3) / 3600.
  EXPECT_NEAR(report["agreement"]["kappa"].get<double>(), 306.0 / 846.0, 1e-12);
  EXPECT_EQ(report["agreement"]["fates"]["discard"]["usable"], 3);
  EXPECT_EQ(report["decisions_by_round"][0]["escalate"], 6);

  // The third list: all disagreements, and the drawn checks.
  int disagreed = 0, checks = 0;
  for (const auto& row : rows_for_round(review, 3, {})) {
    const bool check = status_of(*row.item) == ReviewStatus::kToCheck;
    check ? ++checks : ++disagreed;
    EXPECT_EQ(row.history.size(), check ? 0u : 2u);
    const int i = static_cast<int>(row.item - review.items.data());
    if (check && i % 10 > 3 && overruled < 0) overruled = i;
  }
  EXPECT_EQ(disagreed, 15);
  EXPECT_GT(checks, 5);
  EXPECT_LT(checks, 25);

  const ReleaseOptions options{.name = "TestBench", .version = "0.1"};
  auto problems = release_problems(review, words, options);
  EXPECT_EQ(problems.size(), static_cast<std::size_t>(disagreed + checks));
  for (const auto& problem : problems) EXPECT_EQ(problem.reason, "review/unresolved") << problem.detail;
  refused(ErrorKind::kData, {problems[0].id, "review/unresolved"},
          [&] { write_release(review, words, scratch / "out", options); });
  EXPECT_FALSE(fs::exists(scratch / "out"));

  third_round(review);
  review = open_review(scratch / "review");
  report = review_report(review);
  // 3 agreed discards, 3 settled, 1 overruled check.
  EXPECT_EQ(report["discards"]["items"], 7);
  EXPECT_EQ(report["discards"]["by_reason"]["not clear"], 6);
  EXPECT_EQ(report["discards"]["by_reason"]["two right answers"], 1);
  EXPECT_EQ(report["third_person"]["disagreements_settled"], 15);
  EXPECT_EQ(report["third_person"]["checked"], checks);
  EXPECT_EQ(report["third_person"]["overruled"], 1);
  EXPECT_EQ(report["edits"]["usable"], 53);
  EXPECT_EQ(report["edits"]["edited"], 12);  // six questions and six answers
  EXPECT_EQ(report["edits"]["parts"]["question"], 6);
  EXPECT_EQ(report["edits"]["parts"]["answer"], 6);
  EXPECT_NEAR(report["edits"]["share"].get<double>(), 12.0 / 53, 1e-12);
  std::int64_t sum = 0;
  for (const auto& [category, part] : report["by_category"].items()) sum += part["items"].get<std::int64_t>();
  EXPECT_EQ(sum, kSample);

  problems = release_problems(review, words, options);
  for (const auto& problem : problems)
    ADD_FAILURE() << problem.id << " " << problem.reason << " " << problem.detail;
  EXPECT_EQ(write_release(review, words, scratch / "out", options), 53u);
  EXPECT_THAT(verify_release(scratch / "out"), IsEmpty());
  EXPECT_EQ(read_file(scratch / "out" / "VERSION"), "TestBench 0.1\n");
  const ItemSet released = read_item_set(scratch / "out");
  EXPECT_EQ(released.items.size(), 53u);
  int reworded = 0;
  for (const Item& item : released.items) {
    EXPECT_THAT(item.checks, ::testing::Contains("review"));
    EXPECT_TRUE(starts_with(item.audio, "audio/"));
    EXPECT_EQ(sha256_file(scratch / "out" / item.audio).substr(0, 16), item.audio.substr(6, 16));
    reworded += starts_with(item.question, "Listen well: ");
    if (!item.options.empty()) {
      EXPECT_EQ(item.options.at(static_cast<std::size_t>(item.answer_index)), item.answer);
    }
  }
  EXPECT_EQ(reworded, 6);
  EXPECT_EQ(read_manifest(scratch / "out" / "TestBench.jsonl").size(), 53u);
  EXPECT_TRUE(fs::is_regular_file(scratch / "out" / "TestBench-temporal" / "test.json"));
  const std::string card = read_file(scratch / "out" / "CARD.md");
  for (const char* part : {"# TestBench 0.1", "53 questions", "45 of 60", "0.362", "| CC BY 4.0 |",
                           "| Maker 0 |", "| not clear | 6 |", "12 (22.6 %)"})
    EXPECT_THAT(card, HasSubstr(part));
  EXPECT_THAT(card, Not(HasSubstr("Ann")));

  // The same bytes again, over the old release; not over anything else.
  const std::string sums = read_file(scratch / "out" / "SHA256SUMS");
  write_release(review, words, scratch / "out", options);
  EXPECT_EQ(read_file(scratch / "out" / "SHA256SUMS"), sums);
  refused(ErrorKind::kUser, {"something else"},
          [&] { write_release(review, words, scratch / "set", options); });
  refused(ErrorKind::kUser, {"name of the release"},
          [&] { release_problems(review, words, {.name = "a/b", .version = "1"}); });
  // What was altered, added or removed is found.
  write("out/CARD.md", card + " ");
  write("out/more.txt", "x");
  fs::remove(scratch / "out" / "VERSION");
  EXPECT_THAT(verify_release(scratch / "out"),
              ::testing::UnorderedElementsAre("CARD.md has other bytes", "more.txt is not listed",
                                              "VERSION is missing"));
}

TEST_F(Reviewing, ReleaseRefusesWhatTheChecksFind) {
  Review review = sampled();
  two_rounds(review);
  third_round(review);
  ASSERT_THAT(release_problems(review, words, {}), IsEmpty());
  const auto planted = [&](const std::string& reason, const std::function<void(Item&)>& plant) {
    Review broken = review;
    auto place = std::find_if(broken.items.begin(), broken.items.end(), [](const ReviewItem& item) {
      return status_of(item) == ReviewStatus::kUsable && item.item.form == "choice" &&
             item.rounds[0]->decision == "keep" && item.rounds[1]->decision == "keep";
    });
    ASSERT_NE(place, broken.items.end());
    const std::string before = version_of(place->item);
    plant(place->item);
    for (auto& row : place->rounds)
      if (row && row->shown == before) row->shown = version_of(place->item);
    std::vector<std::string> reasons;
    for (const auto& problem : release_problems(broken, words, {}))
      if (problem.id == place->item.id) reasons.push_back(problem.reason);
    EXPECT_THAT(reasons, ElementsAre(reason));
  };
  planted("options/same", [](Item& item) {
    const auto wrong = static_cast<std::size_t>(item.answer_index == 0 ? 1 : 0);
    const std::size_t other = item.answer_index == 3 ? 2 : 3;
    item.options[wrong] = item.options[other];
    item.kinds.clear();
  });
  planted("licence/none", [](Item& item) { item.licence = ""; });
  planted("licence/no_attribution",
          [](Item& item) { item.licence = "CC0; CC-BY 3.0", item.attribution = ""; });
  planted("split/not_test", [](Item& item) { item.split = "val"; });
  planted("record/missing", [](Item& item) { item.record = "none"; });
  planted("form/form", [](Item& item) { item.form = "essay"; });
  planted("audio/missing", [](Item& item) { item.audio = "clips/none.wav"; });
  // Two items about one clip that became the same question.
  Review twice = review;
  ReviewItem copy = *std::find_if(twice.items.begin(), twice.items.end(), [](const ReviewItem& item) {
    return status_of(item) == ReviewStatus::kUsable;
  });
  copy.item.id += "x";
  twice.items.push_back(copy);
  bool found = false;
  for (const auto& problem : release_problems(twice, words, {}))
    found = found || problem.reason == "duplicate";
  EXPECT_TRUE(found);
  // A clip that was exchanged after people had heard it.
  const std::string audio = review.items[5].item.audio;
  write_sound(scratch / "set" / audio, 1234);
  found = false;
  for (const auto& problem : release_problems(review, words, {}))
    found = found || problem.reason == "audio/changed";
  EXPECT_TRUE(found);
}

TEST_F(Reviewing, ImportRefusesRowByRow) {
  Review review = sampled();
  const auto rows = rows_for_round(review, 1, {});
  Table table = parse_table(review_csv(rows, "Ann"), ',', "round1.csv");
  std::map<std::string, std::size_t> column;
  for (std::size_t c = 0; c < table.header.size(); ++c) column[table.header[c]] = c;
  std::size_t next = 0;
  std::string csv = join(table.header, ",") + "\n";
  std::vector<std::pair<std::string, std::string>> expected;  // id, part of the reason
  const auto row = [&](const std::string& reason,
                       const std::function<void(std::map<std::string, std::string>&)>& plant) {
    std::map<std::string, std::string> cells;
    for (const auto& [name, c] : column) cells[name] = table.rows.at(next)[c];
    ++next;
    cells["decision"] = "keep", cells["listened_full"] = "yes";
    plant(cells);
    for (std::size_t c = 0; c < table.header.size(); ++c)
      csv += (c ? "," : "") + csv_cell(cells[table.header[c]]);
    csv += "\n";
    if (!reason.empty()) expected.emplace_back(cells["id"], reason);
  };
  using Cells = std::map<std::string, std::string>;
  const auto choice = [&] {
    while (rows.at(next).shown.options.empty()) ++next;
    return rows.at(next).shown;
  };
  row("", [](Cells&) {});
  row("unknown id", [](Cells& cells) { cells["id"] = "nobody"; });
  row("has no id", [](Cells& cells) { cells["id"] = " "; });
  row("no decision", [](Cells& cells) { cells["decision"] = ""; });
  row("unknown decision `maybe`", [](Cells& cells) { cells["decision"] = "Maybe"; });
  row("a fix without new text", [](Cells& cells) { cells["decision"] = "fix"; });
  row("a fix without new text",
      [](Cells& cells) { cells["decision"] = "FIX", cells["question"] = cells["shown_question"]; });
  choice();
  row("none of the options",
      [](Cells& cells) { cells["decision"] = "fix", cells["answer"] = "a fish singing"; });
  choice();
  row("none of the options",
      [](Cells& cells) { cells["decision"] = "fix", cells["options"] = "one thing | another thing"; });
  choice();
  row("2 to 6 options", [](Cells& cells) {
    cells["decision"] = "fix", cells["options"] = "one thing", cells["answer"] = "one thing";
  });
  row("no list of JSON", [](Cells& cells) { cells["decision"] = "fix", cells["options"] = "[\"a\", "; });
  row("unknown category `plot`", [](Cells& cells) { cells["decision"] = "fix", cells["category"] = "plot"; });
  row("discard without a reason", [](Cells& cells) { cells["decision"] = "discard"; });
  row("escalate without a reason", [](Cells& cells) { cells["decision"] = "escalate"; });
  row("not listened", [](Cells& cells) { cells["listened_full"] = "no"; });
  row("no reviewer", [](Cells& cells) { cells["reviewer"] = " "; });
  row("another clip was heard", [](Cells& cells) { cells["audio_sha256"] = std::string(64, '0'); });
  row("another version", [](Cells& cells) { cells["shown"] = "0123456789abcdef"; });
  row("keep, but with new text", [](Cells& cells) { cells["question"] = "What is it?"; });
  row("", [](Cells& cells) { cells["decision"] = "Discard ", cells["reason"] = "not, \"clear\"\nat all"; });
  --next;
  row("in an earlier row", [](Cells&) {});
  const Item fixable = choice();
  row("", [](Cells& cells) {
    cells["decision"] = "fix", cells["options"] = "a bell | b bell |c bell", cells["answer"] = "c";
    cells["answer"] = "C", cells["category"] = "information";
  });
  const ImportResult result = import_rows(review, 1, {write("ann.csv", csv)});
  EXPECT_EQ(result.taken, 3u);
  ASSERT_EQ(result.refused.size(), expected.size());
  std::set<std::string> places;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(result.refused[i].id, trim(expected[i].first));
    EXPECT_THAT(result.refused[i].reason, HasSubstr(expected[i].second));
    EXPECT_THAT(result.refused[i].where, HasSubstr("ann.csv:"));
    EXPECT_TRUE(places.insert(result.refused[i].where).second);
  }
  EXPECT_THAT(result.refused[0].where, ::testing::EndsWith("ann.csv:3"));
  for (const ReviewItem& item : review.items)
    if (item.item.id == fixable.id) {
      const Item after = item_after(item, 1);
      EXPECT_THAT(after.options, ElementsAre("a bell", "b bell", "c bell"));
      EXPECT_EQ(after.answer, "c bell");
      EXPECT_EQ(after.answer_index, 2);
      EXPECT_EQ(after.skill, "information");
      EXPECT_EQ(after.generator, "people");
      EXPECT_EQ(item_after(item, 0).generator, "test");
    }
  // The same file again changes nothing; another word about an item needs `replace`.
  const ImportResult again = import_rows(review, 1, {scratch / "ann.csv"});
  EXPECT_EQ(again.taken, 0u);
  EXPECT_EQ(again.again, 3u);
  const std::string first = result.refused.empty() ? "" : review.items[0].item.id;
  Json other = {{"id", first},
                {"audio_sha256", review.items[0].audio_sha256},
                {"shown", version_of(review.items[0].item)},
                {"decision", "discard"},
                {"reason", "too short"},
                {"listened_full", true},
                {"reviewer", "Dan"}};
  const fs::path file = write("dan.jsonl", other.dump() + "\nnot json\n{\"id\":\"" + first +
                                               "\",\"options\":\"a | b\"}\n{\"decision\":\"keep\"}\n");
  const ImportResult refusals = import_rows(review, 1, {file});
  ASSERT_EQ(refusals.refused.size(), 4u);
  EXPECT_THAT(refusals.refused[0].reason, HasSubstr("in round 1 already, by Ann"));
  EXPECT_THAT(refusals.refused[1].reason, HasSubstr("no JSON object"));
  EXPECT_THAT(refusals.refused[2].reason, HasSubstr("options must be a list"));
  EXPECT_THAT(refusals.refused[3].reason, HasSubstr("has no id"));
  EXPECT_EQ(import_rows(review, 1, {file}, true).taken, 1u);
  EXPECT_EQ(review.items[0].rounds[0]->reviewer, "Dan");
  // Files that are no such table are refused whole.
  refused(ErrorKind::kData, {"reviewer"}, [&] {
    import_rows(review, 1,
                {write("bad.csv",
                       "id,audio_sha256,shown,decision,question,options,answer,category,"
                       "reason,listened_full\na,b,c,d,e,f,g,h,i,j\n")});
  });
  refused(ErrorKind::kUser, {"neither"}, [&] { import_rows(review, 1, {write("bad.txt", "x")}); });
  refused(ErrorKind::kUser, {"round"}, [&] { import_rows(review, 4, {}); });
  // A clip that changed after the sample was drawn.
  write_sound(review.sound(review.items[7].item), 77);
  const ImportResult changed = fill(review, 1, "Eve", [](int, Json&) {});
  ASSERT_FALSE(changed.refused.empty());
  for (const auto& each : changed.refused) EXPECT_THAT(each.reason, HasSubstr("has changed since"));
}

TEST_F(Reviewing, LaterRoundsAskForOtherPeople) {
  Review review = sampled();
  Json row = {{"id", review.items[0].item.id},
              {"audio_sha256", review.items[0].audio_sha256},
              {"shown", version_of(review.items[0].item)},
              {"decision", "keep"},
              {"listened_full", true},
              {"reviewer", "Ann"}};
  const auto reason = [&](int round, const std::string& reviewer, const std::string& decision = "keep") {
    row["reviewer"] = reviewer, row["decision"] = decision, row["reason"] = "so";
    const ImportResult result = import_rows(review, round, {write("one.jsonl", row.dump() + "\n")});
    return result.refused.empty() ? std::string() : result.refused[0].reason;
  };
  EXPECT_THAT(reason(2, "Ben"), HasSubstr("waits for round 1"));
  EXPECT_EQ(reason(1, "Ann"), "");
  EXPECT_THAT(reason(2, " ANN "), HasSubstr("reviewed this item in round 1 already"));
  EXPECT_EQ(reason(2, "Ben"), "");
  review.items[0].check_drawn = false;
  EXPECT_EQ(status_of(review.items[0]), ReviewStatus::kUsable);
  EXPECT_THAT(reason(3, "Cleo"), HasSubstr("two people agree"));
  review.items[0].check_drawn = true;
  EXPECT_EQ(status_of(review.items[0]), ReviewStatus::kToCheck);
  EXPECT_THAT(reason(3, "ben"), HasSubstr("round 2 already"));
  EXPECT_EQ(reason(3, "Cleo", "escalate"), "");
  EXPECT_EQ(status_of(review.items[0]), ReviewStatus::kToCheck);  // it still waits
  // Whoever has spoken of an item is not given it again.
  EXPECT_EQ(rows_for_round(review, 2, {}).size(), 0u);
  EXPECT_EQ(rows_for_round(review, 1, {}).size(), static_cast<std::size_t>(kSample - 1));
  EXPECT_EQ(rows_for_round(review, 3, {.reviewer = "ann"}).size(), 0u);
  EXPECT_EQ(rows_for_round(review, 3, {.reviewer = "Dan"}).size(), 1u);
  // Parts share the work.
  std::set<std::string> ids;
  for (int part = 1; part <= 3; ++part)
    for (const auto& each : rows_for_round(review, 1, {.part = part, .parts = 3})) ids.insert(each.shown.id);
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(kSample - 1));
  refused(ErrorKind::kUser, {"4 of 3"}, [&] { rows_for_round(review, 1, {.part = 4, .parts = 3}); });
}

TEST_F(Reviewing, SecondRoundSeesTheCorrectionOrBlindTheOriginal) {
  Review review = sampled();
  fill(review, 1, "Ann",
       [](int, Json& row) { row["decision"] = "fix", row["question"] = "What is to be heard?"; });
  const auto usual = rows_for_round(review, 2, {}), blind = rows_for_round(review, 2, {.blind = true});
  EXPECT_EQ(usual[0].shown.question, "What is to be heard?");
  EXPECT_EQ(blind[0].shown.question, review.items[0].item.question);
  // Blind, and the same words without having seen them: they agree. Kept as it was: they do not.
  Json row = {{"id", review.items[0].item.id},
              {"audio_sha256", review.items[0].audio_sha256},
              {"shown", version_of(blind[0].shown)},
              {"decision", "fix"},
              {"question", "What is to be heard?"},
              {"listened_full", true},
              {"reviewer", "Ben"}};
  Review same = review;
  EXPECT_EQ(import_rows(same, 2, {write("b.jsonl", row.dump())}).taken, 1u);
  EXPECT_TRUE(*agreed(same.items[0]));
  row["decision"] = "keep", row["question"] = "";
  EXPECT_EQ(import_rows(review, 2, {write("b.jsonl", row.dump())}).taken, 1u);
  EXPECT_FALSE(*agreed(review.items[0]));
  EXPECT_EQ(status_of(review.items[0]), ReviewStatus::kDisagreed);
}

TEST_F(Reviewing, PageEscapesEveryText) {
  Review review = sampled();
  const std::string evil =
      "</script><script>alert('x')</script><img src=x onerror=alert(1)> & \"so\" \xE2\x80\xA8";
  for (ReviewItem& item : review.items) item.item.question = evil, item.item.evidence = {{evil, 0.1, 0.4}};
  review.items[0].item.audio = "clips/a b#1%.wav";
  const auto rows = rows_for_round(review, 1, {});
  const std::string page = review_page(review, 1, rows, "<b>Ann", scratch / "review" / "pages");
  std::size_t scripts = 0;
  for (std::size_t at = 0; (at = page.find("<script", at)) != std::string::npos; ++at) ++scripts;
  EXPECT_EQ(scripts, 2u);  // the data and the code
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("<b>Ann")));
  EXPECT_THAT(page, Not(HasSubstr("://")));  // nothing from anywhere
  EXPECT_THAT(page, Not(HasSubstr("innerHTML")));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  const std::string start = "id=\"data\">";
  const std::size_t begin = page.find(start) + start.size(), end = page.find("</script>", begin);
  const Json data = parse_json(page.substr(begin, end - begin), "page");
  EXPECT_EQ(data["rows"].size(), static_cast<std::size_t>(kSample));
  EXPECT_EQ(data["rows"][0]["shown_question"], evil);
  EXPECT_EQ(data["rows"][0]["link"], "../../set/clips/a%20b%231%25.wav");
  EXPECT_EQ(data["reviewer"], "<b>Ann");
}

TEST_F(Reviewing, OptionsSurviveTheirCell) {
  for (const std::vector<std::string>& options : {std::vector<std::string>{"a dog", "a cat"},
                                                  {"a | b", "c"},
                                                  {"[x]", "y"},
                                                  {"say \"so\"", "it, too"},
                                                  {}})
    EXPECT_EQ(options_in_cell(options_cell(options)), options);
}

TEST_F(Reviewing, KappaByHand) {
  EXPECT_NEAR(cohen_kappa({{20, 5}, {10, 15}}), 0.4, 1e-12);
  EXPECT_NEAR(cohen_kappa({{45, 15}, {25, 15}}), 0.06 / 0.46, 1e-12);
  EXPECT_NEAR(cohen_kappa({{10, 2, 1}, {3, 8, 0}, {0, 1, 5}}), 364.0 / 574.0, 1e-12);
  EXPECT_NEAR(cohen_kappa({{5, 0}, {0, 5}}), 1, 1e-12);
  EXPECT_LT(cohen_kappa({{0, 5}, {5, 0}}), -0.99);
  EXPECT_TRUE(std::isnan(cohen_kappa({{7, 0}, {0, 0}})));
  EXPECT_TRUE(std::isnan(cohen_kappa({{0, 0}, {0, 0}})));
}

}  // namespace
}  // namespace af2
