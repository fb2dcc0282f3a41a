#include "af2/train/run_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/html.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr std::size_t kMostPoints = 2000;
constexpr int kRefresh_s = 20;

void put_slot(std::string& page, const std::string& name, const std::string& text) {
  const std::string slot = "{{" + name + "}}";
  for (std::size_t at = page.find(slot); at != std::string::npos; at = page.find(slot, at + text.size()))
    page.replace(at, slot.size(), text);
}

Json value_of(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found == record.end() ? Json() : *found;
}

Json loss_of_validation(const Json& validation) {
  return validation.is_object() ? value_of(validation, "loss") : Json();
}

std::string figure_text(const Json& record, const char* key, const char* form) {
  const Json value = value_of(record, key);
  return value.is_number() ? fmt::format(fmt::runtime(form), value.get<double>()) : "-";
}

}  // namespace

std::string run_page(const std::string& title, const std::string& metrics, std::int64_t steps, bool over) {
  std::vector<Json> records;
  Json validation = Json::array();
  for (const std::string& line : split(metrics, '\n')) {
    if (trim(line).empty()) continue;
    const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (record.is_discarded() || !record.is_object() || !record.contains("step")) continue;
    if (!record.contains("validation")) {
      records.push_back(record);
    } else if (const Json loss = loss_of_validation(record["validation"]); loss.is_number()) {
      validation.push_back({record["step"], loss});
    }
  }
  Json points = Json::array();
  const std::size_t stride = std::max<std::size_t>(1, (records.size() + kMostPoints - 1) / kMostPoints);
  for (std::size_t i = 0; i < records.size(); ++i)
    if (i % stride == 0 || i + 1 == records.size())
      points.push_back({records[i]["step"], value_of(records[i], "loss"), value_of(records[i], "grad_norm"),
                        value_of(records[i], "lr"), value_of(records[i], "audio_rate"),
                        value_of(records[i], "memory_mb")});
  const Json last = records.empty() ? Json::object() : records.back();
  const std::int64_t done = records.empty() ? 0 : last["step"].get<std::int64_t>();
  const Json data = {{"state", fmt::format("step {} of {}{}", done, steps, over ? ", over" : "")},
                     {"figures",
                      {{"loss", figure_text(last, "loss", "{:.4f}")},
                       {"gradient norm", figure_text(last, "grad_norm", "{:.3g}")},
                       {"learning rate", figure_text(last, "lr", "{:.2e}")},
                       {"ms a step", figure_text(last, "ms", "{:.0f}")},
                       {"sound, x real time", figure_text(last, "audio_rate", "{:.1f}")},
                       {"targets a second", figure_text(last, "target_rate", "{:.0f}")},
                       {"memory, MB", figure_text(last, "memory_mb", "{:.0f}")},
                       {"skipped steps", figure_text(last, "skipped", "{:.0f}")}}},
                     {"steps", points},
                     {"validation", validation}};
  for (const auto& [name, text] : embedded_run_pages()) {
    std::string page = text;
    put_slot(page, "refresh",
             over ? "" : fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">", kRefresh_s));
    put_slot(page, "title", html_text(title));
    put_slot(page, "data", script_json(data));
    return page;
  }
  throw internal_error("the page of a run is not in the program");
}

}  // namespace af2
