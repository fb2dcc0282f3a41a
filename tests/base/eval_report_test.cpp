// Reports of scored runs: figures of the made summary where they must stand, words that an interval allows
// and no others, nothing of the data taken for markup, nothing passed on that may not be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/text_util.h"
#include "af2/eval/report_figures.h"
#include "af2/eval/report_html.h"
#include "af2/eval/report_markdown.h"
#include "af2/eval/spectrogram_png.h"
#include "eval_report_samples.h"
#include "refused.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::refused;
using test::sample_compare;
using test::sample_score;
using test::sample_scores;
using test::sample_summary;
using ::testing::HasSubstr;
using ::testing::Not;

const char* const kEvil = "<script>alert('x')</script>\" onerror=\"x & <b> | `c` {{body}}";

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

// Puts `text` in the place of every string but those that decide something.
void plant(Json& json, const std::string& text) {
  for (auto& [key, value] : json.items()) {
    if (value.is_structured())
      plant(value, text);
    else if (value.is_string() && key != "schema" && key != "unit" && key != "redistribute" &&
             key != "matcher" && key != "error" && key != "layout")
      value = text;
  }
}

std::vector<float> report_tone(double hz) {
  std::vector<float> samples(16000);
  for (std::size_t t = 0; t < samples.size(); ++t)
    samples[t] =
        0.3f * static_cast<float>(std::sin(2 * std::numbers::pi * hz * static_cast<double>(t) / 16000));
  return samples;
}

// A folder of sounds with one tone, the one that the made scores name.
struct ReportTone {
  test::Scratch scratch;
  ReportTone() {
    fs::create_directories(scratch / "clips");
    write_wav(scratch / "clips/tone.wav", report_tone(1000));
  }
  ReportSounds sounds(ReportSounds::Where where) const {
    ReportSounds sounds;
    sounds.where = where, sounds.root = scratch.path(), sounds.prefix = "../audio/";
    sounds.worst = 2, sounds.best = 1;
    return sounds;
  }
};

TEST(EvalReport, MarkdownBeginsWithTheLineOfTheBenchmark) {
  const std::string text = report_markdown(sample_summary(), nullptr);
  EXPECT_THAT(
      text,
      HasSubstr(
          "| score \xc2\xb1 | n | failures | unmatched | official / robust | audio off | hearing gain | AF2 "
          "| best | caveat |\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "| 62.4 % \xc2\xb1 3.0 | 1,000 | 3 | 12 (1.2 %) | 62.4 % / 63.1 % | 41.1 % | +21.3 points (18.0 to "
          "24.5) over audio_off | 62.4 % | 82.2 % | none known |\n"));
  EXPECT_THAT(text, HasSubstr("| accuracy (robust) | 63.1 % | 60.1 to 66.1 | 1,000 |"));
  EXPECT_THAT(
      text, HasSubstr("| circular_accuracy | not computed |  | 0 |  | needs other orders of the options |"));
  EXPECT_THAT(text, HasSubstr("| sound | 333 | 70.0 % | 65.0 to 75.0 | 71.47 % |"));
  EXPECT_THAT(text, HasSubstr("| model_facts weights | ef56 |"));
}

TEST(EvalReport, FewItemsAreCounted) {
  const std::string text = report_markdown(sample_summary(), nullptr);
  EXPECT_THAT(text, HasSubstr("| speech | 12 | 58.3 % of 12 | 33.3 to 83.3 |"));
  const std::string page = report_html(sample_summary(), {}, nullptr, {});
  // In the table and twice in the drawing; never alone.
  EXPECT_EQ(occurrences(page, "58.3 %"), occurrences(page, "58.3 % of 12"));
  EXPECT_GE(occurrences(page, "58.3 % of 12"), 2u);
}

TEST(EvalReport, BaselinesStandBesideTheScore) {
  const std::string text = report_markdown(sample_summary(), nullptr);
  EXPECT_THAT(text, HasSubstr("| always_first | 39.5 % |  | 1,000 | +22.9 points, the score is above it |"));
  EXPECT_THAT(
      text, HasSubstr("| audio_off | 41.1 % | 38.1 to 44.1 | 1,000 | +21.3 points, the score is above it |"));
  Json weak = sample_summary();
  weak["blind"][1]["value"] = 0.61;  // within the interval of the score
  weak["hearing_gain"]["low"] = -0.01;
  const std::string told = report_markdown(weak, nullptr);
  EXPECT_THAT(told, HasSubstr("+1.4 points, the score is not told apart from it"));
  EXPECT_THAT(told, HasSubstr("| not above guessing; hearing gain not shown |"));
  weak["blind"][1]["value"] = 0.7;
  EXPECT_THAT(report_markdown(weak, nullptr), HasSubstr("-7.6 points, the score is below it"));
}

TEST(EvalReport, NoWinInsideTheInterval) {
  Json summary = sample_summary();
  PublishedView view = published_view(summary);
  ASSERT_EQ(view.rows.size(), 3u);
  EXPECT_EQ(view.rows[0].verdict, "inside the interval: no difference can be told");
  EXPECT_EQ(view.rows[1].verdict, "this run is below, outside its interval");
  EXPECT_EQ(view.rows[2].verdict, "this run is above, outside its interval");
  summary["published"]["rows"][2]["value"] = 59.4 + 1e-9;
  EXPECT_EQ(published_view(summary).rows[2].verdict, "inside the interval: no difference can be told");
  summary["metrics"][0]["low"] = nullptr;
  EXPECT_EQ(published_view(summary).rows[2].verdict, "no interval: no word");
  summary["published"]["rows"][2]["metric"] = "macro_f1, zero-shot";
  EXPECT_EQ(published_view(summary).rows[2].verdict, "another metric: not compared");
  summary["published"]["metric"] = "bertscore";
  EXPECT_EQ(published_view(summary).rows[0].verdict, "not compared");
  EXPECT_THAT(report_markdown(summary, nullptr),
              HasSubstr("Not compared: this run has no metric bertscore."));

  Json part = sample_summary();
  part["run"]["limit"] = 100;
  for (const PublishedLine& line : published_view(part).rows)
    EXPECT_EQ(line.verdict, "not compared: a part of the items");
  EXPECT_THAT(report_markdown(part, nullptr), HasSubstr("| a part of the items |\n"));
}

TEST(EvalReport, PublishedUnits) {
  Json summary = sample_summary();
  Json& mark = summary["metrics"][0];
  summary["benchmark"]["primary"] = mark["name"] = "judge_mean";
  mark["matcher"] = "", mark["unit"] = "mark", mark["value"] = 4.1, mark["low"] = 3.9, mark["high"] = 4.3;
  summary["published"]["metric"] = "judge_mean/5*100", summary["published"]["unit"] = "judge_pct";
  const PublishedView view = published_view(summary);
  ASSERT_TRUE(view.ours);
  EXPECT_NEAR(*view.ours->value, 82, 1e-9);
  EXPECT_NEAR(*view.ours->low, 78, 1e-9);
  EXPECT_EQ(view.rows[1].verdict, "inside the interval: no difference can be told");  // 82.2
  EXPECT_THAT(report_markdown(summary, nullptr),
              HasSubstr("| judge_mean | 4.100 | 3.900 to 4.300 | 1,000 | mark |"));
  summary["published"]["metric"] = "judge_mean", summary["published"]["unit"] = "percent";
  EXPECT_EQ(published_view(summary).why_not, "judge_mean has another unit (mark)");
  mark["known"] = false, mark["note"] = "no judge";
  EXPECT_EQ(published_view(summary).why_not, "judge_mean was not computed: no judge");
}

// Gains and lengths are of items' scores, 0 to 1; a mark or CIDEr-D is of another scale and never beside
// them.
TEST(EvalReport, ScoresOfItemsAreNoMarks) {
  Json summary = sample_summary();
  summary["benchmark"]["primary"] = "cider_d", summary["item_score"] = "CIDEr-D / 10";
  Json metric = test::sample_metric("cider_d", "", 0.46, 0.02, 1000);
  metric["unit"] = "cider_d";
  summary["metrics"] = {metric};
  summary["variants"][0]["value"] = 0.12, summary["variants"][0]["low"] = 0.1,
  summary["variants"][0]["high"] = 0.14;
  const std::string text = report_markdown(summary, nullptr), page = report_html(summary, {}, nullptr, {});
  EXPECT_THAT(text, HasSubstr("| 0.460 \xc2\xb1 0.020 | 1,000 |"));
  EXPECT_THAT(text, HasSubstr("| +21.3 points (18.0 to 24.5) of CIDEr-D / 10 over audio_off |"));
  EXPECT_THAT(text,
              HasSubstr("| audio_off | 0.120 | 0.100 to 0.140 | 1,000 | +0.340, the score is above it |"));
  EXPECT_THAT(text, HasSubstr("| chance | 25.5 % |  | 1,000 |  |"));
  EXPECT_THAT(page, HasSubstr("Score by length of the sound: CIDEr-D / 10"));
  const std::string lengths = page.substr(page.find("<h2 id=lengths>"), 2000);
  EXPECT_THAT(lengths.substr(0, lengths.find("</svg>")), Not(HasSubstr("all items")));
  // Numbers that are none, in memory or as null in a file, are absent.
  summary["metrics"][0]["low"] = std::nan("");
  EXPECT_THAT(report_markdown(summary, nullptr), HasSubstr("| 0.460 | 1,000 |"));
}

TEST(EvalReport, GuessingIsHeldAgainstTheSameItems) {
  // A tenth of a mixed set has options: 62.4 % of all says nothing beside 25.5 % of those.
  Json summary = sample_summary();
  summary["blind"][0]["n"] = 100;
  summary["blind"][0]["beside"] = {{"value", 0.24}, {"low", 0.16}, {"high", 0.33}, {"n", 100}};
  const std::string text = report_markdown(summary, nullptr);
  EXPECT_THAT(text,
              HasSubstr("| chance | 25.5 % |  | 100 | -1.5 points from 24.0 % of those 100, the score is "
                        "not told apart from it |"));
  EXPECT_THAT(text, HasSubstr("what needs no hearing: chance."));
}

TEST(EvalReport, MarksOfAJudgeHaveTheirTable) {
  Json summary = sample_summary();
  EXPECT_TRUE(judge_view(summary).rows.empty());
  summary["judge"] = {{"judge", "gpt"},
                      {"rubric", "longaudiobench"},
                      {"scale", {1.0, 10.0}},
                      {"marked", 30},
                      {"mean", 4.5},
                      {"category_macro_mean", 4.75},
                      {"categories", {{"plot", {{"n", 20}, {"mean", 4.25}}}}},
                      {"reference_as_response", {{"n", 30}, {"mean", 9.5}}}};
  const std::string text = report_markdown(summary, nullptr), page = report_html(summary, {}, nullptr, {});
  EXPECT_THAT(text, HasSubstr("Marks of gpt by rubric longaudiobench, 1 to 10."));
  EXPECT_THAT(text, HasSubstr("| plot | 20 | 4.25 |"));
  EXPECT_THAT(text, HasSubstr("| the references themselves | 30 | 9.50 |"));
  EXPECT_THAT(page, HasSubstr("the references themselves"));
}

TEST(EvalReport, CaveatsAreSaid) {
  Json summary = sample_summary();
  EXPECT_TRUE(caveats(summary).empty());
  summary["benchmark"]["contamination"] = "GTZAN/train stands in the public config.";
  summary["benchmark"]["layout"] = "unverified";
  summary["data"]["mismatches"] = {"1,000 items expected, 998 found"};
  summary["data"]["missing_audio"] = 2;
  summary["data"]["overlap"] = {{"FSD50K", 7}, {"ESC-50", 0}};
  summary["counts"]["length"] = 4;
  summary["seconds"]["cut"] = 120.0;
  summary["metrics"][1]["value"] = 0.66;
  summary["judge"] = {{"n", 1000}, {"judge_failed", 11}};
  summary["run"]["not_answered"] = 6;
  const auto list = caveats(summary);
  std::vector<std::string> words;
  for (const auto& [few, sentence] : list) words.push_back(few);
  EXPECT_THAT(words, ::testing::ElementsAre("perhaps seen in training", "other data than expected",
                                            "overlaps with FSD50K", "2 sounds missing", "layout unverified",
                                            "matchers differ", "4 answers cut", "sound cut", "unfinished",
                                            "judge failed"));
  const std::string text = report_markdown(summary, nullptr), page = report_html(summary, {}, nullptr, {});
  for (const auto& [few, sentence] : list) {
    EXPECT_THAT(text, HasSubstr(sentence));
    EXPECT_THAT(page, HasSubstr(sentence));
  }
  EXPECT_THAT(text, HasSubstr("The robust matcher gives +3.6 points against the official one"));
}

TEST(EvalReport, TwoRuns) {
  const std::string text = report_markdown(sample_summary(), sample_compare());
  EXPECT_THAT(text, HasSubstr("A: small (AF2-0.5B). B: large (AF2-3B). B is above A on these items."));
  EXPECT_THAT(text, HasSubstr("| B minus A | +6.0 points |"));
  EXPECT_THAT(text, HasSubstr("| B better / worse / equal, items | 121 / 61 / 818 |"));
  EXPECT_THAT(text,
              HasSubstr("| McNemar | A alone right 61, B alone right 121, exact p 1e-05, mid p 9e-06 |"));
  EXPECT_THAT(text, HasSubstr("| sound | 333 | +5.0 points | -1.0 to 11.0 |"));
  Json equal = sample_compare();
  equal["low"] = -0.01;
  EXPECT_THAT(report_markdown(sample_summary(), equal), HasSubstr("no difference can be told."));
  equal["low"] = -0.3, equal["high"] = -0.1;
  EXPECT_THAT(report_markdown(sample_summary(), equal), HasSubstr("B is below A on these items."));

  const std::string page = report_html(sample_summary(), sample_scores(10), sample_compare(), {});
  EXPECT_THAT(
      page,
      HasSubstr(
          "<tr><th scope=row>item00004<td class=n>1<td class=n>0<td>A<td>a dog<td>(a) a dog<td>both</tr>"));
  EXPECT_THAT(page, HasSubstr("<tr><th scope=row>item00001<td class=n>0<td class=n>1<td>B"));
  Json many = sample_compare();
  many["flipped"] = Json::array();
  for (int i = 0; i < 1234; ++i)
    many["flipped"].push_back({{"id", "item" + std::to_string(i)}, {"a", 1}, {"b", 0}});
  EXPECT_THAT(report_html(sample_summary(), {}, many, {}), HasSubstr("and 1,034 more"));
  EXPECT_THAT(report_markdown(sample_summary(), many), HasSubstr("and 1,184 more"));
}

TEST(EvalReport, NothingOfTheDataIsMarkup) {
  Json summary = sample_summary(), compare = sample_compare();
  std::vector<Json> scores = sample_scores(30);
  scores[3]["error"] = kEvil;
  scores[4]["groups"] = {{kEvil, kEvil}};
  summary["groups"][kEvil] = summary["groups"]["task"];
  summary["judge"] = {{kEvil, kEvil}};
  summary["data"]["overlap"] = {{kEvil, 1}};
  for (Json* json : {&summary, &compare}) plant(*json, kEvil);
  for (Json& row : scores) plant(row, kEvil);
  const std::string page = report_html(summary, scores, compare, {});
  EXPECT_EQ(occurrences(page, "<script"), 1u);  // its own
  EXPECT_EQ(occurrences(page, "</script"), 1u);
  EXPECT_EQ(occurrences(page, "<section"), occurrences(page, "</section>"));
  EXPECT_EQ(occurrences(page, "<main>"), 1u);
  EXPECT_EQ(occurrences(page, "id=items>"), 1u);  // a planted {{body}} puts nothing in
  EXPECT_THAT(page, Not(HasSubstr("onerror=\"")));
  EXPECT_THAT(page, Not(HasSubstr("& <b>")));
  EXPECT_THAT(
      page,
      HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onerror=&quot;x &amp; &lt;b&gt;"));

  const std::string text = report_markdown(summary, compare);
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_THAT(text, HasSubstr("&lt;b> \\| \\`c\\`"));
  // Each row of a table has as many cells as its head.
  std::size_t cells = 0;
  for (const std::string& line : split(text, '\n')) {
    if (!starts_with(line, "|")) {
      cells = 0;
      continue;
    }
    std::size_t n = 0;
    for (std::size_t i = 0; i < line.size(); ++i) n += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    if (cells == 0) cells = n;
    EXPECT_EQ(n, cells) << line;
  }
}

TEST(EvalReport, PageNeedsNothingElse) {
  const std::string page = report_html(sample_summary(), sample_scores(300), sample_compare(), {});
  for (const char* outside :
       {"http:", "https:", "//", "@import", "url(", "<link", "<iframe", "src=", "fetch("})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  EXPECT_EQ(report_html(sample_summary(), sample_scores(300), sample_compare(), {}), page);
  EXPECT_EQ(report_markdown(sample_summary(), sample_compare()),
            report_markdown(sample_summary(), sample_compare()));
  for (const char* id : {"score", "published", "metrics", "baselines", "groups", "lengths", "options",
                         "confusion", "calibration", "compare", "cards", "all", "traps", "more", "again"}) {
    EXPECT_EQ(occurrences(page, std::string("<h2 id=") + id + ">"), 1u) << id;
    EXPECT_EQ(occurrences(page, std::string("href=\"#") + id + "\""), id == std::string("score") ? 2u : 1u)
        << id;
  }
}

TEST(EvalReport, EveryPictureHasWordsAndATable) {
  const ReportTone tone;
  const std::string page =
      report_html(sample_summary(), sample_scores(30), sample_compare(), tone.sounds(ReportSounds::kInside));
  const std::size_t drawings = occurrences(page, "<svg");
  EXPECT_EQ(drawings, 9u);
  EXPECT_EQ(occurrences(page, " role=img aria-label=\""), drawings);
  EXPECT_EQ(occurrences(page, "aria-label=\"\""), 0u);
  EXPECT_EQ(occurrences(page, "</figcaption></figure><div class=scroll"), drawings);
  EXPECT_EQ(occurrences(page, "<table"), occurrences(page, "<caption>"));
  EXPECT_EQ(occurrences(page, "<img "), 3u);
  EXPECT_EQ(occurrences(page, "alt=\"Log-mel spectrogram of 1.0 seconds of sound, 40 Hz to 8 kHz\""), 3u);
  EXPECT_EQ(occurrences(page, "aria-label=\"Sound of item"), 3u);
  EXPECT_THAT(page, Not(HasSubstr("nan")));
  EXPECT_THAT(page, Not(HasSubstr("1e+300")));
}

TEST(EvalReport, SoundsInsideOrBeside) {
  const ReportTone tone;
  const std::string wav = wav_bytes(report_tone(1000));
  const std::string inside =
      report_html(sample_summary(), sample_scores(30), nullptr, tone.sounds(ReportSounds::kInside));
  EXPECT_EQ(
      occurrences(inside, "src=\"data:audio/wav;base64," + base64(std::as_bytes(std::span(wav))) + "\""), 3u);
  EXPECT_EQ(occurrences(inside, "1.0 s, -13.5 dB in the mean"), 3u);  // 0.3 / sqrt 2
  ReportSounds beside = tone.sounds(ReportSounds::kBeside);
  beside.stretches["item00000"] = {0.25, 0.5};
  const std::string page = report_html(sample_summary(), sample_scores(30), nullptr, beside);
  EXPECT_EQ(occurrences(page, "src=\"../audio/clips/tone.wav\""), 2u);
  EXPECT_EQ(occurrences(page, "src=\"../audio/clips/tone.wav#t=0.250,0.750\""), 1u);
  EXPECT_EQ(occurrences(page, "0.5 s, -13.5 dB"), 1u);
  EXPECT_THAT(page, Not(HasSubstr("data:audio")));

  std::vector<Json> scores = sample_scores(3);
  scores[0]["audio"] = {"../tone.wav"};
  for (const int i : {1, 2}) scores[static_cast<std::size_t>(i)]["audio"] = {"clips/gone.wav"};
  const std::string without =
      report_html(sample_summary(), scores, nullptr, tone.sounds(ReportSounds::kInside));
  EXPECT_THAT(without, HasSubstr("The path of the sound leads out of its folder."));
  EXPECT_EQ(occurrences(without, "The sound cannot be read: "), 2u);
  EXPECT_THAT(without, Not(HasSubstr(tone.scratch.path().string())));
}

TEST(EvalReport, PassesOnlyOnWhatItMay) {
  const ReportTone tone;
  Json summary = sample_summary();
  std::vector<Json> scores = sample_scores(30);
  for (Json& row : scores) {
    row["gold"] = {"owned gold"}, row["choices"] = {"owned gold", "owned option"};
    row["prompt"] = row["question"] = "owned question";
    row["official"]["parsed"] = row["robust"]["parsed"] = "owned option";
  }
  const auto page = [&](const Json& allowed) {
    summary["benchmark"]["redistribute"] = allowed;
    return report_html(summary, scores, sample_compare(), tone.sounds(ReportSounds::kInside));
  };
  for (const Json& allowed : {Json("none"), Json(nullptr), Json("text")}) {
    const std::string html = page(allowed);
    EXPECT_EQ(occurrences(html, "<audio"), 0u) << allowed;
    EXPECT_THAT(html, Not(HasSubstr("base64"))) << allowed;
    EXPECT_EQ(html.find("owned") != std::string::npos, allowed == "text") << allowed;
    EXPECT_EQ(html.find("a question of the owner") != std::string::npos, allowed == "text") << allowed;
    EXPECT_THAT(html, HasSubstr("item00003")) << allowed;
    EXPECT_THAT(html, HasSubstr("(b) a cat")) << allowed;
    EXPECT_THAT(html, HasSubstr("does not allow")) << allowed;
  }
  const std::string all = page("all");
  EXPECT_EQ(occurrences(all, "<audio"), 3u);
  EXPECT_THAT(all, HasSubstr("<li class=gold>owned gold \xe2\x9c\x93 right</li><li>owned option</li>"));
  EXPECT_THAT(all, Not(HasSubstr("does not allow")));
}

TEST(EvalReport, WorstFirst) {
  std::vector<Json> scores = {sample_score(1, true, -0.1), sample_score(2, true, -0.5),
                              sample_score(3, false, -0.9), sample_score(4, false, -0.2),
                              sample_score(5, false, -0.2)};
  scores.push_back(sample_score(6, false, 0));
  scores.back()["logprob_mean"] = nullptr, scores.back()["error"] = "clip missing",
  scores.back()["output"] = "";
  EXPECT_EQ(worst_first(scores), (std::vector<std::size_t>{3, 4, 2, 5, 1, 0}));
  EXPECT_EQ(item_state(scores[0]), "right");
  EXPECT_EQ(item_state(scores[3]), "wrong");
  EXPECT_EQ(item_state(scores[5]), "failed");
  scores[3]["robust"]["parsed"] = nullptr;
  EXPECT_EQ(item_state(scores[3]), "no answer");
  scores[3]["official"]["excluded"] = true;
  EXPECT_EQ(item_state(scores[3]), "left out");
  scores[2]["score"] = 0.5;
  EXPECT_EQ(item_state(scores[2]), "partly");
  EXPECT_EQ(item_state(Json{{"id", "x"}, {"score", 0.5}}), "scored");
  EXPECT_EQ(item_state(Json{{"id", "x"}, {"score", nullptr}}), "no mark");
  // The summary's own choice goes before.
  Json summary = sample_summary();
  summary["items"] = {{"worst", {"item00001"}}, {"best", {"item00003", "not there"}}};
  const std::string page = report_html(summary, scores, nullptr, {});
  EXPECT_EQ(occurrences(page, "<article"), 2u);
  EXPECT_LT(page.find("<h4>item00001"), page.find("<h4>item00003"));
}

TEST(EvalReport, TwentyThousandItems) {
  const std::vector<Json> scores = sample_scores(20000);
  const std::string page = report_html(sample_summary(), scores, nullptr, {});
  EXPECT_EQ(occurrences(page, "<tr data-state="), 250u);
  EXPECT_EQ(occurrences(page, "<tr data-state=\"right\""), 50u);
  EXPECT_THAT(page, HasSubstr("The 200 worst and the 50 best of 20,000 items."));
  EXPECT_LT(page.size(), 200000u);
  EXPECT_EQ(occurrences(page, "<article"), 15u);
}

TEST(EvalReport, ASummaryWithLittleInIt) {
  Json bare = {{"benchmark", {{"id", "x"}, {"name", "X"}, {"primary", "cider_d"}}},
               {"metrics", Json::array()}};
  const std::string text = report_markdown(bare, nullptr), page = report_html(bare, {}, nullptr, {});
  EXPECT_THAT(
      text,
      HasSubstr("| not computed | 0 | 0 | 0 | none / none | not run | not run | not known | not known |"));
  EXPECT_THAT(page, HasSubstr("No published values are known."));
  EXPECT_EQ(occurrences(page, "<svg"), 0u);
  bare["metrics"].push_back({{"name", "cider_d"},
                             {"matcher", ""},
                             {"unit", "cider_d"},
                             {"value", 0.4567},
                             {"n", 5},
                             {"known", true}});
  EXPECT_THAT(report_markdown(bare, nullptr), HasSubstr("| 0.457, n 5 |"));
  refused(ErrorKind::kData, {"no summary"}, [] { report_markdown(Json::array(), nullptr); });
  refused(ErrorKind::kData, {"no summary"}, [] { report_html({{"benchmark", 3}}, {}, nullptr, {}); });
  bare["schema"] = "af2-eval/2";
  refused(ErrorKind::kData, {"af2-eval/2"}, [&] { report_markdown(bare, nullptr); });
}

TEST(EvalReport, Spectrogram) {
  const Spectrogram seen = spectrogram_of(report_tone(1000), 16000);
  EXPECT_EQ(seen.columns, 94);  // (16000 - 1024) / 160 + 1
  // 1000 Hz is 1000 mel, 21.94 steps of 42.7 mel above 40 Hz: nearest to the middle of the band of number 21.
  for (int column = 0; column < seen.columns; ++column) {
    const auto* levels = seen.levels.data() + column * seen.bands;
    EXPECT_EQ(std::max_element(levels, levels + seen.bands) - levels, 21) << column;
    EXPECT_EQ(levels[60], 0) << column;
  }
  EXPECT_EQ(spectrogram_of(std::vector<float>(480000, 0.1f), 16000).columns, kSpectrogramColumns);
  const Spectrogram nothing = spectrogram_of({}, 16000);
  EXPECT_EQ(nothing.columns, 1);
  EXPECT_EQ(nothing.levels, std::vector<std::uint8_t>(kSpectrogramBands, 0));
  EXPECT_LT(spectrogram_png(std::vector<float>(480000, 0.1f), 16000).size(), 17000u);
  // The same picture by Python's zlib and struct.
  const std::vector<std::uint8_t> pixels = {0, 1, 2, 2, 1, 0}, palette = {0, 0, 0, 255, 0, 0, 0, 255, 0};
  const std::string png = indexed_png(3, 2, pixels, palette);
  EXPECT_EQ(base64(std::as_bytes(std::span(png))),
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAMAAACqqpYoAAAACVBMVEUAAAD/AAAA/wD0g79+AAAAE0lEQVR4AQEIAPf/"
            "AAABAgACAQAAIAAH6s58rAAAAABJRU5ErkJggg==");
  refused(ErrorKind::kInternal, {"sizes"}, [&] { indexed_png(2, 2, pixels, palette); });
}

}  // namespace
}  // namespace af2
