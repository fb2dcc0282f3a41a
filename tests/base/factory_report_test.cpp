// The report: figures that can be counted by hand, a page that is whole, needs nothing else and escapes what
// is in the texts.
#include "af2/factory/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "factory_item_maker.h"

namespace af2 {
namespace {

bool has(const std::string& html, const std::string& text) {
  return html.find(text) != std::string::npos;
}

ReportInputs inputs() {
  ReportInputs in;
  in.name = "made";
  in.dropped.drop("texts/name", "item9: Alice");
  in.dropped.drop("texts/name", "item10: Alice");
  in.solvers = {{"longest", "all", 1000, 0.27, 0.25, 0.24, 0.3},
                {"ngrams", "temporal", 500, 0.41, 0.25, 0.37, 0.45}};
  in.overlaps = {{"ESC-50", 3}};
  in.looked_at = {"ESC-50", "MMAU"};
  in.cost = {{"calls", 12}, {"cost", 0.034}};
  return in;
}

// Every tag that must be closed is, in order.
void expect_well_formed(const std::string& html) {
  const std::vector<std::string> watched = {
      "html", "head", "body", "main", "div",   "table", "svg", "g", "details", "summary", "p",    "ol",
      "li",   "h1",   "h2",   "h3",   "audio", "style", "nav", "a", "b",       "span",    "rect", "title"};
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::size_t end = html.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const bool closes = html[at + 1] == '/';
    std::size_t from = at + (closes ? 2 : 1), to = from;
    while (to < end && ((html[to] >= 'a' && html[to] <= 'z') || (html[to] >= '0' && html[to] <= '9'))) ++to;
    const std::string tag = html.substr(from, to - from);
    if (std::find(watched.begin(), watched.end(), tag) == watched.end() || html[end - 1] == '/') continue;
    if (!closes) {
      open.push_back(tag);
      continue;
    }
    ASSERT_FALSE(open.empty()) << html.substr(at, 60);
    ASSERT_EQ(open.back(), tag) << html.substr(at > 200 ? at - 200 : 0, 260);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty()) << open.back();
}

TEST(FactoryReport, Figures) {
  std::vector<Item> items = test::made_items(400);
  for (std::size_t i = 0; i < 40; ++i) {
    items[i].duration = 45;
    items[i].start = 10;
  }
  items[40].duration = 700, items[40].is_long = true;
  const Json report = set_report(items, inputs());
  EXPECT_EQ(report["items"], 400);
  EXPECT_EQ(report["clips"], 101);  // a hundred, and one heard longer
  EXPECT_EQ(report["files"], 100);
  EXPECT_EQ(report["groups"], 50);
  EXPECT_NEAR(report["hours"].get<double>(), (90 * 10 + 10 * 45 + 700) / 3600.0, 1e-9);
  ASSERT_EQ(report["skills"].size(), 5u);
  EXPECT_EQ(report["skills"][3]["skill"], "long.temporal");
  EXPECT_EQ(report["skills"][4]["skill"], "temporal");
  EXPECT_EQ(report["skills"][4]["items"], 99);
  EXPECT_EQ(report["durations"].size(), 11u);
  EXPECT_EQ(report["durations"][0]["items"], 359);
  EXPECT_EQ(report["durations"][0]["clips"], 90);
  EXPECT_EQ(report["durations"][1]["items"], 40);
  EXPECT_EQ(report["durations"][10]["from"], 300);
  EXPECT_EQ(report["durations"][10]["items"], 1);
  EXPECT_EQ(report["forms"]["short"], 100);
  EXPECT_EQ(report["levels"]["1"], 100);
  std::int64_t letters = 0, numbers = 0;
  for (const auto& [letter, n] : report["letters"]["information"].items()) letters += n.get<std::int64_t>();
  for (const auto& [number, n] : report["numbers"].items()) numbers += n.get<std::int64_t>();
  EXPECT_EQ(letters, 100);
  EXPECT_EQ(numbers, 100);
  EXPECT_EQ(report["yes_no"]["general.presence"]["yes"].get<int>() +
                report["yes_no"]["general.presence"]["no"].get<int>(),
            100);
  double words = 0, n = 0;
  for (const Json& bin : report["question_words"]["counts"])
    words += bin["words"].get<double>() * bin["items"].get<double>(), n += bin["items"].get<double>();
  EXPECT_EQ(n, 400);
  EXPECT_NEAR(report["question_words"]["mean"].get<double>(), words / n, 1e-9);
  EXPECT_EQ(report["dropped"][0]["reason"], "texts/name");
  EXPECT_EQ(report["dropped"][0]["items"], 2);
  EXPECT_EQ(report["dropped"][0]["first"], "item9: Alice");
  for (const Json& type : report["samples"])
    EXPECT_EQ(type["items"].size(), type["skill"] == "long.temporal" ? 1u : 20u);
  EXPECT_EQ(set_report(items, inputs()).dump(), report.dump());
  ReportInputs other = inputs();
  other.seed = 1;
  EXPECT_NE(set_report(items, other)["samples"].dump(), report["samples"].dump());
}

TEST(FactoryReport, PageNeedsNothingElseAndEscapesAll) {
  std::vector<Item> items = test::made_items(8);
  const std::string evil = "<script>alert('x')</script>\" onerror=\"x & <b>";
  Item& item = items[0];
  item.id = item.question = item.answer = item.skill = item.type = item.level = item.form = item.wording =
      item.generator = evil;
  item.licence = item.split = item.group = evil;
  for (auto& option : item.options) option = evil;
  for (auto& kind : item.kinds) kind = evil;
  item.evidence[0].label = evil;
  item.audio = "clips/a \"b\"<c>#1?.wav";
  items[1].start = 5;
  ReportInputs in = inputs();
  in.name = evil;
  in.dropped.drop(evil, evil);
  in.solvers.push_back({evil, evil, 1, 0, 0, 0, 0});
  in.overlaps[evil] = 1;
  in.looked_at.push_back(evil);
  in.cost[evil] = evil;
  const std::string html = report_page(set_report(items, in), "../set/");
  EXPECT_FALSE(has(html, "<script")) << "<script";
  EXPECT_FALSE(has(html, "onerror=\"")) << "onerror=\"";
  EXPECT_FALSE(has(html, "& <b>")) << "& <b>";
  EXPECT_TRUE(has(html, "&lt;script&gt;alert(&#39;x&#39;)"));
  EXPECT_TRUE(has(html, "src=\"../set/clips/a%20%22b%22%3Cc%3E%231%3F.wav\""));
  EXPECT_TRUE(has(html, "#t=5.000,15.000\""));
  for (const char* outside : {"http:", "https:", "//", "@import", "url(", "<link", "<iframe"})
    EXPECT_FALSE(has(html, outside)) << outside;
  expect_well_formed(html);
}

TEST(FactoryReport, PageOfAFullAndOfAnEmptySet) {
  const std::string html = report_page(set_report(test::made_items(400), inputs()), "");
  expect_well_formed(html);
  EXPECT_TRUE(has(html, "class=\"n bad\">+16.0"));
  EXPECT_TRUE(has(html, "class=\"n good\">+2.0"));
  EXPECT_TRUE(has(html, "Looked at: ESC-50, MMAU."));
  std::size_t players = 0;
  for (std::size_t at = html.find("<audio"); at != std::string::npos; at = html.find("<audio", at + 1))
    ++players;
  EXPECT_EQ(players, 80u);
  const std::string empty = report_page(set_report({}, {}), "");
  expect_well_formed(empty);
  EXPECT_TRUE(has(empty, "No test set was looked at."));
}

TEST(FactoryReport, WhatAFolderKnowsOfItsMaking) {
  const test::Scratch scratch;
  EXPECT_TRUE(read_report_inputs(scratch.path()).dropped.dropped.empty());
  write_report_inputs(scratch.path(), inputs());
  const ReportInputs back = read_report_inputs(scratch.path());
  EXPECT_EQ(back.dropped.dropped.at("texts/name"), 2);
  EXPECT_EQ(back.dropped.first.at("texts/name"), "item9: Alice");
  ASSERT_EQ(back.solvers.size(), 2u);
  EXPECT_EQ(back.solvers[1].solver, "ngrams");
  EXPECT_EQ(back.solvers[1].n, 500);
  EXPECT_EQ(back.overlaps.at("ESC-50"), 3);
  EXPECT_EQ(back.looked_at.size(), 2u);
  EXPECT_EQ(back.cost["calls"], 12);
  write_file_atomic(scratch / "checks.json", "{\"dropped\":3}");
  EXPECT_THROW(read_report_inputs(scratch.path()), Error);
}

}  // namespace
}  // namespace af2
