#include "af2/events/event_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "af2/core/error.h"
#include "af2/core/html.h"

namespace af2 {
namespace {

constexpr std::array<std::pair<const char*, EventFormat>, 7> kFormats = {
    {{"srt", EventFormat::kSrt},
     {"vtt", EventFormat::kVtt},
     {"csv", EventFormat::kCsv},
     {"tsv", EventFormat::kTsv},
     {"audacity", EventFormat::kAudacity},
     {"jams", EventFormat::kJams},
     {"json", EventFormat::kJson}}};

// Rounded half up.
long long milliseconds(double seconds) {
  return static_cast<long long>(std::floor(seconds * 1000 + 0.5));
}

// Seconds with at most three decimals.
double rounded(double seconds) {
  return static_cast<double>(milliseconds(seconds)) / 1000;
}

// 00:00:01,250; hours may pass 99.
std::string clock(double seconds, char point) {
  const long long ms = milliseconds(seconds);
  return fmt::format("{:02}:{:02}:{:02}{}{:03}", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, point,
                     ms % 1000);
}

std::string replaced(std::string text, const std::vector<std::pair<char, const char*>>& marks) {
  std::string out;
  for (const char c : text) {
    const auto found =
        std::find_if(marks.begin(), marks.end(), [&](const auto& mark) { return mark.first == c; });
    if (found == marks.end())
      out += c;
    else
      out += found->second;
  }
  return out;
}

std::string on_one_line(const std::string& text) {
  return replaced(text, {{'\t', " "}, {'\n', " "}, {'\r', " "}});
}

// RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  return '"' + replaced(text, {{'"', "\"\""}}) + '"';
}

std::string jams(const ClipEvents& clip, const std::string& version) {
  Json data = Json::array();
  for (const TimedEvent& e : clip.events)
    data.push_back({{"time", rounded(e.onset_s)},
                    {"duration", rounded(e.offset_s - e.onset_s)},
                    {"value", e.label},
                    {"confidence", e.score}});
  const Json annotation = {{"namespace", "segment_open"},
                           {"data", std::move(data)},
                           {"annotation_metadata", {{"annotation_tools", "af2 " + version}}},
                           {"sandbox", Json::object()},
                           {"time", 0},
                           {"duration", rounded(clip.seconds)}};
  const Json whole = {{"annotations", Json::array({annotation})},
                      {"file_metadata",
                       {{"title", std::filesystem::path(clip.path).filename().string()},
                        {"duration", rounded(clip.seconds)},
                        {"jams_version", "0.3.4"},
                        {"identifiers", Json::object()}}},
                      {"sandbox", Json::object()}};
  return whole.dump(2) + "\n";
}

std::string json(const ClipEvents& clip) {
  Json events = Json::array();
  for (const TimedEvent& e : clip.events)
    events.push_back({{"onset", rounded(e.onset_s)},
                      {"offset", rounded(e.offset_s)},
                      {"label", e.label},
                      {"score", e.score},
                      {"supported", e.supported}});
  return Json{{"path", clip.path},         {"duration", rounded(clip.seconds)}, {"method", clip.method},
              {"settings", clip.settings}, {"events", std::move(events)},       {"audio", clip.audio}}
             .dump() +
         "\n";
}

}  // namespace

EventFormat event_format(const std::string& name, const std::string& where) {
  for (const auto& [known, format] : kFormats)
    if (name == known) return format;
  throw user_error("is none of srt, vtt, csv, tsv, audacity, jams, json: " + name, where);
}

std::string write_tsv(const std::vector<ClipEvents>& clips) {
  std::string text = "filename\tonset\toffset\tevent_label\n";
  for (const ClipEvents& clip : clips)
    for (const TimedEvent& e : clip.events)
      text += fmt::format("{}\t{:.3f}\t{:.3f}\t{}\n",
                          on_one_line(std::filesystem::path(clip.path).filename().string()),
                          rounded(e.onset_s), rounded(e.offset_s), on_one_line(e.label));
  return text;
}

std::string write_events(EventFormat format, const ClipEvents& clip, const std::string& version) {
  std::string text;
  switch (format) {
    case EventFormat::kSrt: {
      int counter = 0;
      for (const TimedEvent& e : clip.events)
        text += fmt::format("{}\n{} --> {}\n{} ({:.2f})\n\n", ++counter, clock(e.onset_s, ','),
                            clock(e.offset_s, ','), on_one_line(e.label), e.score);
      return text;
    }
    case EventFormat::kVtt:
      text = "WEBVTT\n\n";
      for (const TimedEvent& e : clip.events)
        text += fmt::format("{} --> {}\n{} ({:.2f})\n\n", clock(e.onset_s, '.'), clock(e.offset_s, '.'),
                            html_text(on_one_line(e.label)), e.score);
      return text;
    case EventFormat::kCsv:
      text = "start,end,label,score\n";
      for (const TimedEvent& e : clip.events)
        text += fmt::format("{},{},{},{:.4f}\n", milliseconds(e.onset_s), milliseconds(e.offset_s),
                            csv_field(e.label), e.score);
      return text;
    case EventFormat::kTsv:
      return write_tsv({clip});
    case EventFormat::kAudacity:
      for (const TimedEvent& e : clip.events)
        text += fmt::format("{:.6f}\t{:.6f}\t{}\n", e.onset_s, e.offset_s, on_one_line(e.label));
      return text;
    case EventFormat::kJams:
      return jams(clip, version);
    case EventFormat::kJson:
      return json(clip);
  }
  throw internal_error("unknown event format");
}

std::string write_svg(const ClipEvents& clip) {
  std::vector<std::string> lanes;  // labels by their first event
  for (const TimedEvent& e : clip.events)
    if (std::find(lanes.begin(), lanes.end(), e.label) == lanes.end()) lanes.push_back(e.label);
  constexpr int kNames = 180, kWide = 800, kLane = 26, kTop = 34, kAxis = 30;
  const int height = kTop + kLane * static_cast<int>(std::max<std::size_t>(1, lanes.size())) + kAxis;
  const double seconds = std::max(clip.seconds, 0.001);
  const auto x = [&](double s) { return kNames + kWide * std::clamp(s / seconds, 0.0, 1.0); };
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n<title>Sound events in {2}</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"10\" y=\"20\">{2}, {3:.1f} "
      "s</text>\n",
      kNames + kWide + 20, height, html_text(std::filesystem::path(clip.path).filename().string()),
      clip.seconds);
  // Ticks at 1, 2 or 5 times a power of ten, at most ten of them.
  double step = 0.1;
  for (int k = 0; seconds / step > 10; ++k) step *= k % 3 == 1 ? 2.5 : 2;
  const int bottom = height - kAxis;
  for (int k = 0; k * step <= seconds + 1e-9; ++k)
    svg += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#ccc\"/>"
        "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\" fill=\"#444\">{4:g}</text>\n",
        x(k * step), kTop, bottom, bottom + 18, k * step);
  if (lanes.empty())
    svg += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"#444\">no event</text>\n", kNames + 10, kTop + 18);
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    const int top = kTop + static_cast<int>(lane) * kLane;
    svg += fmt::format("<text x=\"10\" y=\"{}\">{}</text>\n", top + 18, html_text(lanes[lane]));
    for (const TimedEvent& e : clip.events)
      if (e.label == lanes[lane])
        svg += fmt::format(
            "<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"3\" fill=\"#2b6cb0\" "
            "fill-opacity=\"{:.2f}\"><title>{} {:.2f}-{:.2f} s ({:.2f})</title></rect>\n",
            x(e.onset_s), top + 4, std::max(2.0, x(e.offset_s) - x(e.onset_s)), kLane - 8,
            0.35 + 0.65 * std::clamp(e.score, 0.0, 1.0), html_text(e.label), e.onset_s, e.offset_s, e.score);
  }
  return svg + "</svg>\n";
}

}  // namespace af2
