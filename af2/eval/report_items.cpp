#include "af2/eval/report_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <tuple>
#include <unordered_map>

#include "af2/audio/decode.h"
#include "af2/audio/signal.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/html.h"
#include "af2/core/text_util.h"
#include "af2/eval/report_figures.h"
#include "af2/eval/spectrogram_png.h"
#include "af2/factory/report.h"

namespace af2 {
namespace {

constexpr std::size_t kCardText = 2000, kCellText = 240;  // bytes
constexpr std::size_t kSoundsOfCard = 3, kFlippedRows = 200;

std::string base64_of(const std::string& bytes) {
  return base64(std::as_bytes(std::span(bytes)));
}

// Paths come from a file: none may lead out of the folder of sounds.
bool stays_below(const std::filesystem::path& path) {
  const auto normal = path.lexically_normal();
  return !normal.empty() && !normal.is_absolute() && *normal.begin() != "..";
}

std::string sound_part(const std::string& id, const std::string& path, const ReportSounds& sounds) {
  if (!stays_below(path)) return "<p class=soft>The path of the sound leads out of its folder.</p>";
  const auto found = sounds.stretches.find(id);
  const auto [start, duration] = found == sounds.stretches.end() ? std::pair(0.0, 0.0) : found->second;
  const double shown = duration > 0 ? std::min(duration, sounds.seconds) : sounds.seconds;
  Clip clip;
  try {
    clip = decode_file(sounds.root / path, {.start_s = start, .duration_s = duration, .max_seconds = shown});
  } catch (const Error& error) {
    return "<p class=soft>The sound cannot be read: " + html_text(error.problem()) + ".</p>";
  }
  std::string address;
  if (sounds.where == ReportSounds::kInside) {
    address = "data:audio/wav;base64," + base64_of(wav_bytes(clip.samples, {.rate_hz = clip.rate_hz}));
  } else {
    address = address_of(sounds.prefix + path);
    if (start > 0 || duration > 0) address += fmt::format("#t={:.3f}", start);
    if (duration > 0) address += fmt::format(",{:.3f}", start + duration);
  }
  const double hidden = clip.wanted_seconds - clip.seconds;
  return fmt::format(
      "<audio controls preload={} src=\"{}\" aria-label=\"Sound of {}\"></audio><figure><img width={} "
      "height={} src=\"data:image/png;base64,{}\" alt=\"Log-mel spectrogram of {:.1f} seconds of sound, 40 "
      "Hz "
      "to {:.0f} kHz\"><figcaption>{:.1f} s{}, {:.1f} dB in the mean, 40 Hz to {:.0f} "
      "kHz</figcaption></figure>",
      sounds.where == ReportSounds::kInside ? "metadata" : "none", html_text(address), html_text(id),
      kSpectrogramColumns, kSpectrogramBands, base64_of(spectrogram_png(clip.samples, clip.rate_hz)),
      clip.seconds, clip.rate_hz / 2000.0, clip.seconds,
      hidden > 0.05 ? fmt::format(" of {:.1f} s", clip.wanted_seconds) : "", rms_db(clip.samples),
      clip.rate_hz / 2000.0);
}

std::string score_shown(const Json& row, const char* key) {
  const auto score = number_at(row, key);
  return score ? fmt::format("{:.3g}", *score) : std::string();
}

std::string groups_shown(const Json& row) {
  std::string text;
  const Json& groups = part_at(row, "groups");
  if (groups.is_object())
    for (const auto& [by, value] : groups.items())
      text += (text.empty() ? "" : ", ") + by + " " + plain_text(value);
  return text;
}

std::string fact_line(const char* name, const std::string& text, std::string_view css = "") {
  if (text.empty()) return "";
  return fmt::format("<dt>{}</dt><dd{}>{}</dd>", name,
                     css.empty() ? std::string() : fmt::format(" class={}", css),
                     html_text(cut_text(text, kCardText)));
}

// The question with its options, the right ones marked; without options the question, else the prompt.
std::string asked_part(const Json& row) {
  const std::string question = text_at(row, "question");
  const Json &choices = part_at(row, "choices"), &gold = part_at(row, "gold");
  if (!choices.is_array()) return fact_line("Asked", question.empty() ? text_at(row, "prompt") : question);
  std::string html = fact_line("Asked", question) + "<dt>Options</dt><dd><ol class=options>";
  bool any = false;
  for (const Json& choice : choices) {
    const bool right =
        choice == gold || (gold.is_array() && std::find(gold.begin(), gold.end(), choice) != gold.end());
    any = any || right;
    html +=
        fmt::format("<li{}>{}{}</li>", right ? " class=gold" : "",
                    html_text(cut_text(plain_text(choice), kCellText)), right ? " \xe2\x9c\x93 right" : "");
  }
  html += "</ol></dd>";
  return any ? html : html + fact_line("Right", plain_text(gold), "gold");
}

// The state as a word with a sign: never by colour alone.
std::string state_badge(const std::string& state) {
  const bool good = state == "right",
             neutral = state == "scored" || state == "partly" || state == "left out" || state == "no mark";
  return fmt::format("<span class=\"state {}\">{} {}</span>",
                     good      ? "good"
                     : neutral ? "soft"
                               : "bad",
                     good      ? "\xe2\x9c\x93"
                     : neutral ? "\xe2\x80\xa2"
                               : "\xe2\x9c\x97",
                     html_text(state));
}

}  // namespace

std::vector<std::size_t> worst_first(const std::vector<Json>& scores) {
  struct Key {
    double score, sure;
    std::string id;
  };
  std::vector<Key> keys;
  for (const Json& row : scores) {
    const double score = number_at(row, "score").value_or(0);
    // An item without an answer is no sure one: behind the wrong answers, before the right ones.
    const double sure = number_at(row, "logprob_mean").value_or(-1e9);
    keys.push_back({score, score > 0 ? sure : -sure, text_at(row, "id")});
  }
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(keys[a].score, keys[a].sure, keys[a].id) <
           std::tie(keys[b].score, keys[b].sure, keys[b].id);
  });
  return order;
}

std::string item_state(const Json& row) {
  if (!text_at(row, "error").empty()) return "failed";
  const auto says = [](const Json& match, const char* key) {
    const Json& value = part_at(match, key);
    return value.is_boolean() && value.get<bool>();
  };
  const Json &official = part_at(row, "official"), &robust = part_at(row, "robust");
  if (says(official, "excluded")) return "left out";
  const Json& main = official.is_object() ? official : robust;
  if (!number_at(row, "score")) return "no mark";
  if (!main.is_object()) return "scored";
  if (says(main, "right")) return "right";
  if (part_at(robust.is_object() ? robust : main, "parsed").is_null()) return "no answer";
  return *number_at(row, "score") > 0 ? "partly" : "wrong";
}

std::string item_card(const Json& row, const Json& summary, const ReportSounds& sounds) {
  const std::string id = text_at(row, "id");
  const bool texts = texts_allowed(summary);
  std::string html =
      fmt::format("<article class=item><h4>{} {}</h4>", html_text(id), state_badge(item_state(row)));
  const Json& audio = part_at(row, "audio");
  if (sounds_allowed(summary) && sounds.where != ReportSounds::kNone && audio.is_array())
    for (std::size_t i = 0; i < audio.size() && i < kSoundsOfCard; ++i)
      html += sound_part(id, plain_text(audio[i]), sounds);
  html += "<dl>";
  if (texts) {
    html += asked_part(row);
    if (!part_at(row, "choices").is_array()) html += fact_line("Right", text_at(row, "gold"), "gold");
  }
  html += fact_line("Answer", text_at(row, "output"), "answer");
  if (texts)
    html += fact_line("Read, official", text_at(part_at(row, "official"), "parsed")) +
            fact_line("Read, robust", text_at(part_at(row, "robust"), "parsed"));
  html += fact_line("Why", text_at(part_at(row, part_at(row, "robust").is_object() ? "robust" : "official"),
                                   "why")) +
          fact_line("Failure", text_at(row, "error"));
  html += fact_line("Score", score_shown(row, "score")) + fact_line("Judge", score_shown(row, "judge")) +
          fact_line("Log-probability", score_shown(row, "logprob_mean")) +
          fact_line("Seconds", score_shown(row, "seconds")) + fact_line("Groups", groups_shown(row));
  if (const Json& variants = part_at(row, "variants"); variants.is_object()) {
    std::string text;
    for (const auto& [name, value] : variants.items())
      text += (text.empty() ? "" : ", ") + name + " " + plain_text(value);
    html += fact_line("Other variants", text);
  }
  return html + "</dl></article>\n";
}

std::string item_table(const std::vector<Json>& scores, const std::vector<std::size_t>& places,
                       const Json& summary) {
  const bool texts = texts_allowed(summary);
  std::string html = fmt::format(
      "<table id=items><caption>Items, the worst first</caption><thead><tr><th scope=col>id<th "
      "scope=col>state<th "
      "scope=col class=n>score{}<th scope=col>answer<th scope=col>groups</tr></thead><tbody>\n",
      texts ? "<th scope=col>asked<th scope=col>right" : "");
  for (const std::size_t place : places) {
    const Json& row = scores[place];
    const std::string state = item_state(row), failure = text_at(row, "error");
    html += fmt::format("<tr data-state=\"{}\"><th scope=row>{}<td>{}<td class=n>{}", html_text(state),
                        html_text(text_at(row, "id")), state_badge(state), score_shown(row, "score"));
    const auto cell = [&](const std::string& text) { html += "<td>" + html_text(cut_text(text, kCellText)); };
    if (texts)
      cell(text_at(row, row.contains("question") ? "question" : "prompt")), cell(text_at(row, "gold"));
    cell(failure.empty() ? text_at(row, "output") : failure);
    cell(groups_shown(row));
    html += "</tr>\n";
  }
  return html + "</tbody></table>";
}

std::string flipped_table(const Json& flipped, const std::vector<Json>& scores, const Json& summary) {
  if (!flipped.is_array() || flipped.empty()) return "<p class=soft>No item flipped.</p>";
  std::unordered_map<std::string, const Json*> rows;
  for (const Json& row : scores) rows.emplace(text_at(row, "id"), &row);
  const bool texts = texts_allowed(summary);
  std::string html = fmt::format(
      "<table class=wide><caption>Items that flipped</caption><thead><tr><th scope=col>id<th scope=col "
      "class=n>A<th scope=col class=n>B<th scope=col>better{}<th scope=col>answer of A<th scope=col>answer "
      "of "
      "B</tr></thead><tbody>\n",
      texts ? "<th scope=col>right" : "");
  std::size_t n = 0;
  for (const Json& item : flipped) {
    if (n++ == kFlippedRows) break;
    const double a = number_at(item, "a").value_or(0), b = number_at(item, "b").value_or(0);
    const auto cell = [&](const std::string& text) { html += "<td>" + html_text(cut_text(text, kCellText)); };
    html += fmt::format("<tr><th scope=row>{}<td class=n>{:.3g}<td class=n>{:.3g}<td>{}",
                        html_text(text_at(item, "id")), a, b,
                        a == b  ? "equal"
                        : a > b ? "A"
                                : "B");
    const auto found = rows.find(text_at(item, "id"));
    if (texts) cell(found == rows.end() ? "" : text_at(*found->second, "gold"));
    cell(text_at(item, "output_a")), cell(text_at(item, "output_b"));
    html += "</tr>\n";
  }
  html += "</tbody></table>";
  if (flipped.size() > kFlippedRows)
    html += fmt::format("<p class=soft>and {} more</p>",
                        count_text(static_cast<std::int64_t>(flipped.size() - kFlippedRows)));
  return html;
}

}  // namespace af2
